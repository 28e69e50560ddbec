"""Statements on calendar feeds, and on what they show."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.calendar import Appointment


async def insert_feed(
    connection: AsyncConnection,
    feed_id: UUID,
    *,
    seller: str,
    title: str,
    secret_hash: bytes,
    now: datetime,
) -> None:
    """Add a feed; of its secret only the hash is kept."""
    await connection.execute(
        text(
            "INSERT INTO calendar_feed (feed_id, seller, title, secret_hash, created_at) "
            "VALUES (:feed_id, :seller, :title, :secret_hash, :now)"
        ),
        {
            "feed_id": feed_id,
            "seller": seller,
            "title": title,
            "secret_hash": secret_hash,
            "now": now,
        },
    )


async def list_feeds(connection: AsyncConnection, seller: str) -> Sequence[Row[Any]]:
    """Return the feeds of a seller, the oldest first."""
    result = await connection.execute(
        text(
            "SELECT feed_id, title, created_at FROM calendar_feed WHERE seller = :seller "
            "ORDER BY feed_id"
        ),
        {"seller": seller},
    )
    return result.all()


async def delete_feed(connection: AsyncConnection, seller: str, feed_id: UUID) -> bool:
    """Remove a feed of a seller; return whether there was one."""
    result = await connection.execute(
        text("DELETE FROM calendar_feed WHERE feed_id = :feed_id AND seller = :seller"),
        {"feed_id": feed_id, "seller": seller},
    )
    return result.rowcount > 0


async def feed_of(connection: AsyncConnection, secret_hash: bytes) -> Row[Any] | None:
    """Return seller, his name, and title of the feed whose secret has this hash."""
    result = await connection.execute(
        text(
            "SELECT seller, name, title FROM calendar_feed JOIN seller USING (seller) "
            "WHERE secret_hash = :secret_hash"
        ),
        {"secret_hash": secret_hash},
    )
    return result.one_or_none()


async def appointments_of(
    connection: AsyncConnection, seller: str, *, since: datetime, until: datetime, limit: int
) -> list[Appointment]:
    """Return the live activities of a seller in a period, those he takes part in too.

    In the order of time; where there are more, the last ones.
    """
    result = await connection.execute(
        _APPOINTMENTS, {"seller": seller, "since": since, "until": until, "limit": limit}
    )
    return [Appointment(**row._mapping) for row in reversed(result.all())]


_ARM = """
    (SELECT activity_id, version, customer_id, category, starts_at, ends_at, subject, created_at,
            updated_at
     FROM activity
     WHERE {his} AND starts_at BETWEEN :since AND :until AND deleted_at IS NULL
     ORDER BY starts_at DESC, activity_id DESC LIMIT :limit)
"""
# Each arm has an index of its own.
_APPOINTMENTS = text(
    f"""
    SELECT his.activity_id, his.version, his.starts_at, his.ends_at, his.subject, his.created_at,
           his.updated_at, customer.name AS customer, list_value.title AS category
    FROM ({_ARM.format(his="seller = :seller")}
          UNION {_ARM.format(his="participants @> ARRAY[CAST(:seller AS text)]")}) AS his
    JOIN customer USING (customer_id)
    JOIN list_value ON list_value.key = his.category
    ORDER BY his.starts_at DESC, his.activity_id DESC LIMIT :limit
    """
)
