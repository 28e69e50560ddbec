"""The first schema.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('ban_address',
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('address_key', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('channel', 'address_key', 'subject', name=op.f('pk_ban_address'))
    )
    op.create_index('ix_ban_address_subject', 'ban_address', ['subject'], unique=False)
    op.create_table('ban_subject',
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('consent_seq', sa.BigInteger(), nullable=False),
    sa.Column('email', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('sms', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('post', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('subject', name=op.f('pk_ban_subject'))
    )
    op.create_table('consent_applied',
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_consent_applied'))
    )
    op.create_table('consent_position',
    sa.Column('id', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('applied_through', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('latest_nonce', sa.UUID(), nullable=True),
    sa.Column('confirmed_probe_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_seq', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('email_configured', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('sms_configured', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('post_configured', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_consent_position_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent_position'))
    )
    op.create_table('consent_probe',
    sa.Column('nonce', sa.UUID(), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('nonce', name=op.f('pk_consent_probe'))
    )
    op.create_index('ix_consent_probe_sent_at', 'consent_probe', ['sent_at'], unique=False)
    op.create_table('contact',
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('deleted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('first_name', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('last_name', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('mobile', sa.Text(), nullable=True),
    sa.Column('street', sa.Text(), nullable=True),
    sa.Column('postal_code', sa.Text(), nullable=True),
    sa.Column('city', sa.Text(), nullable=True),
    sa.Column('country', sa.Text(), nullable=True),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('attributes', postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('email_key', sa.Text(), nullable=True),
    sa.Column('sms_key', sa.Text(), nullable=True),
    sa.Column('post_key', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('contact_id', name=op.f('pk_contact'))
    )
    op.create_index('ix_contact_attributes', 'contact', ['attributes'], unique=False, postgresql_using='gin')
    op.create_table('contact_attribute',
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_contact_attribute'))
    )
    op.create_table('contact_customer',
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('role', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('contact_id', 'customer_id', name=op.f('pk_contact_customer'))
    )
    op.create_index('ix_contact_customer_customer_id', 'contact_customer', ['customer_id'], unique=False)
    op.create_table('customer',
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('deleted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('number', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('name', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('started_on', sa.Date(), nullable=True),
    sa.Column('start_source', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_customer'))
    )
    op.create_index('ix_customer_started_on', 'customer', ['started_on'], unique=False, postgresql_where=sa.text('NOT deleted'))
    op.create_table('gate',
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('banned', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('channel', 'key', name=op.f('pk_gate'))
    )
    op.create_index('ix_gate_banned', 'gate', ['channel', 'key'], unique=False, postgresql_where=sa.text('banned'))
    op.create_table('hand_off',
    sa.Column('hand_off_id', sa.UUID(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('address_key', sa.Text(), nullable=False),
    sa.Column('consent_seq', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('hand_off_id', name=op.f('pk_hand_off')),
    sa.UniqueConstraint('campaign', 'channel', 'contact_id', 'purpose', name=op.f('uq_hand_off_campaign_channel_contact_id_purpose'))
    )
    op.create_index('ix_hand_off_contact_id', 'hand_off', ['contact_id'], unique=False)
    op.create_table('idempotency_key',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('request_hash', sa.LargeBinary(), nullable=False),
    sa.Column('status', sa.SmallInteger(), nullable=True),
    sa.Column('headers', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_idempotency_key'))
    )
    op.create_index('ix_idempotency_key_created_at', 'idempotency_key', ['created_at'], unique=False)
    op.create_table('inbox',
    sa.Column('seq', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('message_id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('ordering_key', sa.Text(), nullable=True),
    sa.Column('time', sa.DateTime(timezone=True), nullable=True),
    sa.Column('structured', sa.Boolean(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('body_hash', sa.LargeBinary(), nullable=False),
    sa.Column('headers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('attempts', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('blocking', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('waiting_for', sa.Text(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('available_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deadline', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_inbox')),
    sa.UniqueConstraint('source', 'message_id', name=op.f('uq_inbox_source_message_id'))
    )
    op.create_index('ix_inbox_blocking', 'inbox', ['ordering_key', 'seq'], unique=False, postgresql_where=sa.text('blocking'))
    op.create_index('ix_inbox_due', 'inbox', ['available_at', 'seq'], unique=False, postgresql_where=sa.text("state IN ('pending', 'waiting')"))
    op.create_index('ix_inbox_parked', 'inbox', ['reason', 'seq'], unique=False, postgresql_where=sa.text("state = 'parked'"))
    op.create_index('ix_inbox_waiting', 'inbox', ['waiting_for'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_table('outbox',
    sa.Column('seq', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('message_id', sa.UUID(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('correlation_id', sa.Text(), nullable=True),
    sa.Column('time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lease', sa.UUID(), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('quarantined', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_outbox')),
    postgresql_with={'fillfactor': '80'}
    )
    op.create_index('ix_outbox_unsent', 'outbox', ['seq'], unique=False, postgresql_where=sa.text('sent_at IS NULL AND quarantined IS NULL'))
    op.create_table('pending_ban',
    sa.Column('ban_id', sa.UUID(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('ban_id', name=op.f('pk_pending_ban'))
    )
    op.create_index('ix_pending_ban_channel_address', 'pending_ban', ['channel', 'address'], unique=False)
    op.create_table('segment',
    sa.Column('segment_id', sa.UUID(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('rule', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('segment_id', name=op.f('pk_segment'))
    )
    # The one row that says how far the consent news goes.
    op.execute("INSERT INTO consent_position (id) VALUES (1)")
