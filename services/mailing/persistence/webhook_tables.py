"""Webhooks: where moves are sent, how far they have been, and what came of the last messages."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.mailing.persistence.columns import metadata
from shared.chassis.tables import moment, uuid

Table(
    "webhook",
    metadata,
    uuid("webhook_id", primary_key=True),
    Column("url", Text, nullable=False),
    # Null: all of them.
    Column("segments", ARRAY(UUID(as_uuid=True))),
    Column("entered", Boolean, nullable=False),
    Column("exited", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    # Up to here all moves have been taken by the receiver, or are none of his.
    Column("position", BigInteger, nullable=False),
    # The message that is being tried, and up to where it goes: repeated it is the same one.
    uuid("message_id"),
    Column("message_until", BigInteger),
    # Secrets are made of these ids under one of our keys; they themselves are nowhere.
    uuid("secret_id", nullable=False),
    Column("key_id", LargeBinary, nullable=False),
    uuid("earlier_secret_id"),
    Column("earlier_key_id", LargeBinary),
    moment("earlier_valid_until"),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    moment("failing_since"),
    moment("next_at"),
    moment("switched_off_at"),
    # Who delivers to it, and until when nobody else does.
    uuid("claim"),
    moment("claimed_until"),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
)
Table(
    "webhook_delivery",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    uuid("webhook_id", nullable=False),
    uuid("message_id", nullable=False),
    Column("kind", Text, nullable=False),
    Column("moves", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    moment("at", nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Index("ix_webhook_delivery_webhook_id", "webhook_id", "seq"),
)
