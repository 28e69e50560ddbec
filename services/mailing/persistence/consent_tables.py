"""Bans, how far the news of them goes, the receipts of what was released, and the log of all."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.mailing.persistence.columns import metadata
from shared.chassis.tables import flag, moment, uuid

# --- Bans: who banned, which addresses that covers, and the rows a hand-off locks.
Table(
    "ban_subject",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("consent_seq", BigInteger, nullable=False),
    flag("email"),
    flag("sms"),
    flag("post"),
)
Table(
    "ban_address",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("address_key", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    # The first moment it no longer stands at; null: it does not end by itself.
    moment("ends_at"),
    Index("ix_ban_address_subject", "subject"),
)
Table(
    "gate",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    flag("banned"),
    # The end of the last of those bans that end by themselves.
    moment("banned_until"),
    Index(
        "ix_gate_banned",
        "channel",
        "key",
        postgresql_where=text("banned OR banned_until IS NOT NULL"),
    ),
)
Table(
    "pending_ban",
    metadata,
    uuid("ban_id", primary_key=True),
    Column("channel", Text, nullable=False),
    # What is banned: an address, or of a topic a contact.
    Column("address", Text),
    uuid("contact_id"),
    Column("topic", Text),
    moment("ends_at"),
    Column("source", Text, nullable=False),
    Column("how", Text),
    Column("text_version", Text),
    moment("at", nullable=False),
    Index("ix_pending_ban_channel_address", "channel", "address"),
)
# Addresses that must never be written to again, by their keyed hashes: they outlive an erasure.
Table(
    "suppression",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("address_hash", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    moment("since", nullable=False),
    CheckConstraint("reason IN ('bounced', 'complained', 'erased')", name="known_reason"),
)

# --- What is written about, and who wants none of it.
Table(
    "topic",
    metadata,
    Column("key", Text(collation="C"), primary_key=True),
    Column("titles", JSONB, nullable=False),
    Column("version", BigInteger, nullable=False),
    flag("archived"),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
)
Table(
    "topic_ban",
    metadata,
    uuid("ban_id", primary_key=True),
    Column("channel", Text, nullable=False),
    # The keyed hash of an address, or `contact:<id>`.
    Column("key", Text, nullable=False),
    Column("topic", Text, nullable=False),
    moment("ends_at"),
    Index("ix_topic_ban_key", "channel", "topic", "key"),
)

# --- What was banned, lifted and handed off, in the order in which gates were held.
Table(
    "consent_log",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    moment("at", nullable=False),
    Column("what", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("key", Text),
    Column("subject", Text, nullable=False),
    Column("customers", ARRAY(Text), nullable=False),
    Column("topic", Text),
    moment("ends_at"),
    Column("purpose", Text),
    Column("campaign", Text),
    Column("source", Text),
    Column("how", Text),
    Column("actor", Text),
    Column("text_version", Text),
    Column("evidence", Text),
    Column("consent_seq", BigInteger),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    # Where does a hand-off stand?
    Index("ix_consent_log_handed_off", "evidence", postgresql_where=text("what = 'handed_off'")),
)
# The end of the log. Whoever appends holds this row to his commit.
Table(
    "consent_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False, server_default=text("0")),
    Column("hash", Text, nullable=False),
    # What the secret of the hashes makes of a known text: another secret would suppress nobody.
    Column("key_check", Text),
    CheckConstraint("id = 1", name="one_row"),
)

# --- How far the consent news goes.
Table(
    "consent_position",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("applied_through", BigInteger, nullable=False, server_default=text("0")),
    uuid("latest_nonce"),
    moment("confirmed_probe_at"),
    Column("confirmed_seq", BigInteger, nullable=False, server_default=text("0")),
    flag("email_configured"),
    flag("sms_configured"),
    flag("post_configured"),
    CheckConstraint("id = 1", name="one_row"),
)
Table(
    "consent_applied",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)
Table(
    "consent_probe",
    metadata,
    uuid("nonce", primary_key=True),
    moment("sent_at", nullable=False),
    # How far the news had come when this was asked: no true answer can name less.
    Column("applied_through", BigInteger, nullable=False, server_default=text("0")),
    Index("ix_consent_probe_sent_at", "sent_at"),
)

# --- Receipts of what was released for sending.
Table(
    "hand_off",
    metadata,
    uuid("hand_off_id", primary_key=True),
    uuid("contact_id", nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    # Only programs from before `address_hash` write it; an erasure removes it.
    Column("address_key", Text),
    Column("address_hash", Text),
    Column("consent_seq", BigInteger, nullable=False),
    Column("topic", Text),
    uuid("segment_id"),
    Column("rule_version", BigInteger),
    moment("at", nullable=False),
    UniqueConstraint("campaign", "channel", "contact_id", "purpose"),
    # An address is written to once, whoever has it. Null of a receipt from before there was this.
    UniqueConstraint("campaign", "channel", "address_hash", "purpose"),
    Index("ix_hand_off_contact_id", "contact_id"),
    Index("ix_hand_off_address_key", "channel", "address_key", "at"),
)
