"""The tables of the pipeline service. Amounts are integers in minor units of their currency."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Numeric,
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
LIVE_OPEN = text("deleted_at IS NULL AND outcome = 'open'")
UNTOLD = text("deleted_at IS NULL AND outcome = 'open' AND stale_reason IS NULL")

metadata = MetaData(naming_convention=NAMING)
add_chassis_tables(metadata)
add_jobs_table(metadata)
add_list_tables(metadata)
add_history_table(metadata)
add_projection_tables(metadata)
# Who was on an opportunity before? Asked when somebody is erased.
Index(
    "ix_history_contacts",
    text("(before -> 'contacts')"),
    text("(after -> 'contacts')"),
    postgresql_using="gin",
    postgresql_where=text("record = 'opportunity' AND before ? 'contacts'"),
    _table=metadata.tables["history"],
)


# --- What customers told of the ERP's projects and documents: the newest holds.
Table(
    "project",
    metadata,
    Column("source", Text, primary_key=True),
    Column("project_ref", Text, primary_key=True),
    version(),
    uuid("customer_id", nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    # The flag of the customer's status that the project breaks (VF-A6).
    Column("violated_rule", Text),
)
Table(
    "document",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("document_id", Text, primary_key=True),
    Column("document_version", BigInteger, nullable=False),
    moment("recorded_at", nullable=False),
    uuid("customer_id", nullable=False),
    flag("voided"),
    Column("document_date", Date),
    Column("currency", Text),
    Column("net_amount", BigInteger),
    Index("ix_document_customer", "customer_id", "document_date"),
    Index("ix_document_date", "document_date", "customer_id"),
)

# --- Who sells together.
Table(
    "user_group",
    metadata,
    uuid("group_id", primary_key=True),
    version(),
    Column("title", Text, nullable=False),
    words("description"),
    Column("kind", Text, nullable=False),
    Column("parent_id", ForeignKey("user_group.group_id"), index=True),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    # Removed: it stays for what it was called, with no members.
    moment("deleted_at"),
    CheckConstraint("kind IN ('standard', 'sales')", name="kind"),
)
Table(
    "user_group_member",
    metadata,
    Column("group_id", ForeignKey("user_group.group_id"), primary_key=True),
    Column("seller", Text, primary_key=True),
    # Both included; the first day of all where nothing is said of one, null for good.
    Column("since", Date, primary_key=True),
    Column("until", Date),
    Index("ix_user_group_member_seller", "seller"),
)

# --- Opportunities. Pipeline, stage, rejection, type and origin are keys of list values.
Table(
    "opportunity",
    metadata,
    uuid("opportunity_id", primary_key=True),
    version(),
    Column("customer_id", ForeignKey("customer.customer_id"), nullable=False),
    Column("project_source", Text),
    Column("project_ref", Text),
    # The rule that its project broke when the opportunity was put on it.
    Column("rule_violated", Text),
    Column("name", Text, nullable=False),
    words("memo"),
    Column("value", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    # What it is made of: title, quantity, unit_price, total; the value is then the sum.
    Column("lines", JSONB, nullable=False, server_default=text("'[]'")),
    Column("expected_close", Date, nullable=False),
    Column("pipeline", ForeignKey("list_value.key"), nullable=False, index=True),
    Column("stage", ForeignKey("list_value.key"), nullable=False),
    # As the stage says.
    Column("outcome", Text, nullable=False),
    Column("closed", Boolean, nullable=False),
    # When it was won, lost or expired.
    Column("closed_on", Date),
    moment("entered_at", nullable=False),
    Column("probability", SmallInteger, nullable=False),
    Column("probability_source", Text, nullable=False),
    Column("rejection", ForeignKey("list_value.key"), index=True),
    Column("type", ForeignKey("list_value.key"), index=True),
    Column("origin", ForeignKey("list_value.key"), index=True),
    Column("contacts", ARRAY(UUID(as_uuid=True)), nullable=False, server_default=text("'{}'")),
    # Who sells, the heaviest first, and how many per cent are whose; none if it is nobody's.
    Column("sellers", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("weights", ARRAY(SmallInteger), nullable=False, server_default=text("'{}'")),
    # Its place on the board, within its stage, from the top.
    Column("position", Numeric, nullable=False),
    # The last done activity that names it, and what of it was told as stale.
    moment("last_activity_at"),
    Column("stale_reason", Text),
    # The key it has where it was imported from.
    Column("source", Text),
    Column("ref", Text),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    moment("deleted_at"),
    CheckConstraint("value >= 0", name="value_not_negative"),
    CheckConstraint("probability BETWEEN 0 AND 100", name="probability_is_per_cent"),
    CheckConstraint("outcome <> 'won' OR probability = 100", name="won_is_certain"),
    CheckConstraint(
        "outcome NOT IN ('lost', 'expired') OR probability = 0", name="lost_is_impossible"
    ),
    CheckConstraint("(outcome = 'open') = (closed_on IS NULL)", name="closed_has_day"),
    CheckConstraint("outcome = 'lost' OR rejection IS NULL", name="lost_has_reason"),
    CheckConstraint("(project_source IS NULL) = (project_ref IS NULL)", name="project_is_whole"),
    CheckConstraint("(source IS NULL) = (ref IS NULL)", name="ref_has_source"),
    CheckConstraint("cardinality(sellers) = cardinality(weights)", name="sellers_have_weights"),
    ForeignKeyConstraint(
        ["project_source", "project_ref"], ["project.source", "project.project_ref"]
    ),
    Index("ix_opportunity_customer", "customer_id", "opportunity_id", postgresql_where=LIVE),
    Index("ix_opportunity_stage", "stage", "position", "opportunity_id", postgresql_where=LIVE),
    # Who holds this stage, deleted ones too.
    Index("ix_opportunity_stage_held", "stage"),
    Index(
        "ix_opportunity_expected", "expected_close", "opportunity_id", postgresql_where=LIVE_OPEN
    ),
    Index("ix_opportunity_closed", "closed_on", "opportunity_id", postgresql_where=LIVE),
    Index("ix_opportunity_sellers", "sellers", postgresql_using="gin"),
    Index("ix_opportunity_contacts", "contacts", postgresql_using="gin"),
    # What may have gone stale and was not told as that.
    Index("ix_opportunity_due", "expected_close", "opportunity_id", postgresql_where=UNTOLD),
    Index(
        "ix_opportunity_quiet",
        text("greatest(last_activity_at, updated_at)"),
        "opportunity_id",
        postgresql_where=UNTOLD,
    ),
    Index(
        "ix_opportunity_project",
        "project_source",
        "project_ref",
        postgresql_where=text("project_ref IS NOT NULL"),
    ),
    Index(
        "ix_opportunity_deleted",
        "deleted_at",
        "opportunity_id",
        postgresql_where=text("deleted_at IS NOT NULL"),
    ),
    Index(
        "ix_opportunity_reference",
        "source",
        "ref",
        unique=True,
        postgresql_where=text("source IS NOT NULL"),
    ),
)

# --- What was believed when: each state of an opportunity, from and until a moment. A trigger
# writes them, so that no way of changing an opportunity goes past it.
Table(
    "opportunity_state",
    metadata,
    Column("opportunity_id", ForeignKey("opportunity.opportunity_id"), primary_key=True),
    moment("since", primary_key=True),
    # Null: it still is so.
    moment("until"),
    flag("deleted"),
    uuid("customer_id", nullable=False),
    Column("pipeline", Integer, nullable=False),
    Column("stage", Integer, nullable=False),
    moment("entered_at", nullable=False),
    Column("outcome", Text, nullable=False),
    Column("closed_on", Date),
    Column("value", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("probability", SmallInteger, nullable=False),
    Column("expected_close", Date, nullable=False),
    Column("type", Integer),
    Column("sellers", ARRAY(Text), nullable=False),
    Column("weights", ARRAY(SmallInteger), nullable=False),
    Index("ix_opportunity_state_since", "since"),
    Index(
        "ix_opportunity_state_current",
        "opportunity_id",
        unique=True,
        postgresql_where=text("until IS NULL"),
    ),
)

# --- What forecasts read instead of opportunities; triggers keep both. `day` is the first of the
# month in which an open one is expected to close, or the day on which it was closed.
Table(
    "forecast_share",
    metadata,
    Column("day", Date, primary_key=True),
    # Empty: nobody's.
    Column("seller", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("stage", Integer, primary_key=True),
    # 0: of no type.
    Column("type", Integer, primary_key=True),
    Column("probability", SmallInteger, primary_key=True),
    # The shares of this seller.
    Column("value", BigInteger, nullable=False),
    Column("weighted", BigInteger, nullable=False),
    # How many opportunities he has a share in.
    Column("opportunities", Integer, nullable=False),
)
# What several share, once each, so that they are not counted as many times as they have sellers.
Table(
    "forecast_shared",
    metadata,
    Column("day", Date, primary_key=True),
    Column("sellers", ARRAY(Text), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("stage", Integer, primary_key=True),
    Column("type", Integer, primary_key=True),
    Column("probability", SmallInteger, primary_key=True),
    Column("opportunities", Integer, nullable=False),
)

# --- Currencies and targets.
Table(
    "exchange_rate",
    metadata,
    Column("currency", Text, primary_key=True),
    # Holds from this day on, until the next.
    Column("valid_from", Date, primary_key=True),
    # How many of the house's currency one of this is worth.
    Column("rate", Numeric(18, 9), nullable=False),
    moment("updated_at", nullable=False),
)
Table(
    "revenue_target",
    metadata,
    uuid("target_id", primary_key=True),
    version(),
    # One of the two, or neither: of all.
    Column("seller", Text),
    Column("group_id", ForeignKey("user_group.group_id"), index=True),
    Column("period", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    CheckConstraint("seller IS NULL OR group_id IS NULL", name="one_subject"),
    CheckConstraint("period IN ('month', 'quarter')", name="period"),
    CheckConstraint("amount > 0", name="amount_wanted"),
    Index(
        "ix_revenue_target_subject",
        "period",
        "first_day",
        text("coalesce(seller, CAST(group_id AS text), '')"),
        unique=True,
    ),
)

# --- Opportunities out of files.
add_import_tables(metadata, "opportunity")
