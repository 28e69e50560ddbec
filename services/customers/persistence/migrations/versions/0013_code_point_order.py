"""Names and numbers sort by code point: one index each for order and beginnings, on any server."""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    live = sa.text('deleted_at IS NULL')
    op.create_index('ix_customer_name_order', 'customer', [sa.text('lower(name) COLLATE "C"'), 'customer_id'], postgresql_where=live)
    op.drop_index('ix_customer_name', 'customer')
    op.drop_index('ix_customer_name_beginning', 'customer')
    op.drop_index('ix_customer_number_order', 'customer')
    op.drop_index('ix_customer_number_beginning', 'customer')
    op.create_index('ix_customer_number_order', 'customer', [sa.text('lower(number) COLLATE "C"'), 'customer_id'], postgresql_where=live)
