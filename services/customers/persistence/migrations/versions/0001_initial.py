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
    op.execute(sa.schema.CreateSequence(sa.Sequence('customer_number', start=1000)))
    op.create_table('consent_counter',
    sa.Column('id', sa.SmallInteger(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_consent_counter_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent_counter'))
    )
    op.create_table('contact',
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('first_name', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('last_name', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('mobile', sa.Text(), nullable=True),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('street', sa.Text(), nullable=True),
    sa.Column('postal_code', sa.Text(), nullable=True),
    sa.Column('city', sa.Text(), nullable=True),
    sa.Column('country', sa.Text(), nullable=True),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('attributes', postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('contact_id', name=op.f('pk_contact'))
    )
    op.create_index('ix_contact_attributes', 'contact', ['attributes'], unique=False, postgresql_using='gin')
    op.create_index('ix_contact_email', 'contact', ['email'], unique=False)
    op.create_index('ix_contact_mobile', 'contact', ['mobile'], unique=False)
    op.create_table('contact_group',
    sa.Column('group_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('group_id', name=op.f('pk_contact_group')),
    sa.UniqueConstraint('title', name=op.f('uq_contact_group_title'))
    )
    op.create_table('customer',
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('business_id', sa.Text(), nullable=True),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('ban_email', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('ban_sms', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('ban_post', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('started_on', sa.Date(), nullable=True),
    sa.Column('start_source', sa.Text(), nullable=True),
    sa.Column('start_document_source', sa.Text(), nullable=True),
    sa.Column('start_document_id', sa.Text(), nullable=True),
    sa.Column('start_recorded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('start_decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(started_on IS NULL) = (start_source IS NULL)', name=op.f('ck_customer_start_has_source')),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_customer')),
    sa.UniqueConstraint('number', name=op.f('uq_customer_number'))
    )
    op.create_index('ix_customer_business_id', 'customer', ['business_id'], unique=True)
    op.create_table('erp_document_history',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('content_hash', sa.LargeBinary(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('voided', sa.Boolean(), nullable=False),
    sa.Column('facts', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('source', 'kind', 'document_id', 'content_hash', name=op.f('pk_erp_document_history'))
    )
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
    op.create_table('setting',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.Integer(), nullable=True),
    sa.Column('version', sa.BigInteger(), server_default=sa.text('1'), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_setting'))
    )
    op.create_table('contact_attribute',
    sa.Column('attribute_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('group_id', sa.UUID(), nullable=True),
    sa.ForeignKeyConstraint(['group_id'], ['contact_group.group_id'], name=op.f('fk_contact_attribute_group_id_contact_group')),
    sa.PrimaryKeyConstraint('attribute_id', name=op.f('pk_contact_attribute')),
    sa.UniqueConstraint('number', name=op.f('uq_contact_attribute_number'))
    )
    op.create_table('contact_customer',
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('role', sa.Text(), nullable=True),
    sa.Column('position', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.contact_id'], name=op.f('fk_contact_customer_contact_id_contact')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.customer_id'], name=op.f('fk_contact_customer_customer_id_customer')),
    sa.PrimaryKeyConstraint('contact_id', 'customer_id', name=op.f('pk_contact_customer'))
    )
    op.create_index(op.f('ix_contact_customer_customer_id'), 'contact_customer', ['customer_id'], unique=False)
    op.create_table('contact_reference',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('ref', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.contact_id'], name=op.f('fk_contact_reference_contact_id_contact')),
    sa.PrimaryKeyConstraint('source', 'ref', name=op.f('pk_contact_reference'))
    )
    op.create_index(op.f('ix_contact_reference_contact_id'), 'contact_reference', ['contact_id'], unique=False)
    op.create_table('customer_reference',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('ref', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('erp_version', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('erp_time', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.customer_id'], name=op.f('fk_customer_reference_customer_id_customer')),
    sa.PrimaryKeyConstraint('source', 'ref', name=op.f('pk_customer_reference'))
    )
    op.create_index(op.f('ix_customer_reference_customer_id'), 'customer_reference', ['customer_id'], unique=False)
    op.create_table('erp_document',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('voided', sa.Boolean(), nullable=False),
    sa.Column('said_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('content_hash', sa.LargeBinary(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('document_date', sa.Date(), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('net_amount', sa.Numeric(precision=19, scale=4), nullable=True),
    sa.Column('gross_amount', sa.Numeric(precision=19, scale=4), nullable=True),
    sa.Column('margin', sa.Numeric(precision=19, scale=4), nullable=True),
    sa.Column('order_id', sa.Text(), nullable=True),
    sa.Column('invoice_id', sa.Text(), nullable=True),
    sa.Column('lines', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.customer_id'], name=op.f('fk_erp_document_customer_id_customer')),
    sa.PrimaryKeyConstraint('source', 'kind', 'document_id', name=op.f('pk_erp_document'))
    )
    op.create_index('ix_erp_document_first', 'erp_document', ['customer_id', 'kind', 'recorded_at', 'document_date'], unique=False)
    op.create_index('ix_erp_document_invoice_id', 'erp_document', ['source', 'invoice_id'], unique=False, postgresql_where=sa.text('invoice_id IS NOT NULL'))
