"""The tables of the customers service."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Sequence,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.chassis.tables import NAMING, add_chassis_tables, moment

metadata = MetaData(naming_convention=NAMING)
add_chassis_tables(metadata)

# Gaps are allowed (LS-A9): a gapless series would make one row hot.
Sequence("customer_number", metadata=metadata, start=1000)

Table(
    "customer",
    metadata,
    Column("customer_id", UUID(as_uuid=True), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("number", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("business_id", Text),
    Column("email", Text),
    Column("ban_email", Boolean, nullable=False, server_default=text("false")),
    Column("ban_sms", Boolean, nullable=False, server_default=text("false")),
    Column("ban_post", Boolean, nullable=False, server_default=text("false")),
    Column("started_on", Date),
    Column("start_source", Text),
    Column("start_document_source", Text),
    Column("start_document_id", Text),
    Column("start_recorded_at", moment("start_recorded_at").type),
    moment("start_decided_at"),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    # Documents may name their customer by business id.
    Index("ix_customer_business_id", "business_id", unique=True),
    CheckConstraint("(started_on IS NULL) = (start_source IS NULL)", name="start_has_source"),
)
Table(
    "customer_reference",
    metadata,
    Column("source", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("customer_id", ForeignKey("customer.customer_id"), nullable=False, index=True),
    # Which master data the ERP sent last, so that an older one changes nothing.
    Column("erp_version", BigInteger, nullable=False, server_default=text("0")),
    moment("erp_time"),
)
Table(
    "contact",
    metadata,
    Column("contact_id", UUID(as_uuid=True), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("first_name", Text, nullable=False, server_default=text("''")),
    Column("last_name", Text, nullable=False, server_default=text("''")),
    Column("email", Text),
    Column("mobile", Text),
    Column("phone", Text),
    Column("street", Text),
    Column("postal_code", Text),
    Column("city", Text),
    Column("country", Text),
    Column("language", Text),
    Column("attributes", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    # Who has this attribute? Asked when a ban setting moves to another number.
    Index("ix_contact_attributes", "attributes", postgresql_using="gin"),
    # Who has this address? Asked when an address is banned at mailing.
    Index("ix_contact_email", "email"),
    Index("ix_contact_mobile", "mobile"),
)
Table(
    "contact_reference",
    metadata,
    Column("source", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("contact_id", ForeignKey("contact.contact_id"), nullable=False, index=True),
)
Table(
    "contact_customer",
    metadata,
    Column("contact_id", ForeignKey("contact.contact_id"), primary_key=True),
    Column("customer_id", ForeignKey("customer.customer_id"), primary_key=True, index=True),
    Column("role", Text),
    Column("position", Integer, nullable=False, server_default=text("0")),
)
Table(
    "contact_group",
    metadata,
    Column("group_id", UUID(as_uuid=True), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("title", Text, nullable=False, unique=True),
)
Table(
    "contact_attribute",
    metadata,
    Column("attribute_id", UUID(as_uuid=True), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("number", Integer, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("group_id", ForeignKey("contact_group.group_id")),
)
Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Integer),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
)
Table(
    "erp_document",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("document_id", Text, primary_key=True),
    # What decides which of two states is the newer, whatever order they came in.
    Column("version", BigInteger, nullable=False),
    Column("voided", Boolean, nullable=False),
    moment("said_at", nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("customer_id", ForeignKey("customer.customer_id"), nullable=False),
    Column("document_date", Date),
    moment("recorded_at"),
    Column("currency", Text),
    Column("net_amount", Numeric(19, 4)),
    Column("gross_amount", Numeric(19, 4)),
    Column("margin", Numeric(19, 4)),
    Column("order_id", Text),
    Column("invoice_id", Text),
    Column("lines", JSONB),
    # The documents of one customer in the order of recording: the first is at the front.
    Index("ix_erp_document_first", "customer_id", "kind", "recorded_at", "document_date"),
    # Which credit notes name this invoice?
    Index(
        "ix_erp_document_invoice_id",
        "source",
        "invoice_id",
        postgresql_where=text("invoice_id IS NOT NULL"),
    ),
)
Table(
    "erp_document_history",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("document_id", Text, primary_key=True),
    Column("content_hash", LargeBinary, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("voided", Boolean, nullable=False),
    Column("facts", JSONB, nullable=False),
    moment("replaced_at", nullable=False),
)
Table(
    "consent_counter",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
