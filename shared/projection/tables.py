"""The tables of a projection, made on the service's own metadata."""

from sqlalchemy import (
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.chassis.tables import flag, uuid, version, words


def add_projection_tables(metadata: MetaData) -> None:
    """Declare `customer`, `contact` and `classification`: the newest version wins.

    What is deleted stays as a tombstone; `follow_merges` makes the functions that go with them.
    """
    Table(
        "customer",
        metadata,
        uuid("customer_id", primary_key=True),
        version(),
        flag("deleted"),
        # Who has taken its place: what names it is shown with its survivor.
        uuid("merged_into"),
        words("number"),
        words("name"),
        # The values that it holds, as tokens of shared/contracts/held.py.
        Column("held", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        Column("started_on", Date),
        Column("ended_on", Date),
        Index("ix_customer_number", "number"),
        Index(
            "ix_customer_merged_into",
            "merged_into",
            postgresql_where=text("merged_into IS NOT NULL"),
        ),
    )
    Table(
        "contact",
        metadata,
        uuid("contact_id", primary_key=True),
        version(),
        flag("deleted"),
        flag("erased"),
        uuid("merged_into"),
        words("name"),
        Index(
            "ix_contact_merged_into",
            "merged_into",
            postgresql_where=text("merged_into IS NOT NULL"),
        ),
    )
    Table(
        "classification",
        metadata,
        Column("token", Text, primary_key=True),
        Column("list_name", Text, nullable=False),
        Column("number", Integer, nullable=False),
        version(),
        Column("title", Text, nullable=False),
        Column("titles", JSONB, nullable=False, server_default=text("'{}'")),
        # What its value says besides, such as that it means ended.
        Column("flags", JSONB, nullable=False, server_default=text("'{}'")),
        # What it lies in, as a token: filters by a tree include the subtree.
        Column("above", Text),
        flag("removed"),
        Index("ix_classification_list_name", "list_name"),
        Index("ix_classification_above", "above"),
    )
