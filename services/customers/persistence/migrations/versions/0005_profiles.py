"""What profiles have installed, and number series by prefix.

A register that was filled before does not know what came from the defaults: a profile takes values
of the same title for its own, so only a default that was renamed or deleted before could come again.
"""

import sqlalchemy as sa
from alembic import op
revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

# A prefix that could not be saved today gets no series, and its kind takes part in the common one.
PREFIXES = """
    UPDATE list_value SET facts = facts || '{"prefix": null}', version = version + 1,
                          updated_at = now()
    WHERE list = 'customer_kind' AND facts ->> 'prefix' ~ '(\\d$|.{11})'
"""
# Sequences and not counters in rows, so that writers do not queue for each other's commits.
OPEN_SERIES = """
    CREATE FUNCTION open_number_series(prefixes text[]) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE prefix text;
    BEGIN
        FOREACH prefix IN ARRAY prefixes LOOP
            EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I START 1000',
                           'customer_number_' || prefix);
        END LOOP;
    END $$
"""
SERIES = """
    SELECT open_number_series(coalesce(array_agg(DISTINCT facts ->> 'prefix'), '{}'))
    FROM list_value WHERE list = 'customer_kind' AND facts ->> 'prefix' <> ''
"""


def upgrade() -> None:
    op.create_table('installed_value',
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('value_id', sa.UUID(), nullable=False),
    sa.Column('installed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('origin', name=op.f('pk_installed_value'))
    )
    op.create_index('ix_customer_deleted_number', 'customer', ['number'], unique=False, postgresql_where=sa.text('deleted_at IS NOT NULL'))
    op.execute(PREFIXES)
    op.execute(OPEN_SERIES)
    op.execute(SERIES)
