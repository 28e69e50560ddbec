"""What providers report of messages, without any address, and the secrets they sign it with."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text, UniqueConstraint

from services.mailing.persistence.columns import metadata
from shared.chassis.tables import moment, uuid

Table(
    "delivery_report",
    metadata,
    uuid("delivery_report_id", primary_key=True),
    Column("provider", Text, nullable=False),
    Column("report_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    # Whose address it is about; null where nothing was handed off to it.
    uuid("hand_off_id"),
    moment("reported_at", nullable=False),
    moment("taken_at", nullable=False),
    Column("effect", Text, nullable=False),
    UniqueConstraint("provider", "report_id"),
    Index("ix_delivery_report_hand_off_id", "hand_off_id"),
    Index("ix_delivery_report_taken_at", "taken_at", "delivery_report_id"),
    Index("ix_delivery_report_kind", "kind", "taken_at", "delivery_report_id"),
)
Table(
    "report_secret",
    metadata,
    uuid("secret_id", primary_key=True),
    Column("provider", Text, nullable=False),
    # Under which of our keys the secret is made of the id; the secret itself is nowhere.
    Column("key_id", LargeBinary, nullable=False),
    moment("made_at", nullable=False),
    moment("valid_until"),
    Index("ix_report_secret_provider", "provider"),
)
