"""What sorting and beginnings of names are found by, and saved searches.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    live = sa.text('deleted_at IS NULL')
    op.create_index('ix_customer_name_beginning', 'customer', [sa.text('lower(name) text_pattern_ops')], postgresql_where=live)
    op.create_index('ix_customer_number_beginning', 'customer', [sa.text('lower(number) text_pattern_ops')], postgresql_where=live)
    op.create_index('ix_customer_number_order', 'customer', ['number', 'customer_id'], postgresql_where=live)
    op.create_index('ix_customer_started_on', 'customer', [sa.text("coalesce(started_on, CAST('9999-12-31' AS date))"), 'customer_id'], postgresql_where=live)
    op.create_table('saved_search',
    sa.Column('search_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('search', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('search_id', name=op.f('pk_saved_search'))
    )
    op.create_index('ix_saved_search_title', 'saved_search', [sa.text('lower(title)')], unique=True)
