"""Segments: their rules, what these ask about, who is a member, and how that came about."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from services.mailing.persistence.columns import metadata
from shared.chassis.tables import flag, moment, uuid, words

Table(
    "segment",
    metadata,
    uuid("segment_id", primary_key=True),
    Column("name", Text, nullable=False),
    # As it was saved last; members follow `live_rule_id` until one that is built takes over.
    Column("rule", JSONB, nullable=False),
    Column("version", BigInteger, nullable=False),
    uuid("live_rule_id"),
    uuid("next_rule_id"),
    flag("removed"),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    # Which segments are these rules of?
    Index("ix_segment_live_rule_id", "live_rule_id"),
    Index(
        "ix_segment_next_rule_id", "next_rule_id", postgresql_where=text("next_rule_id IS NOT NULL")
    ),
)
# One version of a segment's rule with its own set of members: the live one, or one being built.
Table(
    "segment_rule",
    metadata,
    uuid("rule_id", primary_key=True),
    uuid("segment_id", nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("rule", JSONB, nullable=False),
    # Why it was built: made, changed, or checked (a recompute of what is live).
    Column("why", Text, nullable=False),
    # How deep it stands on other segments; those are evaluated before it.
    Column("depth", Integer, nullable=False, server_default=text("0")),
    moment("made_at", nullable=False),
    moment("live_from"),
    moment("live_until"),
    # How many members differed from the live set when it took over; of a check, the drift.
    Column("entered", Integer),
    Column("exited", Integer),
    # Its members were found; who was touched since stands in `build_touched`.
    flag("filled"),
    # Nothing of it is left behind, now that another took over.
    flag("swept"),
    Index("ix_segment_rule_segment_id", "segment_id", "version"),
    Index(
        "ix_segment_rule_live_until",
        "live_until",
        postgresql_where=text("live_until IS NOT NULL AND NOT swept"),
    ),
)
# What a rule asks about: only a change of one of these keys touches it.
Table(
    "segment_dependency",
    metadata,
    Column("key", Text, primary_key=True),
    uuid("rule_id", primary_key=True),
    Index("ix_segment_dependency_rule_id", "rule_id"),
)
Table(
    "member",
    metadata,
    uuid("rule_id", primary_key=True),
    uuid("contact_id", primary_key=True),
    Index("ix_member_contact_id", "contact_id"),
)
# The day on which the mere passing of time may change the answer next.
Table(
    "member_flip",
    metadata,
    uuid("rule_id", primary_key=True),
    uuid("contact_id", primary_key=True),
    Column("on_day", Date, nullable=False),
    Index("ix_member_flip_on_day", "on_day"),
)
# Every entry and exit. One evaluator at a time writes it, so positions are in the order of commits.
Table(
    "member_change",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    uuid("segment_id", nullable=False),
    uuid("contact_id", nullable=False),
    Column("entered", Boolean, nullable=False),
    moment("at", nullable=False),
    # event, day, rule, pin or check; with the event that was told last of what the rule asks about.
    Column("cause", Text, nullable=False),
    Column("told_type", Text),
    Column("told_by", Text),
    # With all that growth is counted from.
    Index(
        "ix_member_change_segment_id",
        "segment_id",
        "position",
        postgresql_include=["at", "entered", "cause"],
    ),
    Index("ix_member_change_contact_id", "segment_id", "contact_id", "position"),
    # Positions are in the order of moments, too.
    Index("ix_member_change_at", "at", "position"),
)
# Who is in or out by hand, whatever the rule says; what a pin was goes to `past`.
Table(
    "segment_pin",
    metadata,
    uuid("segment_id", primary_key=True),
    uuid("contact_id", primary_key=True),
    Column("inside", Boolean, nullable=False),
    words("note"),
    Column("actor", Text),
    moment("at", nullable=False),
    Index("ix_segment_pin_contact_id", "contact_id"),
)
# Whose facts have changed since they were last evaluated: a contact, all of a customer, or all who
# hold a value of a list.
Table(
    "touched",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    uuid("contact_id"),
    uuid("customer_id"),
    Column("token", Text),
    Column("keys", ARRAY(Text), nullable=False),
    # To these customers the contact has come: what they hold is asked about when he is evaluated.
    Column("linked", ARRAY(UUID(as_uuid=True)), nullable=False, server_default=text("'{}'")),
    Column("cause", Text, nullable=False),
    Column("told_type", Text),
    Column("told_by", Text),
    moment("at", nullable=False),
    # Which values moved, whose holders are not looked up yet?
    Index("ix_touched_token", "seq", postgresql_where=text("token IS NOT NULL")),
)
# Who was touched while a rule was being built: evaluated again before it takes over.
Table(
    "build_touched",
    metadata,
    uuid("rule_id", primary_key=True),
    uuid("contact_id", primary_key=True),
)
