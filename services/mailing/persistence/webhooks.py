"""Webhooks as they are kept."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

COLUMNS = """
    webhook_id, url, segments, entered, exited, active, version, position, message_id,
    message_until, secret_id, key_id, earlier_secret_id, earlier_key_id, earlier_valid_until,
    failures, failing_since, next_at, switched_off_at, claim, created_at, updated_at
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a webhook is to be sent, and where; `segments` None means all."""

    url: str
    segments: Collection[UUID] | None
    entered: bool
    exited: bool
    active: bool


async def lock(connection: AsyncConnection) -> None:
    """Let one transaction at a time make webhooks, since they are counted."""
    await connection.execute(text("LOCK TABLE webhook IN SHARE ROW EXCLUSIVE MODE"))


async def count(connection: AsyncConnection) -> int:
    """Return how many there are."""
    found: int = await connection.scalar(text("SELECT count(*) FROM webhook"))
    return found


async def add(
    connection: AsyncConnection,
    webhook_id: UUID,
    wanted: Wanted,
    *,
    secret_id: UUID,
    key_id: bytes,
    position: int,
    now: datetime,
) -> None:
    """Keep a new webhook, which is sent what comes behind a position."""
    await connection.execute(
        _ADD,
        {
            **_asked(webhook_id, wanted),
            "secret_id": secret_id,
            "key_id": key_id,
            "position": position,
            "now": now,
        },
    )


async def find(connection: AsyncConnection, webhook_id: UUID) -> Row[Any] | None:
    """Return one webhook, or None."""
    return (
        await connection.execute(
            text(f"SELECT {COLUMNS} FROM webhook WHERE webhook_id = :id"), {"id": webhook_id}
        )
    ).one_or_none()


async def all_of_them(connection: AsyncConnection) -> list[Row[Any]]:
    """Return all webhooks in the order they were made in."""
    return list(
        await connection.execute(text(f"SELECT {COLUMNS} FROM webhook ORDER BY webhook_id"))
    )


async def change(
    connection: AsyncConnection, webhook_id: UUID, wanted: Wanted, *, expected: int, now: datetime
) -> bool:
    """Change a webhook of the expected version, and try it at once; tell whether it had that."""
    result = await connection.execute(
        _CHANGE, {**_asked(webhook_id, wanted), "expected": expected, "now": now}
    )
    return result.rowcount == 1


async def remove(connection: AsyncConnection, webhook_id: UUID, *, expected: int) -> bool:
    """Remove a webhook of the expected version with its deliveries; tell whether it had that."""
    result = await connection.execute(_REMOVE, {"id": webhook_id, "expected": expected})
    if result.rowcount:
        await connection.execute(
            text("DELETE FROM webhook_delivery WHERE webhook_id = :id"), {"id": webhook_id}
        )
    return result.rowcount == 1


async def change_secret(
    connection: AsyncConnection,
    webhook_id: UUID,
    *,
    secret_id: UUID,
    key_id: bytes,
    earlier_until: datetime,
) -> bool:
    """Give a webhook a new secret; the one it has stays valid for a while, older ones do not."""
    result = await connection.execute(
        _CHANGE_SECRET,
        {"id": webhook_id, "secret_id": secret_id, "key_id": key_id, "until": earlier_until},
    )
    return result.rowcount == 1


async def go_back(connection: AsyncConnection, webhook_id: UUID, *, after: int) -> None:
    """Let a webhook be sent, at once, what comes behind a position."""
    await connection.execute(_GO_BACK, {"id": webhook_id, "after": after})


def _asked(webhook_id: UUID, wanted: Wanted) -> dict[str, object]:
    return {
        "id": webhook_id,
        "url": wanted.url,
        "segments": None if wanted.segments is None else list(wanted.segments),
        "entered": wanted.entered,
        "exited": wanted.exited,
        "active": wanted.active,
    }


_ADD = text(
    """
    INSERT INTO webhook (webhook_id, url, segments, entered, exited, active, version, position,
                         secret_id, key_id, created_at, updated_at)
    VALUES (:id, :url, CAST(:segments AS uuid[]), :entered, :exited, :active, 1, :position,
            :secret_id, :key_id, :now, :now)
    """
)
# What is under way is forgotten: its outcome says nothing of what is wanted now.
_ANEW = (
    "message_id = NULL, message_until = NULL, claim = NULL, claimed_until = NULL, "
    "failures = 0, failing_since = NULL, next_at = NULL"
)
_CHANGE = text(
    f"""
    UPDATE webhook SET url = :url, segments = CAST(:segments AS uuid[]), entered = :entered,
        exited = :exited, active = :active, version = version + 1, updated_at = :now,
        switched_off_at = CASE WHEN :active THEN NULL ELSE switched_off_at END, {_ANEW}
    WHERE webhook_id = :id AND version = :expected
    """
)
_REMOVE = text("DELETE FROM webhook WHERE webhook_id = :id AND version = :expected")
_CHANGE_SECRET = text(
    """
    UPDATE webhook SET earlier_secret_id = secret_id, earlier_key_id = key_id,
        earlier_valid_until = :until, secret_id = :secret_id, key_id = :key_id
    WHERE webhook_id = :id
    """
)
_GO_BACK = text(f"UPDATE webhook SET position = :after, {_ANEW} WHERE webhook_id = :id")
