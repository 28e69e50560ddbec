"""Values of attributes, addresses of customers, one group and one kind each, settings of lists.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

# Customers without a kind get the default when the service starts, by chunks, and are told.
DEFAULT_KIND = """
    UPDATE list_value SET facts = facts || '{"default": true}', version = version + 1,
                          updated_at = now()
    WHERE key = (SELECT key FROM list_value WHERE list = 'customer_kind' AND archived_at IS NULL
                 ORDER BY position, number LIMIT 1)
"""
# Of several groups the first in the order of their drop-down stays; the others stay in history.
ONE_GROUP = """
    WITH held AS (
        SELECT customer_id, value.key,
               row_number() OVER (PARTITION BY customer_id
                                  ORDER BY value.position, lower(value.title), value.number) AS place
        FROM customer JOIN list_value AS value ON value.list = 'customer_group'
                                              AND value.key = ANY(customer.classifications)
    ), others AS (
        SELECT customer_id, array_agg(key) AS keys FROM held WHERE place > 1 GROUP BY customer_id
    )
    UPDATE customer SET version = version + 1, updated_at = now(),
        classifications = ARRAY(SELECT key FROM unnest(classifications) AS key
                                WHERE key <> ALL (others.keys))
    FROM others WHERE others.customer_id = customer.customer_id
"""


def upgrade() -> None:
    live = sa.text('deleted_at IS NULL')
    for table in ('customer', 'contact'):
        op.add_column(table, sa.Column('attribute_values', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False))
    for column in ('street', 'postal_code', 'city', 'country'):
        op.add_column('customer', sa.Column(column, sa.Text(), nullable=True))
    op.create_index('ix_customer_city', 'customer', [sa.text('lower(city)')], postgresql_where=live)
    op.create_index('ix_customer_postal_code_beginning', 'customer', [sa.text('lower(postal_code) text_pattern_ops')], postgresql_where=live)
    op.add_column('list_series', sa.Column('version', sa.BigInteger(), server_default=sa.text('1'), nullable=False))
    op.add_column('list_series', sa.Column('own_tab', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.execute(DEFAULT_KIND)
    op.execute(ONE_GROUP)
