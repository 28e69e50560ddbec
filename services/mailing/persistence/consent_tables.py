"""Bans, how far the news of them goes, and the receipts of what was released."""

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

from services.mailing.persistence.columns import flag, metadata, uuid
from shared.chassis.tables import moment

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
    Index("ix_ban_address_subject", "subject"),
)
Table(
    "gate",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    flag("banned"),
    Index("ix_gate_banned", "channel", "key", postgresql_where=text("banned")),
)
Table(
    "pending_ban",
    metadata,
    uuid("ban_id", primary_key=True),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("source", Text, nullable=False),
    moment("at", nullable=False),
    Index("ix_pending_ban_channel_address", "channel", "address"),
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
    Column("address_key", Text, nullable=False),
    Column("consent_seq", BigInteger, nullable=False),
    moment("at", nullable=False),
    UniqueConstraint("campaign", "channel", "contact_id", "purpose"),
    Index("ix_hand_off_contact_id", "contact_id"),
    Index("ix_hand_off_address_key", "channel", "address_key", "at"),
)
