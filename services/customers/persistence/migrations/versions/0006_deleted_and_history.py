"""Live customers alone own business ids; indexes for the deleted list and for values that are gone."""

import sqlalchemy as sa
from alembic import op
revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Unique among deleted customers too until now, for 0002 left it as it was.
    op.drop_index('ix_customer_business_id', table_name='customer')
    op.create_index('ix_customer_business_id', 'customer', ['business_id'], unique=True, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_contact_deleted', 'contact', ['deleted_at', 'contact_id'], unique=False, postgresql_where=sa.text('deleted_at IS NOT NULL'))
    op.create_index('ix_history_removed_value', 'history', [sa.text("CAST(before ->> 'key' AS integer)")], unique=False, postgresql_where=sa.text("record = 'list_value' AND after = '{}'"))
