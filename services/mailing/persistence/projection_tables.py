"""What this service knows of customers, contacts, lists and what was done with them: as told.

The newest version of a record wins; a deletion is a tombstone. Each row says which event told it
and when, and what a row was before stands in `past`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from services.mailing.persistence.columns import metadata
from shared.chassis.tables import flag, moment, uuid, words

# True of a row that came before `held` did, or was last written by a program that does not know it.
NOT_TOLD = "NOT deleted AND held_version <> version"
# True of a contact whose hashes were never made, or are of what it was before.
NOT_HASHED = "NOT deleted AND hashed_version <> version"


def _held() -> tuple[Column[object], Column[object]]:
    # The values that it holds, as tokens of domain/lists.py, and the version that told them.
    return (
        Column("held", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        Column("held_version", BigInteger, nullable=False, server_default=text("0")),
    )


def _told() -> tuple[Column[object], ...]:
    # The type and id of the event that told this row, and the moment it was taken over.
    return (
        Column("told_type", Text),
        Column("told_by", Text),
        moment("told_at", nullable=False, server_default=text("'-infinity'")),
    )


def _of_customer(*, nullable: bool = True) -> tuple[Column[object], Column[object]]:
    # Whom it was told of, and who stands for him now that customers were merged; of tombstones
    # none is known.
    return uuid("told_customer_id", nullable=nullable), uuid("customer_id", nullable=nullable)


def _values() -> Column[object]:
    # Values of attributes that are more than ticks, by number of the attribute.
    return Column("attribute_values", JSONB, nullable=False, server_default=text("'{}'"))


def _numbers(name: str) -> Column[object]:
    return Column(name, ARRAY(Integer), nullable=False, server_default=text("'{}'"))


def _ids(name: str) -> Column[object]:
    return Column(name, ARRAY(UUID(as_uuid=True)), nullable=False, server_default=text("'{}'"))


def _place() -> tuple[Column[str | None], ...]:
    return tuple(Column(name, Text) for name in ("street", "postal_code", "city", "country"))


# --- Customers and contacts.
Table(
    "customer",
    metadata,
    uuid("customer_id", primary_key=True),
    Column("version", BigInteger, nullable=False),
    flag("deleted"),
    words("number"),
    words("name"),
    Column("started_on", Date),
    Column("start_source", Text),
    Column("ended_on", Date),
    Column("business_id", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("headcount", Integer),
    *_place(),
    _values(),
    uuid("merged_into"),
    *_held(),
    *_told(),
    Index("ix_customer_started_on", "started_on", postgresql_where=text("NOT deleted")),
    Index("ix_customer_held", "held", postgresql_using="gin"),
    Index("ix_customer_not_told", "customer_id", postgresql_where=text(NOT_TOLD)),
    # Who was merged into this one?
    Index(
        "ix_customer_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")
    ),
)
Table(
    "contact",
    metadata,
    uuid("contact_id", primary_key=True),
    Column("version", BigInteger, nullable=False),
    flag("deleted"),
    words("first_name"),
    words("last_name"),
    Column("email", Text),
    Column("mobile", Text),
    Column("phone", Text),
    *_place(),
    Column("language", Text),
    _values(),
    flag("erased"),
    uuid("merged_into"),
    Column("attributes", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    # Null where there is no address to write to; made by domain/addresses.py, never in SQL.
    Column("email_key", Text),
    Column("sms_key", Text),
    Column("post_key", Text),
    # One is called by mobile, else by telephone.
    Column("call_key", Text, Computed("coalesce(sms_key, phone)", persisted=True)),
    # Keyed hashes of the four, and the version of the contact that they were made of.
    *(Column(f"{channel}_hash", Text) for channel in ("email", "sms", "post", "call")),
    Column("hashed_version", BigInteger, nullable=False, server_default=text("0")),
    *_held(),
    *_told(),
    Index("ix_contact_attributes", "attributes", postgresql_using="gin"),
    Index("ix_contact_held", "held", postgresql_using="gin"),
    # Who was merged into this one?
    Index(
        "ix_contact_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")
    ),
    Index("ix_contact_not_told", "contact_id", postgresql_where=text(NOT_TOLD)),
    Index("ix_contact_not_hashed", "contact_id", postgresql_where=text(NOT_HASHED)),
    # Who else has an address?
    *(
        Index(
            f"ix_contact_{channel}_hash",
            f"{channel}_hash",
            postgresql_where=text(f"{channel}_hash IS NOT NULL"),
        )
        for channel in ("email", "sms", "post", "call")
    ),
)
Table(
    "contact_customer",
    metadata,
    uuid("contact_id", primary_key=True),
    uuid("customer_id", primary_key=True),
    Column("role", Text),
    moment("told_at", nullable=False, server_default=text("'-infinity'")),
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
    flag("archived"),
    flag("removed"),
    *_told(),
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

# --- What was invoiced and ordered, done with customers, and may be sold to them.
Table(
    "document",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("document_id", Text, primary_key=True),
    Column("version", BigInteger),
    flag("voided"),
    *_of_customer(nullable=False),
    Column("document_date", Date),
    moment("recorded_at"),
    Column("currency", Text),
    Column("net_amount", Numeric(19, 4)),
    Column("margin", Numeric(19, 4)),
    *_told(),
    Index("ix_document_customer_id", "customer_id", "document_date"),
    Index("ix_document_told_customer_id", "told_customer_id"),
)
Table(
    "activity",
    metadata,
    uuid("activity_id", primary_key=True),
    Column("version", BigInteger, nullable=False),
    flag("deleted"),
    *_of_customer(),
    _ids("contacts"),
    Column("category", Integer),
    Column("kind", Integer),
    Column("type", Integer),
    _numbers("attributes"),
    Column("seller", Text),
    Column("state", Text),
    Column("channel", Text),
    Column("direction", Text),
    # The day it began on, in the time zone of the installation.
    Column("day", Date),
    *_told(),
    Index("ix_activity_customer_id", "customer_id", "day"),
    Index("ix_activity_told_customer_id", "told_customer_id"),
    Index("ix_activity_contacts", "contacts", postgresql_using="gin"),
)
Table(
    "opportunity",
    metadata,
    uuid("opportunity_id", primary_key=True),
    Column("version", BigInteger, nullable=False),
    flag("deleted"),
    *_of_customer(),
    _ids("contacts"),
    Column("name", Text),
    Column("pipeline", Integer),
    Column("stage", Integer),
    Column("type", Integer),
    Column("source", Integer),
    Column("outcome", Text),
    Column("closed", Boolean),
    Column("closed_on", Date),
    Column("expected_close", Date),
    Column("value", Numeric(19, 4)),
    Column("currency", Text),
    Column("sellers", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    *_told(),
    Index("ix_opportunity_customer_id", "customer_id"),
    Index("ix_opportunity_told_customer_id", "told_customer_id"),
    Index("ix_opportunity_contacts", "contacts", postgresql_using="gin"),
)

# --- What all these rows were before; kept by triggers, so that no way of changing goes past it.
Table(
    "past",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    # The id of the record as text; of a link or pin that of its contact, of a value its token.
    Column("record_id", Text, nullable=False),
    uuid("customer_id"),
    _ids("contacts"),
    moment("since", nullable=False),
    moment("until", nullable=False),
    Column("fields", JSONB, nullable=False),
    Index("ix_past_record_id", "kind", "record_id", "until"),
    Index("ix_past_customer_id", "customer_id", postgresql_where=text("customer_id IS NOT NULL")),
    Index(
        "ix_past_contacts",
        "contacts",
        postgresql_using="gin",
        postgresql_where=text("contacts <> '{}'"),
    ),
    Index("ix_past_until", "until"),
)
