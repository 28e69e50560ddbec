"""Audiences: whom a campaign takes of a segment, and the tokens that stand for them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table, Text, text

from services.mailing.persistence.columns import metadata
from shared.chassis.tables import flag, moment, uuid

Table(
    "audience",
    metadata,
    uuid("audience_id", primary_key=True),
    uuid("segment_id", nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    uuid("customer_id"),
    Column("keep_up", Boolean, nullable=False),
    # How far it has followed the changes of the segment's members.
    Column("position", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    moment("made_at", nullable=False),
    moment("closed_at"),
    Index(
        "ix_audience_following",
        "segment_id",
        "position",
        postgresql_where=text("keep_up AND closed_at IS NULL"),
    ),
)
Table(
    "audience_member",
    metadata,
    uuid("audience_id", primary_key=True),
    uuid("contact_id", primary_key=True),
    # The change of the segment that brought him, or after which the audience was taken.
    Column("position", BigInteger, nullable=False),
    Column("consent_seq", BigInteger, nullable=False),
    moment("joined_at", nullable=False),
    moment("left_at"),
    # Handed off by way of this audience; whoever went another way has a receipt alone.
    flag("released"),
    Index(
        "ix_audience_member_next",
        "audience_id",
        "contact_id",
        postgresql_where=text("left_at IS NULL AND NOT released"),
    ),
)
# A token stands for a member; of the token itself only the hash is kept.
Table(
    "seal",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    uuid("audience_id", nullable=False),
    uuid("contact_id", nullable=False),
    moment("expires_at", nullable=False),
    moment("used_at"),
    Index("ix_seal_audience_id", "audience_id", "contact_id"),
    Index("ix_seal_expires_at", "expires_at"),
)
