"""Delivery reports, the secrets of those who send them, and hand-offs by address.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('delivery_report',
    sa.Column('delivery_report_id', sa.UUID(), nullable=False),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('report_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('hand_off_id', sa.UUID(), nullable=True),
    sa.Column('reported_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('effect', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('delivery_report_id', name=op.f('pk_delivery_report')),
    sa.UniqueConstraint('provider', 'report_id', name=op.f('uq_delivery_report_provider_report_id'))
    )
    op.create_index('ix_delivery_report_hand_off_id', 'delivery_report', ['hand_off_id'], unique=False)
    op.create_index('ix_delivery_report_kind', 'delivery_report', ['kind', 'taken_at', 'delivery_report_id'], unique=False)
    op.create_index('ix_delivery_report_taken_at', 'delivery_report', ['taken_at', 'delivery_report_id'], unique=False)
    op.create_table('report_secret',
    sa.Column('secret_id', sa.UUID(), nullable=False),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('key_id', sa.LargeBinary(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_until', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('secret_id', name=op.f('pk_report_secret'))
    )
    op.create_index('ix_report_secret_provider', 'report_secret', ['provider'], unique=False)
    op.create_index('ix_hand_off_address_key', 'hand_off', ['channel', 'address_key', 'at'], unique=False)
