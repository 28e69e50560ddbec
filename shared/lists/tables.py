"""The tables of a service's lists, made on the service's own metadata."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.chassis.tables import flag, moment, uuid, version


def add_list_tables(metadata: MetaData) -> None:
    """Declare the tables of lists; removed values go on in history, which is to be there too."""
    # One row per list that has ever had a value: whoever edits a list holds it.
    Table(
        "list_series",
        metadata,
        Column("list", Text, primary_key=True),
        # Numbers are never given twice, or a setting would come to mean another value.
        Column("last_number", Integer, nullable=False),
        Column("version", BigInteger, nullable=False, server_default=text("1")),
        # Whether it shows as a tab of its own.
        flag("own_tab"),
    )
    Table(
        "list_value",
        metadata,
        uuid("value_id", primary_key=True),
        # What records hold.
        Column("key", Integer, Identity(always=True), nullable=False, unique=True),
        Column("list", Text, nullable=False),
        Column("number", Integer, nullable=False),
        version(),
        Column("title", Text, nullable=False),
        Column("titles", JSONB, nullable=False, server_default=text("'{}'")),
        Column("position", Integer, nullable=False, server_default=text("0")),
        Column("parent", ForeignKey("list_value.key"), index=True),
        # Keys of the values that this one bundles.
        Column("members", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
        # References to other values are their keys.
        Column("facts", JSONB, nullable=False, server_default=text("'{}'")),
        moment("archived_at"),
        moment("created_at", nullable=False),
        moment("updated_at", nullable=False),
        UniqueConstraint("list", "number"),
        Index(
            "ix_list_value_title",
            "list",
            text("coalesce(parent, 0)"),
            text("lower(title)"),
            unique=True,
            postgresql_where=text("archived_at IS NULL"),
        ),
        Index(
            "ix_list_value_default",
            "list",
            unique=True,
            postgresql_where=text("facts @> '{\"default\": true}'"),
        ),
    )
    # What profiles have installed, for ever: a renamed value is not added anew, nor a deleted one.
    Table(
        "installed_value",
        metadata,
        Column("origin", Text, primary_key=True),
        uuid("value_id", nullable=False),
        moment("installed_at", nullable=False),
    )
