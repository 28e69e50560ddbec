"""The tables every service has: inbox, outbox, idempotency keys; and jobs, for who has jobs.

They are made on the service's own metadata, so rows, migrations and transactions are the service's.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def moment(name: str, **options: object) -> Column[object]:
    """Return a column that holds a moment with its zone."""
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]


def uuid(name: str, **options: object) -> Column[object]:
    """Return a column that holds the id of something."""
    return Column(name, UUID(as_uuid=True), **options)  # type: ignore[arg-type]


def flag(name: str) -> Column[bool]:
    """Return a column that is false unless it is said otherwise."""
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def words(name: str) -> Column[str]:
    """Return a column that holds text, empty where nothing is said."""
    return Column(name, Text, nullable=False, server_default=text("''"))


def version() -> Column[int]:
    """Return the column that counts the changes of a row."""
    return Column("version", BigInteger, nullable=False)


def add_chassis_tables(metadata: MetaData) -> None:
    """Declare the inbox, outbox and idempotency tables on a service's metadata."""
    Table(
        "inbox",
        metadata,
        Column("seq", BigInteger, Identity(always=True), primary_key=True),
        Column("source", Text, nullable=False),
        Column("message_id", Text, nullable=False),
        Column("type", Text, nullable=False),
        # Messages with the same key wait for one another when one fails; null: no order.
        Column("ordering_key", Text),
        moment("time"),
        Column("structured", Boolean, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("body_hash", LargeBinary, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
        flag("blocking"),
        Column("reason", Text),
        Column("detail", Text),
        Column("waiting_for", Text),
        moment("received_at", nullable=False),
        moment("available_at", nullable=False),
        moment("deadline"),
        moment("done_at"),
        # One message is one row, whatever redelivers it and however often.
        UniqueConstraint("source", "message_id"),
        # The worker's claim: due work in order of availability; done rows are not in the index.
        Index(
            "ix_inbox_due",
            "available_at",
            "seq",
            postgresql_where=text("state IN ('pending', 'waiting')"),
        ),
        # Is an earlier message of the same aggregate in trouble? Only such rows are in the index.
        Index("ix_inbox_blocking", "ordering_key", "seq", postgresql_where=text("blocking")),
        # What can go on now that the thing it waited for has come?
        Index("ix_inbox_waiting", "waiting_for", postgresql_where=text("state = 'waiting'")),
        Index("ix_inbox_parked", "reason", "seq", postgresql_where=text("state = 'parked'")),
    )
    Table(
        "outbox",
        metadata,
        Column("seq", BigInteger, Identity(always=True), primary_key=True),
        uuid("message_id", nullable=False),
        Column("type", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("correlation_id", Text),
        moment("time", nullable=False),
        uuid("lease"),
        moment("leased_until"),
        moment("sent_at"),
        Column("quarantined", Text),
        # The relay's claim. Never an id cursor: a row committed late would be skipped for ever.
        Index(
            "ix_outbox_unsent",
            "seq",
            postgresql_where=text("sent_at IS NULL AND quarantined IS NULL"),
        ),
        postgresql_with={"fillfactor": "80"},
    )
    Table(
        "idempotency_key",
        metadata,
        Column("key", Text, primary_key=True),
        Column("request_hash", LargeBinary, nullable=False),
        Column("status", SmallInteger),
        Column("headers", JSONB),
        Column("body", LargeBinary),
        moment("created_at", nullable=False),
        Index("ix_idempotency_key_created_at", "created_at"),
    )


def add_jobs_table(metadata: MetaData) -> None:
    """Declare the table of a service's jobs: work that outlives the request that asked for it."""
    Table(
        "job",
        metadata,
        uuid("job_id", primary_key=True),
        Column("kind", Text, nullable=False),
        # Jobs of one lane are done one after another.
        Column("lane", Text),
        Column("request", JSONB, nullable=False),
        Column("actor", Text),
        Column("correlation_id", Text),
        Column("state", Text, nullable=False),
        Column("done", Integer, nullable=False, server_default=text("0")),
        Column("total", Integer),
        # Up to where a job of many transactions has come, in its own terms.
        Column("position", JSONB),
        Column("result", JSONB),
        # Why it failed, as a problem document.
        Column("problem", JSONB),
        flag("cancel_asked"),
        Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
        uuid("lease"),
        moment("leased_until"),
        moment("available_at", nullable=False),
        moment("created_at", nullable=False),
        moment("started_at"),
        moment("ended_at"),
        # The runner's claim; ended jobs are not in the index.
        Index("ix_job_open", "job_id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_job_state", "state", "job_id"),
        Index("ix_job_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
        # Progress is written some four times a second: into the same page.
        postgresql_with={"fillfactor": "50"},
    )
