"""The outbox: events written in the transaction that made them true, sent afterwards by the relay.

Nothing is lost after the commit and nothing is sent after a rollback, because the rows are part of
the caller's transaction. The writer never commits.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.ids import new_id
from shared.chassis.messages import Publication

MAX_BODY = 1_000_000


class EventTooLarge(Exception):
    """An event of ours exceeds what the bus takes; refused before the commit, not after."""


async def write_outbox(
    connection: AsyncConnection,
    publications: Sequence[Publication],
    *,
    now: datetime,
    correlation_id: str | None = None,
) -> None:
    """Write the events into the caller's open transaction, in order, with one statement."""
    for publication in publications:
        if len(publication.body) > MAX_BODY:
            raise EventTooLarge(f"{publication.type} {publication.subject}: over {MAX_BODY} bytes")
    await connection.execute(
        _WRITE,
        {
            "ids": [new_id() for _ in publications],
            "types": [publication.type for publication in publications],
            "subjects": [publication.subject for publication in publications],
            "bodies": [publication.body for publication in publications],
            "correlation_id": correlation_id,
            "now": now,
        },
    )


_WRITE = text(
    """
    INSERT INTO outbox (message_id, type, subject, body, correlation_id, time)
    SELECT id, type, subject, body, CAST(:correlation_id AS text), :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:subjects AS text[]),
                CAST(:bodies AS bytea[]))
         WITH ORDINALITY AS row (id, type, subject, body, place)
    ORDER BY place
    """
)
