"""The consent log, suppressions, topics, bans that end, telephone calls.

The hashes of addresses are made by the service, which knows the secret, when it runs. Old code must
survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

CHANNELS = ('email', 'sms', 'post', 'call')
# What is written stays as it was written.
KEPT = (
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_log
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TRIGGER never_emptied BEFORE TRUNCATE ON consent_log
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)
# The hashing of contacts is no news of them: what was before it is no past.
KEEP_PAST_OF_CONTACT = """
    CREATE OR REPLACE FUNCTION keep_past_of_contact() RETURNS trigger LANGUAGE plpgsql
    SET enable_nestloop = off AS $$
    BEGIN
        INSERT INTO past (kind, record_id, customer_id, contacts, since, until, fields)
        SELECT 'contact', CAST(old_rows.contact_id AS text), NULL, ARRAY[old_rows.contact_id],
               old_rows.told_at, new_rows.told_at, to_jsonb(old_rows)
        FROM old_rows JOIN new_rows USING (contact_id)
        WHERE new_rows.told_at > old_rows.told_at AND old_rows IS DISTINCT FROM new_rows;
        RETURN NULL;
    END $$
"""


def upgrade() -> None:
    op.execute(KEEP_PAST_OF_CONTACT)
    op.create_table('consent_log',
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('what', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=True),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('customers', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('topic', sa.Text(), nullable=True),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('purpose', sa.Text(), nullable=True),
    sa.Column('campaign', sa.Text(), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('how', sa.Text(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=True),
    sa.Column('text_version', sa.Text(), nullable=True),
    sa.Column('evidence', sa.Text(), nullable=True),
    sa.Column('consent_seq', sa.BigInteger(), nullable=True),
    sa.Column('previous', sa.Text(), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('position', name=op.f('pk_consent_log'))
    )
    op.create_index('ix_consent_log_handed_off', 'consent_log', ['evidence'], unique=False, postgresql_where=sa.text("what = 'handed_off'"))
    op.create_table('consent_head',
    sa.Column('id', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('position', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.Column('key_check', sa.Text(), nullable=True),
    sa.CheckConstraint('id = 1', name=op.f('ck_consent_head_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent_head'))
    )
    op.execute("INSERT INTO consent_head (id, hash) VALUES (1, repeat('0', 64))")
    for statement in KEPT:
        op.execute(statement)
    op.create_table('suppression',
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('address_hash', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("reason IN ('bounced', 'complained', 'erased')", name=op.f('ck_suppression_known_reason')),
    sa.PrimaryKeyConstraint('channel', 'address_hash', name=op.f('pk_suppression'))
    )
    op.create_table('topic',
    sa.Column('key', sa.Text(collation='C'), nullable=False),
    sa.Column('titles', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('archived', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_topic'))
    )
    op.create_table('topic_ban',
    sa.Column('ban_id', sa.UUID(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('ban_id', name=op.f('pk_topic_ban'))
    )
    op.create_index('ix_topic_ban_key', 'topic_ban', ['channel', 'topic', 'key'], unique=False)
    op.add_column('ban_address', sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('gate', sa.Column('banned_until', sa.DateTime(timezone=True), nullable=True))
    op.drop_index('ix_gate_banned', table_name='gate')
    op.create_index('ix_gate_banned', 'gate', ['channel', 'key'], unique=False, postgresql_where=sa.text('banned OR banned_until IS NOT NULL'))
    op.alter_column('pending_ban', 'address', nullable=True)
    op.add_column('pending_ban', sa.Column('contact_id', sa.UUID(), nullable=True))
    op.add_column('pending_ban', sa.Column('topic', sa.Text(), nullable=True))
    op.add_column('pending_ban', sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('pending_ban', sa.Column('how', sa.Text(), nullable=True))
    op.add_column('pending_ban', sa.Column('text_version', sa.Text(), nullable=True))
    op.alter_column('hand_off', 'address_key', nullable=True)
    op.add_column('hand_off', sa.Column('address_hash', sa.Text(), nullable=True))
    op.add_column('hand_off', sa.Column('topic', sa.Text(), nullable=True))
    op.add_column('hand_off', sa.Column('segment_id', sa.UUID(), nullable=True))
    op.add_column('hand_off', sa.Column('rule_version', sa.BigInteger(), nullable=True))
    op.create_unique_constraint(op.f('uq_hand_off_campaign_channel_address_hash_purpose'), 'hand_off', ['campaign', 'channel', 'address_hash', 'purpose'])
    op.add_column('contact', sa.Column('call_key', sa.Text(), sa.Computed('coalesce(sms_key, phone)', persisted=True), nullable=True))
    for channel in CHANNELS:
        op.add_column('contact', sa.Column(f'{channel}_hash', sa.Text(), nullable=True))
        op.create_index(f'ix_contact_{channel}_hash', 'contact', [f'{channel}_hash'], unique=False, postgresql_where=sa.text(f'{channel}_hash IS NOT NULL'))
    op.add_column('contact', sa.Column('hashed_version', sa.BigInteger(), server_default=sa.text('0'), nullable=False))
    op.create_index('ix_contact_not_hashed', 'contact', ['contact_id'], unique=False, postgresql_where=sa.text('NOT deleted AND hashed_version <> version'))
