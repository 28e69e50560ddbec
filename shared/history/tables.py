"""The table of a service's history, made on the service's own metadata."""

from sqlalchemy import BigInteger, Column, Identity, Index, MetaData, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.chassis.tables import moment, uuid


def add_history_table(metadata: MetaData) -> None:
    """Declare the table of what changed; `keep_history_of` lets the database fill it."""
    Table(
        "history",
        metadata,
        Column("history_id", BigInteger, Identity(always=True), primary_key=True),
        Column("record", Text, nullable=False),
        uuid("record_id", nullable=False),
        moment("at", nullable=False),
        # Who: the name of the API key, the source of the event; null for what Suhde did by itself.
        Column("actor", Text),
        Column("before", JSONB, nullable=False),
        Column("after", JSONB, nullable=False),
        # Which operation on many records it was part of.
        uuid("operation_id"),
        Index(
            "ix_history_operation",
            "operation_id",
            "history_id",
            postgresql_where=text("operation_id IS NOT NULL"),
        ),
        Index("ix_history_record", "record", "record_id", "history_id"),
        # Which value was this key? Asked when a history names one that is gone.
        Index(
            "ix_history_removed_value",
            text("CAST(before ->> 'key' AS integer)"),
            postgresql_where=text("record = 'list_value' AND after = '{}'"),
        ),
    )
