"""The tables of the customers service."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKey,
    Identity,
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

from shared.chassis.tables import NAMING, add_chassis_tables, add_jobs_table, moment
from shared.history.tables import add_history_table
from shared.lists.tables import add_list_tables

# The records that are merged, undone and found twice, with their primary keys.
ID_OF = {"customer": "customer_id", "contact": "contact_id"}
LIVE = text("deleted_at IS NULL")
DELETED = text("deleted_at IS NOT NULL")
MERGED = text("merged_into IS NOT NULL")

# Indexes with an operator class or a collation, which the declaration of a table cannot name and
# compare; those of trigrams are missing where the server has no pg_trgm.
ACCELERATORS = (
    "ix_customer_fragments",
    "ix_contact_customer_fragments",
    "ix_customer_name_order",
    "ix_customer_name_walk",
    "ix_customer_name_walk_long",
    "ix_customer_number_order",
    "ix_customer_postal_code_beginning",
)
metadata = MetaData(naming_convention=NAMING, info={"accelerators": ACCELERATORS})
add_chassis_tables(metadata)
add_jobs_table(metadata)
add_list_tables(metadata)
add_history_table(metadata)

# Gaps are allowed (LS-A9): a gapless series would make one row hot. Each prefix of a customer kind
# has a sequence of its own beside this one; `open_number_series` creates it with the kind.
Sequence("customer_number", metadata=metadata, start=1000)

Table(
    "customer",
    metadata,
    Column("customer_id", UUID(as_uuid=True), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("business_id", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("headcount", Integer),
    Column("street", Text),
    Column("postal_code", Text),
    Column("city", Text),
    Column("country", Text),
    # Keys of list values; `domain/lists.py` tells how many of each list there may be.
    Column("classifications", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    # By number of the attribute: exactly those that are held and are of type text, number or date.
    Column("attribute_values", JSONB, nullable=False, server_default=text("'{}'")),
    Column("ended_on", Date),
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
    moment("deleted_at"),
    # Who has taken its place; there is somebody living at the end of such a chain, or nobody.
    Column("merged_into", ForeignKey("customer.customer_id")),
    # What a fragment is searched in; contacts have a text of their own.
    Column(
        "search_text",
        Text,
        Computed(
            "lower(name || E'\\n' || number || E'\\n' || coalesce(business_id, '') || E'\\n' || "
            "coalesce(phone, '') || E'\\n' || coalesce(email, ''))",
            persisted=True,
        ),
    ),
    # What duplicates are found by.
    Column("name_key", Text, Computed("folded_name(name)", persisted=True)),
    Column("business_key", Text, Computed("business_key(business_id)", persisted=True)),
    Index("ix_customer_same_name", "name_key", "customer_id", postgresql_where=LIVE),
    Index(
        "ix_customer_same_business_id",
        "business_key",
        "customer_id",
        postgresql_where=text("merged_into IS NULL AND business_key IS NOT NULL"),
    ),
    Index(
        "ix_customer_same_email",
        "email",
        "customer_id",
        postgresql_where=text("deleted_at IS NULL AND email IS NOT NULL"),
    ),
    Index(
        "ix_customer_same_phone",
        "phone",
        "customer_id",
        postgresql_where=text("deleted_at IS NULL AND phone IS NOT NULL"),
    ),
    # Live rows own the unique keys. Documents may name their customer by either of these.
    Index("ix_customer_number", "number", unique=True, postgresql_where=LIVE),
    Index("ix_customer_business_id", "business_id", unique=True, postgresql_where=LIVE),
    Index("ix_customer_classifications", "classifications", postgresql_using="gin"),
    Index("ix_customer_city", text("lower(city)"), postgresql_where=LIVE),
    Index(
        "ix_customer_started_on",
        text("coalesce(started_on, CAST('9999-12-31' AS date))"),
        "customer_id",
        postgresql_where=LIVE,
    ),
    Index("ix_customer_deleted", "deleted_at", "customer_id", postgresql_where=DELETED),
    # A series passes over the numbers of deleted customers, so that they can come back (LS-A9).
    Index("ix_customer_deleted_number", "number", postgresql_where=DELETED),
    Index("ix_customer_merged_into", "merged_into", postgresql_where=MERGED),
    # What names a merged customer reaches its survivor.
    Index("ix_customer_merged_number", "number", postgresql_where=MERGED),
    Index("ix_customer_merged_business_id", "business_id", postgresql_where=MERGED),
    CheckConstraint("(started_on IS NULL) = (start_source IS NULL)", name="start_has_source"),
    CheckConstraint("merged_into IS NULL OR deleted_at IS NOT NULL", name="merged_is_deleted"),
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
    # Numbers of contact attributes, since settings and bans go by number.
    Column("attributes", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    Column("classifications", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    # As customers have them.
    Column("attribute_values", JSONB, nullable=False, server_default=text("'{}'")),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    moment("deleted_at"),
    Column("merged_into", ForeignKey("contact.contact_id")),
    Column(
        "search_text",
        Text,
        Computed(
            "lower(first_name || ' ' || last_name || E'\\n' || coalesce(email, '') || E'\\n' || "
            "coalesce(mobile, '') || E'\\n' || coalesce(phone, ''))",
            persisted=True,
        ),
    ),
    Column(
        "name_key", Text, Computed("folded_name(first_name || ' ' || last_name)", persisted=True)
    ),
    Index(
        "ix_contact_same_email",
        "email",
        "name_key",
        "contact_id",
        postgresql_where=text("deleted_at IS NULL AND email IS NOT NULL"),
    ),
    Index(
        "ix_contact_same_mobile",
        "mobile",
        "name_key",
        "contact_id",
        postgresql_where=text("deleted_at IS NULL AND mobile IS NOT NULL"),
    ),
    # Who has this attribute? Asked when a ban setting moves to another number.
    Index("ix_contact_attributes", "attributes", postgresql_using="gin"),
    Index("ix_contact_classifications", "classifications", postgresql_using="gin"),
    # Who has this address? Asked when an address is banned at mailing.
    Index("ix_contact_email", "email"),
    Index("ix_contact_mobile", "mobile"),
    Index("ix_contact_deleted", "deleted_at", "contact_id", postgresql_where=DELETED),
    Index("ix_contact_merged_into", "merged_into", postgresql_where=MERGED),
    CheckConstraint("merged_into IS NULL OR deleted_at IS NOT NULL", name="merged_is_deleted"),
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
    # That of the contact while it lives, kept by triggers: a fragment finds the customer at once.
    Column("search_text", Text),
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
    # Whose id is in the hash, where a merge has moved the document since.
    Column("hashed_for", UUID(as_uuid=True)),
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
    "erp_project",
    metadata,
    Column("source", Text, primary_key=True),
    Column("project_ref", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    moment("said_at", nullable=False),
    # As it was told: who was merged since stands for the survivor.
    Column("customer_id", ForeignKey("customer.customer_id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    # By which its customer could not be picked when it was; the violation itself stays for good.
    Column("violated_rule", Text),
)
# Customers that were picked against a rule, each pick by itself, for good.
Table(
    "rule_violation",
    metadata,
    Column("violation_id", BigInteger, Identity(always=True), primary_key=True),
    Column("customer_id", ForeignKey("customer.customer_id"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("rule", Text, nullable=False),
    # The status that forbade it, as it was called then.
    Column("status_number", Integer),
    Column("status_title", Text),
    Column("source", Text, nullable=False),
    Column("project_ref", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    moment("said_at", nullable=False),
    moment("recorded_at", nullable=False),
    Index("ix_rule_violation_customer", "customer_id", "violation_id"),
)
Table(
    "operation",
    metadata,
    Column("operation_id", UUID(as_uuid=True), primary_key=True),
    moment("at", nullable=False),
    # What was asked for, as it was asked.
    Column("request", JSONB, nullable=False),
    Column("customers", Integer, nullable=False),
    Column("deleted", Integer, nullable=False),
    Column("undoes", ForeignKey("operation.operation_id"), unique=True),
)
# A file that customers and contacts come from, and what its columns mean.
Table(
    "import",
    metadata,
    Column("import_id", UUID(as_uuid=True), primary_key=True),
    Column("version", BigInteger, nullable=False),
    # In whose outside keys its records are known.
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("encoding", Text),
    Column("delimiter", Text),
    Column("sheet", Text),
    Column("sheets", JSONB, nullable=False),
    Column("columns", JSONB, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("mapping", JSONB),
    # How many rows met which fate, in the last rehearsal or run.
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("rehearsal_job", UUID(as_uuid=True)),
    Column("run_job", UUID(as_uuid=True)),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    Index("ix_import_created_at", "created_at"),
)
Table(
    "import_row",
    metadata,
    Column("import_id", ForeignKey("import.import_id", ondelete="CASCADE"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("cells", ARRAY(Text), nullable=False),
)
Table(
    "import_fate",
    metadata,
    Column("import_id", ForeignKey("import.import_id", ondelete="CASCADE"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("fate", Text, nullable=False),
    Column("changes", JSONB, nullable=False),
    Column("problems", JSONB, nullable=False),
    Column("customer_id", UUID(as_uuid=True)),
    Column("contact_id", UUID(as_uuid=True)),
    Index("ix_import_fate_fate", "import_id", "fate", "line"),
)
# How a rehearsal lets records stand, so that its later rows find what the earlier ones would do.
Table(
    "import_planned",
    metadata,
    Column("import_id", ForeignKey("import.import_id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("state", JSONB, nullable=False),
)
# Which documents an operation moved from whom to whom, so that undoing it moves them back.
Table(
    "moved_document",
    metadata,
    Column("operation_id", UUID(as_uuid=True), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("document_id", Text, primary_key=True),
    Column("moved_from", UUID(as_uuid=True), nullable=False),
    Column("moved_to", UUID(as_uuid=True), nullable=False),
)
# Pairs that a person has found to be different.
Table(
    "dismissed_duplicate",
    metadata,
    Column("record", Text, primary_key=True),
    Column("one", UUID(as_uuid=True), primary_key=True),
    Column("other", UUID(as_uuid=True), primary_key=True),
    moment("at", nullable=False),
    Column("actor", Text),
    CheckConstraint("one < other", name="in_order"),
)
Table(
    "saved_search",
    metadata,
    Column("search_id", UUID(as_uuid=True), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    # As it came over HTTP, so that it can be run again as it is.
    Column("search", JSONB, nullable=False),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    Index("ix_saved_search_title", text("lower(title)"), unique=True),
)
Table(
    "consent_counter",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
