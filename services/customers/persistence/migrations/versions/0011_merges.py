"""Merged records, which documents a merge moved, and what duplicates are found by.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


# As `domain/duplicates.py` folds; a copy, since what is stored was folded so.
LEGAL_WORDS = (
    'oy|oyj|ab|abp|ky|kb|tmi|ry|rf|osk|hb|kft|zrt|nyrt|rt|bt|kkt|ev|ltd|limited|plc|'
    'llc|llp|inc|corp|corporation|co|company|gmbh|ag|kg|ohg|ug|bv|nv|as|asa|aps|ou|'
    'sia|uab|sa|sas|sarl|srl|spa|sl|sro|doo'
)
FOLDED_NAME = r"""
    CREATE FUNCTION folded_name(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT coalesce(nullif(btrim(regexp_replace(bare, '(^| )(WORDS)(?= |$)', '', 'g')), ''),
                        nullif(bare, ''))
        FROM (SELECT btrim(regexp_replace(translate(lower(regexp_replace(normalize(
                  replace(replace(replace(replace(replace(replace(replace(
                      translate(name, 'øØłŁđĐðÐ', 'ooLLdddd'), 'ß', 'ss'), 'æ', 'ae'), 'Æ', 'ae'),
                      'œ', 'oe'), 'Œ', 'oe'), 'þ', 'th'), 'Þ', 'th'),
                  NFKD), '[\u0300-\u036f]', '', 'g')), '.' || chr(39), ''),
                  '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f]+',
                  ' ', 'g')) AS bare) AS folded
    $$
""".replace("WORDS", LEGAL_WORDS)
# A VAT number is the national id behind a country; a Swedish one ends in 01, and the Hungarian id
# goes on behind its eight digits.
BUSINESS_KEY = r"""
    CREATE FUNCTION business_key(id text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN bare ~ '^SE[0-9]{10}01$' THEN substr(bare, 3, 10)
                    WHEN bare ~ '^[A-Z]{2}[0-9]' THEN substr(bare, 3)
                    WHEN id ~ '^[0-9]{8}-[1-5]-[0-9]{2}$' THEN substr(bare, 1, 8)
                    ELSE nullif(bare, '') END
        FROM (SELECT upper(regexp_replace(id, '[^0-9A-Za-z]', '', 'g')) AS bare) AS folded
    $$
"""
# The trigger of 0002 with two more columns that follow from others, so that nobody changes them.
DERIVED = """
    DO $do$ BEGIN
        EXECUTE replace(pg_get_functiondef(CAST('keep_history()' AS regprocedure)),
                        $a$'search_text'$a$, $a$'search_text', 'name_key', 'business_key'$a$);
    END $do$
"""


def survivor(table: str, key: str) -> str:
    """Return the function that finds who stands at the end of a chain of merges."""
    return f"""
    CREATE FUNCTION {table}_survivor(merged uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
        WITH RECURSIVE chain AS (
            SELECT {key}, merged_into FROM {table} WHERE {key} = merged
            UNION
            SELECT heir.{key}, heir.merged_into
            FROM chain JOIN {table} AS heir ON heir.{key} = chain.merged_into)
        SELECT {key} FROM chain WHERE merged_into IS NULL
    $$
    """


def upgrade() -> None:
    merged = sa.text('merged_into IS NOT NULL')
    for table, key in {'customer': 'customer_id', 'contact': 'contact_id'}.items():
        op.add_column(table, sa.Column('merged_into', sa.UUID(), nullable=True))
        op.create_foreign_key(op.f(f'fk_{table}_merged_into_{table}'), table, table, ['merged_into'], [key])
        op.create_check_constraint(op.f(f'ck_{table}_merged_is_deleted'), table, 'merged_into IS NULL OR deleted_at IS NOT NULL')
        op.create_index(f'ix_{table}_merged_into', table, ['merged_into'], postgresql_where=merged)
        op.execute(survivor(table, key))
    for column in ('number', 'business_id'):
        op.create_index(f'ix_customer_merged_{column}', 'customer', [column], postgresql_where=merged)
    op.add_column('erp_document', sa.Column('hashed_for', sa.UUID(), nullable=True))
    op.create_table('moved_document',
    sa.Column('operation_id', sa.UUID(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('moved_from', sa.UUID(), nullable=False),
    sa.Column('moved_to', sa.UUID(), nullable=False),
    sa.PrimaryKeyConstraint('operation_id', 'source', 'kind', 'document_id', name=op.f('pk_moved_document'))
    )
    op.execute(FOLDED_NAME)
    op.execute(BUSINESS_KEY)
    op.execute(DERIVED)
    op.add_column('customer', sa.Column('name_key', sa.Text(), sa.Computed('folded_name(name)', persisted=True), nullable=True))
    op.add_column('customer', sa.Column('business_key', sa.Text(), sa.Computed('business_key(business_id)', persisted=True), nullable=True))
    op.add_column('contact', sa.Column('name_key', sa.Text(), sa.Computed("folded_name(first_name || ' ' || last_name)", persisted=True), nullable=True))
    live = 'deleted_at IS NULL'
    op.create_index('ix_customer_same_name', 'customer', ['name_key', 'customer_id'], postgresql_where=sa.text(live))
    op.create_index('ix_customer_same_business_id', 'customer', ['business_key', 'customer_id'], postgresql_where=sa.text('merged_into IS NULL AND business_key IS NOT NULL'))
    for column in ('email', 'phone'):
        op.create_index(f'ix_customer_same_{column}', 'customer', [column, 'customer_id'], postgresql_where=sa.text(f'{live} AND {column} IS NOT NULL'))
    for column in ('email', 'mobile'):
        op.create_index(f'ix_contact_same_{column}', 'contact', [column, 'name_key', 'contact_id'], postgresql_where=sa.text(f'{live} AND {column} IS NOT NULL'))
    op.create_table('dismissed_duplicate',
    sa.Column('record', sa.Text(), nullable=False),
    sa.Column('one', sa.UUID(), nullable=False),
    sa.Column('other', sa.UUID(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.Text(), nullable=True),
    sa.CheckConstraint('one < other', name=op.f('ck_dismissed_duplicate_in_order')),
    sa.PrimaryKeyConstraint('record', 'one', 'other', name=op.f('pk_dismissed_duplicate'))
    )
