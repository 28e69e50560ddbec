"""Operations on many customers at once, and which change of a record belongs to which.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

# The same as in 0002, with the operation that the transaction belongs to.
KEEP_HISTORY = """
    CREATE OR REPLACE FUNCTION keep_history() RETURNS trigger
    LANGUAGE plpgsql SET enable_nestloop = off AS $$
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


def upgrade() -> None:
    op.create_table('operation',
    sa.Column('operation_id', sa.UUID(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('request', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('customers', sa.Integer(), nullable=False),
    sa.Column('deleted', sa.Integer(), nullable=False),
    sa.Column('undoes', sa.UUID(), nullable=True),
    sa.ForeignKeyConstraint(['undoes'], ['operation.operation_id'], name=op.f('fk_operation_undoes_operation')),
    sa.PrimaryKeyConstraint('operation_id', name=op.f('pk_operation')),
    sa.UniqueConstraint('undoes', name=op.f('uq_operation_undoes'))
    )
    op.add_column('history', sa.Column('operation_id', sa.UUID(), nullable=True))
    op.create_index('ix_history_operation', 'history', ['operation_id', 'history_id'], postgresql_where=sa.text('operation_id IS NOT NULL'))
    op.execute(KEEP_HISTORY)
