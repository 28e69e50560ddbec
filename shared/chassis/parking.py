"""Parked messages: what a person has to look at, and how it gets going again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.errors import Kind, Refusal


class ParkedMessageNotFound(Refusal):
    """There is no parked message of that number."""

    kind = Kind.NOT_FOUND
    slug = "parked_message_not_found"
    remedy = "List the parked messages; it may have been redriven meanwhile."


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """One message set aside, and why."""

    seq: int
    source: str
    message_id: str
    type: str
    reason: str
    detail: str
    attempts: int
    received_at: datetime


async def count_by_state(connection: AsyncConnection) -> dict[str, int]:
    """Return how many messages are pending, waiting, parked and done."""
    result = await connection.execute(text("SELECT state, count(*) FROM inbox GROUP BY state"))
    counts = {"pending": 0, "waiting": 0, "parked": 0, "done": 0}
    return counts | {row[0]: row[1] for row in result}


async def count_by_reason(connection: AsyncConnection) -> dict[str, int]:
    """Return how many messages are parked for each reason, most first."""
    result = await connection.execute(
        text(
            "SELECT reason, count(*) AS messages FROM inbox WHERE state = 'parked' "
            "GROUP BY reason ORDER BY messages DESC, reason"
        )
    )
    return {row[0]: row[1] for row in result}


async def list_parked(
    connection: AsyncConnection, *, reason: str | None, after: int, limit: int
) -> list[ParkedMessage]:
    """Return parked messages in order of arrival, those after `after`, at most `limit`."""
    result = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM inbox
            WHERE state = 'parked' AND seq > :after
              AND (CAST(:reason AS text) IS NULL OR reason = :reason)
            ORDER BY seq LIMIT :limit
            """
        ),
        {"reason": reason, "after": after, "limit": limit},
    )
    return [ParkedMessage(**row._mapping) for row in result]


async def show_parked(
    connection: AsyncConnection, seq: int
) -> tuple[ParkedMessage, bytes, dict[str, Any]]:
    """Return one parked message with its raw body and headers."""
    result = await connection.execute(
        text(f"SELECT {_COLUMNS}, body, headers FROM inbox WHERE state = 'parked' AND seq = :seq"),
        {"seq": seq},
    )
    row = result.one_or_none()
    if row is None:
        raise ParkedMessageNotFound(f"No message {seq} is parked.")
    fields = dict(row._mapping)
    body, headers = bytes(fields.pop("body")), fields.pop("headers")
    return ParkedMessage(**fields), body, headers


async def redrive(
    connection: AsyncConnection, *, seqs: Sequence[int] | None, reason: str | None, now: datetime
) -> int:
    """Put parked messages back to work, those named or all of a reason; return how many.

    Doing it twice does no harm: what is no longer parked is left alone.
    """
    result = await connection.execute(
        text(
            """
            UPDATE inbox SET state = 'pending', attempts = 0, available_at = :now, deadline = NULL
            WHERE state = 'parked'
              AND (CAST(:seqs AS bigint[]) IS NULL OR seq = ANY(CAST(:seqs AS bigint[])))
              AND (CAST(:reason AS text) IS NULL OR reason = :reason)
              AND source <> 'unreadable' AND reason <> 'message_id_reused'
            """
        ),
        {"seqs": None if seqs is None else list(seqs), "reason": reason, "now": now},
    )
    return result.rowcount


_COLUMNS = "seq, source, message_id, type, reason, detail, attempts, received_at"
