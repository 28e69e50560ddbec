"""Topics, and the bans of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Topic:
    """Something one writes about, with its titles by language."""

    key: str
    titles: dict[str, str]
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TopicBan:
    """A ban of one topic; `key` is the hash of an address, or a contact."""

    ban_id: UUID
    channel: str
    key: str
    topic: str
    ends_at: datetime | None


async def add(
    connection: AsyncConnection, key: str, titles: Mapping[str, str], now: datetime
) -> bool:
    """Store a new topic; tell whether the key was free."""
    result = await connection.execute(
        _ADD, {"key": key, "titles": json.dumps(dict(titles)), "now": now}
    )
    return result.rowcount == 1


async def find(connection: AsyncConnection, key: str) -> Topic | None:
    """Return one topic, or None."""
    row = (await connection.execute(_FIND, {"key": key})).one_or_none()
    return None if row is None else _topic(row)


async def page(connection: AsyncConnection, *, after: str | None, limit: int) -> Sequence[Topic]:
    """Return topics in the order of their keys."""
    result = await connection.execute(_PAGE, {"after": after or "", "limit": limit})
    return [_topic(row) for row in result]


async def change(
    connection: AsyncConnection,
    key: str,
    *,
    expected: int,
    titles: Mapping[str, str],
    archived: bool,
    now: datetime,
) -> bool:
    """Change a topic that has the expected version; tell whether it had."""
    result = await connection.execute(
        _CHANGE,
        {
            "key": key,
            "expected": expected,
            "titles": json.dumps(dict(titles)),
            "archived": archived,
            "now": now,
        },
    )
    return result.rowcount == 1


async def add_bans(connection: AsyncConnection, bans: Sequence[TopicBan]) -> None:
    """Store bans of topics; their gate rows must be locked exclusively."""
    if bans:
        await connection.execute(_ADD_BAN, [asdict(ban) for ban in bans])


async def take_ban(connection: AsyncConnection, ban_id: UUID) -> TopicBan | None:
    """Remove the ban of a topic and return it; None if there is none of this id."""
    row = (await connection.execute(_TAKE_BAN, {"id": ban_id})).one_or_none()
    return None if row is None else TopicBan(**row._mapping)


def _topic(row: Row[Any]) -> Topic:
    return Topic(**row._mapping)


_COLUMNS = "key, titles, archived, version, created_at, updated_at"
_ADD = text(
    """
    INSERT INTO topic (key, titles, version, created_at, updated_at)
    VALUES (:key, CAST(:titles AS jsonb), 1, :now, :now)
    ON CONFLICT (key) DO NOTHING
    """
)
_FIND = text(f"SELECT {_COLUMNS} FROM topic WHERE key = :key")
_PAGE = text(f"SELECT {_COLUMNS} FROM topic WHERE key > :after ORDER BY key LIMIT :limit")
_CHANGE = text(
    """
    UPDATE topic SET titles = CAST(:titles AS jsonb), archived = :archived, updated_at = :now,
                     version = version + 1
    WHERE key = :key AND version = :expected
    """
)
_BAN_COLUMNS = "ban_id, channel, key, topic, ends_at"
_ADD_BAN = text(
    f"""
    INSERT INTO topic_ban ({_BAN_COLUMNS}) VALUES (:ban_id, :channel, :key, :topic, :ends_at)
    """
)
_TAKE_BAN = text(f"DELETE FROM topic_ban WHERE ban_id = :id RETURNING {_BAN_COLUMNS}")
