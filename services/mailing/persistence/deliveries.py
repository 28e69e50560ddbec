"""What is to be sent to webhooks, by whom, and what came of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.persistence.webhooks import COLUMNS

KEPT = 100
"""How many deliveries of a webhook are remembered."""


async def claim(
    connection: AsyncConnection, *, now: datetime, until: datetime, limit: int
) -> list[Row[Any]]:
    """Claim webhooks behind whose position something has moved, and whose turn it is."""
    return list(await connection.execute(_CLAIM, {"now": now, "until": until, "limit": limit}))


async def moves_for(
    connection: AsyncConnection, webhook: Row[Any], *, until: int, limit: int
) -> Sequence[Row[Any]]:
    """Return what a webhook is to be sent, in order, up to a position."""
    result = await connection.execute(
        _MOVES,
        {
            "after": webhook.position,
            "until": until,
            "segments": webhook.segments,
            "entered": webhook.entered,
            "exited": webhook.exited,
            "limit": limit,
        },
    )
    return result.all()


async def begin_message(
    connection: AsyncConnection, webhook: Row[Any], message_id: UUID, *, until: int
) -> None:
    """Keep which message is tried, for as long as it takes."""
    await connection.execute(
        _BEGIN,
        {
            "id": webhook.webhook_id,
            "claim": webhook.claim,
            "message_id": message_id,
            "until": until,
        },
    )


async def move_on(connection: AsyncConnection, webhook: Row[Any], *, position: int) -> None:
    """Keep that a webhook has all up to a position, unless something else is wanted meanwhile."""
    await connection.execute(
        _MOVE_ON, {"id": webhook.webhook_id, "claim": webhook.claim, "position": position}
    )


async def put_off(
    connection: AsyncConnection,
    webhook: Row[Any],
    *,
    failing_since: datetime,
    next_at: datetime,
    switched_off_at: datetime | None,
) -> bool:
    """Keep that it failed, unless something else is wanted meanwhile; tell whether it was kept."""
    result = await connection.execute(
        _PUT_OFF,
        {
            "id": webhook.webhook_id,
            "claim": webhook.claim,
            "since": failing_since,
            "next_at": next_at,
            "off": switched_off_at,
        },
    )
    return result.rowcount == 1


async def remember(
    connection: AsyncConnection,
    webhook_id: UUID,
    *,
    message_id: UUID,
    kind: str,
    moves: int,
    position: int,
    status: int | None,
    error: str | None,
    now: datetime,
) -> None:
    """Remember what came of a message, and of the older ones only so many."""
    asked = {
        "id": webhook_id,
        "message_id": message_id,
        "kind": kind,
        "moves": moves,
        "position": position,
        "status": status,
        "error": error,
        "now": now,
    }
    await connection.execute(_REMEMBER, asked)
    await connection.execute(_FORGET, {"id": webhook_id, "kept": KEPT})


async def newest(connection: AsyncConnection, webhook_id: UUID) -> list[Row[Any]]:
    """Return what came of the last messages, the newest first."""
    return list(await connection.execute(_NEWEST, {"id": webhook_id, "kept": KEPT}))


_CLAIM = text(
    f"""
    UPDATE webhook SET claim = gen_random_uuid(), claimed_until = :until
    WHERE webhook_id IN (
        SELECT webhook_id FROM webhook
        WHERE active AND (next_at IS NULL OR next_at <= :now)
          AND (claimed_until IS NULL OR claimed_until <= :now)
          AND position < (SELECT coalesce(max(position), 0) FROM member_change)
        ORDER BY next_at NULLS FIRST LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING {COLUMNS}
    """
)
_MOVES = text(
    """
    SELECT position, segment_id, contact_id, entered, at, cause, told_type, told_by
    FROM member_change
    WHERE position > :after AND position <= :until
      AND (CAST(:segments AS uuid[]) IS NULL OR segment_id = ANY(CAST(:segments AS uuid[])))
      AND CASE WHEN entered THEN CAST(:entered AS boolean) ELSE CAST(:exited AS boolean) END
    ORDER BY position LIMIT :limit
    """
)
_MINE = "webhook_id = :id AND claim = :claim"
_BEGIN = text(f"UPDATE webhook SET message_id = :message_id, message_until = :until WHERE {_MINE}")
_MOVE_ON = text(
    f"""
    UPDATE webhook SET position = :position, message_id = NULL, message_until = NULL, claim = NULL,
        claimed_until = NULL, failures = 0, failing_since = NULL, next_at = NULL
    WHERE {_MINE}
    """
)
_PUT_OFF = text(
    f"""
    UPDATE webhook SET failures = failures + 1, failing_since = :since, next_at = :next_at,
        claim = NULL, claimed_until = NULL, active = CAST(:off AS timestamptz) IS NULL,
        switched_off_at = CAST(:off AS timestamptz)
    WHERE {_MINE}
    """
)
_REMEMBER = text(
    """
    INSERT INTO webhook_delivery (webhook_id, message_id, kind, moves, position, at, status, error)
    SELECT webhook_id, :message_id, :kind, :moves, :position, :now, :status, :error
    FROM webhook WHERE webhook_id = :id
    """
)
_FORGET = text(
    """
    DELETE FROM webhook_delivery WHERE webhook_id = :id AND seq <= (
        SELECT seq FROM webhook_delivery WHERE webhook_id = :id
        ORDER BY seq DESC OFFSET :kept LIMIT 1)
    """
)
_NEWEST = text(
    """
    SELECT message_id, kind, moves, position, at, status, error FROM webhook_delivery
    WHERE webhook_id = :id ORDER BY seq DESC LIMIT :kept
    """
)
