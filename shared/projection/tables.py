"""The tables of a projection, made on the service's own metadata."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID


def add_projection_tables(metadata: MetaData) -> None:
    """Declare `customer`, `contact` and `classification`: the newest version wins.

    What is deleted stays as a tombstone; `follow_merges` makes the functions that go with them.
    """
    Table(
        "customer",
        metadata,
        _uuid("customer_id", primary_key=True),
        _version(),
        _flag("deleted"),
        # Who has taken its place: what names it is shown with its survivor.
        _uuid("merged_into"),
        _words("number"),
        _words("name"),
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
        _uuid("contact_id", primary_key=True),
        _version(),
        _flag("deleted"),
        _flag("erased"),
        _uuid("merged_into"),
        _words("name"),
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
        _version(),
        Column("title", Text, nullable=False),
        Column("titles", JSONB, nullable=False, server_default=text("'{}'")),
        # What its value says besides, such as that it means ended.
        Column("flags", JSONB, nullable=False, server_default=text("'{}'")),
        # What it lies in, as a token: filters by a tree include the subtree.
        Column("above", Text),
        _flag("removed"),
        Index("ix_classification_list_name", "list_name"),
        Index("ix_classification_above", "above"),
    )


def _uuid(name: str, **options: object) -> Column[object]:
    return Column(name, UUID(as_uuid=True), **options)  # type: ignore[arg-type]


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def _words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text("''"))


def _version() -> Column[int]:
    return Column("version", BigInteger, nullable=False)
