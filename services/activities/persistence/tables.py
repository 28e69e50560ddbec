"""The tables of the activities service."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.chassis.tables import (
    NAMING,
    add_chassis_tables,
    add_jobs_table,
    flag,
    moment,
    uuid,
    version,
    words,
)
from shared.history.tables import add_history_table
from shared.imports.tables import add_import_tables
from shared.lists.tables import add_list_tables
from shared.projection.tables import add_projection_tables

LIVE = text("deleted_at IS NULL")
LIVE_OPEN = text("deleted_at IS NULL AND state = 'open'")

metadata = MetaData(naming_convention=NAMING)
add_chassis_tables(metadata)
add_jobs_table(metadata)
add_list_tables(metadata)
add_history_table(metadata)
add_projection_tables(metadata)


# --- Milestones. They are read off what was told of a customer: a turn lies between two versions.
Table(
    "customer_word",
    metadata,
    uuid("customer_id", primary_key=True),
    Column("version", BigInteger, primary_key=True),
    moment("at", nullable=False),
    flag("deleted"),
    uuid("merged_into"),
    Column("status", Integer),
    Column("ended_on", Date),
)
# What the other services told of a customer that its timeline shows beside activities.
Table(
    "milestone",
    metadata,
    uuid("customer_id", primary_key=True),
    # Which of several of its kind, such as a version; empty where there can be one only.
    Column("key", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    version(),
    moment("at", nullable=False),
    # What was told first and then taken back stays, so that what is late changes nothing.
    flag("withdrawn"),
    Column("facts", JSONB, nullable=False, server_default=text("'{}'")),
    Index(
        "ix_milestone_at",
        "customer_id",
        "at",
        "kind",
        "key",
        postgresql_where=text("NOT withdrawn"),
    ),
)

# --- Who sells, and in which groups.
Table(
    "seller",
    metadata,
    Column("seller", Text, primary_key=True),
    version(),
    words("name"),
    Column("email", Text),
    # His last day: nothing is assigned to him after it.
    Column("left_on", Date),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
)
Table(
    "user_group",
    metadata,
    uuid("group_id", primary_key=True),
    version(),
    words("title"),
    words("kind"),
    # No foreign key: groups may be told in any order.
    uuid("parent_id"),
    flag("removed"),
    Index("ix_user_group_parent_id", "parent_id"),
)
Table(
    "user_group_member",
    metadata,
    uuid("group_id", primary_key=True),
    Column("seller", Text, primary_key=True),
    # Both included; the first day of all where nothing is known.
    Column("since", Date, primary_key=True),
    Column("until", Date),
    Index("ix_user_group_member_seller", "seller"),
)

# --- Activities. Category, kind, type and attributes are keys of list values.
Table(
    "activity",
    metadata,
    uuid("activity_id", primary_key=True),
    version(),
    Column("customer_id", ForeignKey("customer.customer_id"), nullable=False),
    # As `activity_contact` has them, so that their history is kept with the rest.
    Column("contacts", ARRAY(UUID(as_uuid=True)), nullable=False, server_default=text("'{}'")),
    uuid("opportunity_id"),
    # The done one that it was made from.
    Column("follows", ForeignKey("activity.activity_id")),
    Column("category", ForeignKey("list_value.key"), nullable=False),
    Column("kind", ForeignKey("list_value.key"), nullable=False),
    Column("type", ForeignKey("list_value.key"), nullable=False),
    Column("attributes", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    Column("seller", ForeignKey("seller.seller")),
    Column("participants", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("state", Text, nullable=False),
    moment("starts_at", nullable=False),
    moment("ends_at"),
    moment("due_at"),
    # Of `starts_at`, where the installation is: weeks and months go by it.
    Column("day", Date, nullable=False),
    Column("channel", Text),
    Column("direction", Text),
    Column("subject", Text, nullable=False),
    words("memo"),
    words("result"),
    # Whether its category was a sales target when it was recorded (LE-A5).
    flag("counts_to_target"),
    # The key it has where it was imported from.
    Column("source", Text),
    Column("ref", Text),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    moment("deleted_at"),
    CheckConstraint("(source IS NULL) = (ref IS NULL)", name="ref_has_source"),
    CheckConstraint("ends_at IS NULL OR ends_at >= starts_at", name="ends_after_start"),
    CheckConstraint("state <> 'open' OR due_at IS NOT NULL", name="open_is_due"),
    Index("ix_activity_customer", "customer_id", "starts_at", "activity_id", postgresql_where=LIVE),
    # What a card shows is found in these two without a look at the table.
    Index(
        "ix_activity_seller",
        "seller",
        "starts_at",
        "activity_id",
        postgresql_include=["category", "kind", "day"],
        postgresql_where=LIVE,
    ),
    Index(
        "ix_activity_due",
        "seller",
        "due_at",
        "activity_id",
        postgresql_include=["category", "kind"],
        postgresql_where=LIVE_OPEN,
    ),
    Index("ix_activity_starts_at", "starts_at", "activity_id", postgresql_where=LIVE),
    # What a quarter's statistics read, without a look at the table.
    Index(
        "ix_activity_day",
        "day",
        postgresql_include=[
            *("seller", "category", "kind", "type", "attributes", "state", "customer_id")
        ],
        postgresql_where=LIVE,
    ),
    # Who holds this value? Asked before it is deleted, and when all who do are to hold another.
    Index("ix_activity_category", "category"),
    Index("ix_activity_kind", "kind"),
    Index("ix_activity_type", "type"),
    Index("ix_activity_attributes", "attributes", postgresql_using="gin"),
    Index("ix_activity_participants", "participants", postgresql_using="gin"),
    Index(
        "ix_activity_opportunity",
        "opportunity_id",
        postgresql_where=text("opportunity_id IS NOT NULL"),
    ),
    Index(
        "ix_activity_deleted",
        "deleted_at",
        "activity_id",
        postgresql_where=text("deleted_at IS NOT NULL"),
    ),
    Index(
        "ix_activity_reference",
        "source",
        "ref",
        unique=True,
        postgresql_where=text("source IS NOT NULL"),
    ),
)
Table(
    "activity_contact",
    metadata,
    Column("activity_id", ForeignKey("activity.activity_id"), primary_key=True),
    Column("contact_id", ForeignKey("contact.contact_id"), primary_key=True),
    # That of the activity, so that a contact's timeline is one range of an index.
    moment("starts_at", nullable=False),
    Index("ix_activity_contact_timeline", "contact_id", "starts_at", "activity_id"),
)

# --- What the seller view and statistics read instead of activities; triggers keep both
# (counting.py), so that no way of changing an activity goes past them.
Table(
    "activity_count",
    metadata,
    Column("day", Date, primary_key=True),
    # Empty: assigned to nobody.
    Column("seller", Text, primary_key=True),
    Column("category", Integer, primary_key=True),
    Column("kind", Integer, primary_key=True),
    Column("type", Integer, primary_key=True),
    Column("done", Integer, nullable=False),
    Column("open", Integer, nullable=False),
    # All of one seller, in as few pages as they fill.
    Index(
        "ix_activity_count_seller",
        "seller",
        "day",
        postgresql_include=["category", "kind", "done", "open"],
    ),
)
Table(
    "last_contact",
    metadata,
    # Empty: with anybody.
    Column("seller", Text, primary_key=True),
    uuid("customer_id", primary_key=True),
    # Of the last done activity; none where all that there were are gone.
    Column("day", Date),
    Index("ix_last_contact_day", "seller", "day", "customer_id"),
)

# --- Attachments. The bytes are in the store, by their checksum; here is what is known of them.
Table(
    "blob",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    # Written and committed before the bytes are kept, so that none are without a row. From
    # `expires_at` on they go, unless an attachment refers to them; null while one does.
    moment("stored_at", nullable=False),
    moment("expires_at"),
    Index("ix_blob_expires_at", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
)
Table(
    "attachment",
    metadata,
    uuid("attachment_id", primary_key=True),
    version(),
    Column("activity_id", ForeignKey("activity.activity_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", ForeignKey("blob.sha256"), nullable=False, index=True),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    moment("deleted_at"),
    Index("ix_attachment_activity", "activity_id", "attachment_id"),
    Index("ix_attachment_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
)

# --- Targets. What is done is counted by seller, category and day; periods and groups are sums.
Table(
    "tally",
    metadata,
    # No foreign keys: it follows activities, and their checks would wait for merges of categories.
    Column("seller", Text, primary_key=True),
    Column("category", Integer, primary_key=True, index=True),
    Column("day", Date, primary_key=True),
    Column("done", Integer, nullable=False),
)
Table(
    "target",
    metadata,
    uuid("target_id", primary_key=True),
    version(),
    # One of the two: a seller, or a group with all groups below it.
    Column("seller", ForeignKey("seller.seller")),
    uuid("group_id"),
    Column("category", ForeignKey("list_value.key"), nullable=False, index=True),
    Column("period", Text, nullable=False),
    # Holds from this period on, until another one of the same subject, category and period begins.
    Column("first_day", Date, nullable=False),
    Column("wanted", Integer, nullable=False),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    CheckConstraint("(seller IS NULL) <> (group_id IS NULL)", name="seller_or_group"),
    Index(
        "ix_target_subject",
        text("coalesce(seller, CAST(group_id AS text))"),
        "category",
        "period",
        "first_day",
        unique=True,
    ),
)
# Holidays and the like: what part of a target is wanted in one period.
Table(
    "target_exception",
    metadata,
    uuid("exception_id", primary_key=True),
    version(),
    # Neither: of everybody.
    Column("seller", ForeignKey("seller.seller")),
    uuid("group_id"),
    Column("period", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("percent", SmallInteger, nullable=False),
    words("reason"),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    CheckConstraint("seller IS NULL OR group_id IS NULL", name="one_subject"),
    Index(
        "ix_target_exception_period",
        "period",
        "first_day",
        text("coalesce(seller, CAST(group_id AS text), '')"),
        unique=True,
    ),
)
# What was told of a target's period last.
Table(
    "target_progress",
    metadata,
    Column("target_id", ForeignKey("target.target_id", ondelete="CASCADE"), primary_key=True),
    Column("first_day", Date, primary_key=True),
    version(),
    Column("done", Integer, nullable=False),
    Column("wanted", Integer, nullable=False),
)

# --- Calendars out, activities in.
Table(
    "calendar_feed",
    metadata,
    uuid("feed_id", primary_key=True),
    Column("seller", ForeignKey("seller.seller"), nullable=False, index=True),
    words("title"),
    # Of the secret in the address, which is shown once and kept nowhere.
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    moment("created_at", nullable=False),
)
add_import_tables(metadata, "activity")
# Which rows made this activity? Asked when a person is erased.
_rows = metadata.tables["activity_import_row"]
Index(
    "ix_activity_import_row_activity",
    _rows.c.activity_id,
    postgresql_where=_rows.c.activity_id.is_not(None),
)
