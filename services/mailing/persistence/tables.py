"""The tables of the mailing service."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.chassis.tables import NAMING, add_chassis_tables, moment

metadata = MetaData(naming_convention=NAMING)
add_chassis_tables(metadata)


def _uuid(name: str, **options: object) -> Column[object]:
    return Column(name, UUID(as_uuid=True), **options)  # type: ignore[arg-type]


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def _words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text("''"))


# True of a row that came before `held` did, or was last written by a program that does not know it.
NOT_TOLD = "NOT deleted AND held_version <> version"


def _held() -> tuple[Column[object], Column[object]]:
    # The values that it holds, as tokens of domain/lists.py, and the version that told them.
    return (
        Column("held", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        Column("held_version", BigInteger, nullable=False, server_default=text("0")),
    )


# --- Projection of customers: newest version wins, deletion is a tombstone.
Table(
    "customer",
    metadata,
    _uuid("customer_id", primary_key=True),
    Column("version", BigInteger, nullable=False),
    _flag("deleted"),
    _words("number"),
    _words("name"),
    Column("started_on", Date),
    Column("start_source", Text),
    Column("ended_on", Date),
    *_held(),
    Index("ix_customer_started_on", "started_on", postgresql_where=text("NOT deleted")),
    Index("ix_customer_held", "held", postgresql_using="gin"),
    Index("ix_customer_not_told", "customer_id", postgresql_where=text(NOT_TOLD)),
)
Table(
    "contact",
    metadata,
    _uuid("contact_id", primary_key=True),
    Column("version", BigInteger, nullable=False),
    _flag("deleted"),
    _words("first_name"),
    _words("last_name"),
    Column("email", Text),
    Column("mobile", Text),
    Column("phone", Text),
    Column("street", Text),
    Column("postal_code", Text),
    Column("city", Text),
    Column("country", Text),
    Column("language", Text),
    Column("attributes", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    # Null where there is no address to write to; made by domain/addresses.py, never in SQL.
    Column("email_key", Text),
    Column("sms_key", Text),
    Column("post_key", Text),
    *_held(),
    Index("ix_contact_attributes", "attributes", postgresql_using="gin"),
    Index("ix_contact_held", "held", postgresql_using="gin"),
    Index("ix_contact_not_told", "contact_id", postgresql_where=text(NOT_TOLD)),
)
Table(
    "contact_customer",
    metadata,
    _uuid("contact_id", primary_key=True),
    _uuid("customer_id", primary_key=True),
    Column("role", Text),
    Index("ix_contact_customer_customer_id", "customer_id"),
)
Table(
    "classification",
    metadata,
    # List and number in one, as in `held`; so are what it lies in, and what it bundles.
    Column("token", Text, primary_key=True),
    Column("list_name", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("titles", JSONB, nullable=False, server_default=text("'{}'")),
    Column("above", Text),
    Column("bundled", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("flags", JSONB, nullable=False, server_default=text("'{}'")),
    _flag("archived"),
    _flag("removed"),
    Index("ix_classification_list_name", "list_name"),
    Index("ix_classification_above", "above"),
)
# Only programs from before `classification` write it; it goes when none of them runs any more.
Table(
    "contact_attribute",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)
Table(
    "segment",
    metadata,
    _uuid("segment_id", primary_key=True),
    Column("name", Text, nullable=False),
    Column("rule", JSONB, nullable=False),
    Column("version", BigInteger, nullable=False),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
)

# --- Bans: who banned, which addresses that covers, and the rows a hand-off locks.
Table(
    "ban_subject",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("consent_seq", BigInteger, nullable=False),
    _flag("email"),
    _flag("sms"),
    _flag("post"),
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
    _flag("banned"),
    Index("ix_gate_banned", "channel", "key", postgresql_where=text("banned")),
)
Table(
    "pending_ban",
    metadata,
    _uuid("ban_id", primary_key=True),
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
    _uuid("latest_nonce"),
    moment("confirmed_probe_at"),
    Column("confirmed_seq", BigInteger, nullable=False, server_default=text("0")),
    _flag("email_configured"),
    _flag("sms_configured"),
    _flag("post_configured"),
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
    _uuid("nonce", primary_key=True),
    moment("sent_at", nullable=False),
    # How far the news had come when this was asked: no true answer can name less.
    Column("applied_through", BigInteger, nullable=False, server_default=text("0")),
    Index("ix_consent_probe_sent_at", "sent_at"),
)

# --- Receipts of what was released for sending.
Table(
    "hand_off",
    metadata,
    _uuid("hand_off_id", primary_key=True),
    _uuid("contact_id", nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("address_key", Text, nullable=False),
    Column("consent_seq", BigInteger, nullable=False),
    moment("at", nullable=False),
    UniqueConstraint("campaign", "channel", "contact_id", "purpose"),
    Index("ix_hand_off_contact_id", "contact_id"),
)
