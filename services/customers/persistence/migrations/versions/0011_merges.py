"""Records that were merged into others, and which documents a merge moved.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0009'
branch_labels = None
depends_on = None


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
