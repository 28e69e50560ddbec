"""Classification lists as one table, soft deletion, history, and what search needs.

The tables of contact attributes and their groups become two of the lists. They go at once: this is
before the first release, so no older code runs beside it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

GROUPS = """
    INSERT INTO list_value (value_id, list, number, version, title, created_at, updated_at)
    SELECT group_id, 'contact_group', row_number() OVER (ORDER BY title, group_id), version, title,
           now(), now()
    FROM contact_group
"""
ATTRIBUTES = """
    INSERT INTO list_value (value_id, list, number, version, title, position, parent, facts,
                            created_at, updated_at)
    SELECT attribute_id, 'contact_attribute', attribute.number, attribute.version,
           CASE WHEN row_number() OVER (PARTITION BY home.key, lower(attribute.title)
                                        ORDER BY attribute.number) = 1
                THEN attribute.title ELSE attribute.title || ' (' || attribute.number || ')' END,
           attribute.number, home.key, '{}', now(), now()
    FROM contact_attribute AS attribute
    LEFT JOIN list_value AS home ON home.value_id = attribute.group_id
"""
SERIES = """
    INSERT INTO list_series (list, last_number)
    SELECT list, max(number) FROM list_value GROUP BY list
"""
# In the database, so that no way of changing a record goes past it; per statement, not per row.
# The moment is that of the change itself, never that of the writing. Without nested loops, since the
# plan is made once, when perhaps one row changes, and would be quadratic in a batch of five hundred.
KEEP_HISTORY = """
    CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
    BEGIN
        INSERT INTO history (record, record_id, at, actor, operation_id, before, after)
        SELECT TG_TABLE_NAME, changed.id, changed.at,
               nullif(current_setting('suhde.actor', true), ''),
               CAST(nullif(current_setting('suhde.operation', true), '') AS uuid),
               difference.before, difference.after
        FROM (SELECT old_fields, new_fields,
                     CAST(new_fields ->> TG_ARGV[0] AS uuid) AS id,
                     CAST(new_fields ->> 'updated_at' AS timestamptz) AS at
              FROM (SELECT to_jsonb(old_rows) AS old_fields FROM old_rows) AS old
              JOIN (SELECT to_jsonb(new_rows) AS new_fields FROM new_rows) AS new
                ON old_fields -> TG_ARGV[0] = new_fields -> TG_ARGV[0]) AS changed
        CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(field.key, field.value) AS before,
                   jsonb_object_agg(field.key, new_fields -> field.key) AS after
            FROM jsonb_each(old_fields) AS field
            WHERE field.value IS DISTINCT FROM new_fields -> field.key
              AND field.key NOT IN ('version', 'updated_at', 'start_decided_at', 'search_text')
        ) AS difference
        WHERE difference.before IS NOT NULL
        ORDER BY changed.id;
        RETURN NULL;
    END $$
"""
HISTORY_OF = {"customer": "customer_id", "contact": "contact_id", "list_value": "value_id"}
# An accelerator only: where the extension is missing, fragments are still found, more slowly.
FRAGMENTS = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
            CREATE EXTENSION IF NOT EXISTS pg_trgm;
            CREATE INDEX ix_customer_search_text ON customer
                USING gin (search_text gin_trgm_ops) WHERE deleted_at IS NULL;
            CREATE INDEX ix_contact_search_text ON contact
                USING gin (search_text gin_trgm_ops) WHERE deleted_at IS NULL;
        END IF;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE NOTICE 'pg_trgm may not be installed by this user; searches work without it';
    END $$
"""


def upgrade() -> None:
    op.create_table('history',
    sa.Column('history_id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('record', sa.Text(), nullable=False),
    sa.Column('record_id', sa.UUID(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.Text(), nullable=True),
    sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('after', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('operation_id', sa.UUID(), nullable=True),
    sa.PrimaryKeyConstraint('history_id', name=op.f('pk_history'))
    )
    op.create_index('ix_history_record', 'history', ['record', 'record_id', 'history_id'], unique=False)
    op.create_index('ix_history_operation', 'history', ['operation_id', 'history_id'], unique=False, postgresql_where=sa.text('operation_id IS NOT NULL'))
    op.create_table('list_series',
    sa.Column('list', sa.Text(), nullable=False),
    sa.Column('last_number', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('list', name=op.f('pk_list_series'))
    )
    op.create_table('list_value',
    sa.Column('value_id', sa.UUID(), nullable=False),
    sa.Column('key', sa.Integer(), sa.Identity(always=True), nullable=False),
    sa.Column('list', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('titles', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('position', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('parent', sa.Integer(), nullable=True),
    sa.Column('members', postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('facts', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['parent'], ['list_value.key'], name=op.f('fk_list_value_parent_list_value')),
    sa.PrimaryKeyConstraint('value_id', name=op.f('pk_list_value')),
    sa.UniqueConstraint('key', name=op.f('uq_list_value_key')),
    sa.UniqueConstraint('list', 'number', name=op.f('uq_list_value_list_number'))
    )
    op.create_index('ix_list_value_default', 'list_value', ['list'], unique=True, postgresql_where=sa.text('facts @> \'{"default": true}\''))
    op.create_index(op.f('ix_list_value_parent'), 'list_value', ['parent'], unique=False)
    op.create_index('ix_list_value_title', 'list_value', ['list', sa.literal_column('coalesce(parent, 0)'), sa.literal_column('lower(title)')], unique=True, postgresql_where=sa.text('archived_at IS NULL'))
    op.execute(GROUPS)
    op.execute(ATTRIBUTES)
    op.execute(SERIES)
    op.drop_table('contact_attribute')
    op.drop_table('contact_group')
    op.add_column('contact', sa.Column('classifications', postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column('contact', sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('contact', sa.Column('search_text', sa.Text(), sa.Computed("lower(first_name || ' ' || last_name || E'\\n' || coalesce(email, '') || E'\\n' || coalesce(mobile, '') || E'\\n' || coalesce(phone, ''))", persisted=True), nullable=True))
    op.create_index('ix_contact_classifications', 'contact', ['classifications'], unique=False, postgresql_using='gin')
    op.add_column('customer', sa.Column('phone', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('headcount', sa.Integer(), nullable=True))
    op.add_column('customer', sa.Column('classifications', postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column('customer', sa.Column('ended_on', sa.Date(), nullable=True))
    op.add_column('customer', sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('customer', sa.Column('search_text', sa.Text(), sa.Computed("lower(name || E'\\n' || number || E'\\n' || coalesce(business_id, '') || E'\\n' || coalesce(phone, '') || E'\\n' || coalesce(email, ''))", persisted=True), nullable=True))
    op.drop_constraint(op.f('uq_customer_number'), 'customer', type_='unique')
    op.create_index('ix_customer_classifications', 'customer', ['classifications'], unique=False, postgresql_using='gin')
    op.create_index('ix_customer_deleted', 'customer', ['deleted_at', 'customer_id'], unique=False, postgresql_where=sa.text('deleted_at IS NOT NULL'))
    op.create_index('ix_customer_name', 'customer', [sa.literal_column('lower(name)'), 'customer_id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_customer_number', 'customer', ['number'], unique=True, postgresql_where=sa.text('deleted_at IS NULL'))
    op.execute(FRAGMENTS)
    op.execute(KEEP_HISTORY)
    for table, key in HISTORY_OF.items():
        op.execute(
            f"CREATE TRIGGER keep_history AFTER UPDATE ON {table} "
            "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
            f"FOR EACH STATEMENT EXECUTE FUNCTION keep_history('{key}')"
        )
