"""Statements on sellers."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = "seller, version, name, email, left_on, created_at, updated_at"


async def keep_sellers(
    connection: AsyncConnection, sellers: Collection[str]
) -> dict[str, Row[Any]]:
    """Return these sellers by key, kept as they are until the commit."""
    result = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM seller WHERE seller = ANY(CAST(:sellers AS text[])) "
            "ORDER BY seller FOR SHARE"
        ),
        {"sellers": list(sellers)},
    )
    return {row.seller: row for row in result}


async def find_seller(
    connection: AsyncConnection, seller: str, *, lock: bool = False
) -> Row[Any] | None:
    """Return one seller, locked against other changes if asked; None if there is none."""
    result = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM seller WHERE seller = :seller {'FOR UPDATE' if lock else ''}"
        ),
        {"seller": seller},
    )
    return result.one_or_none()


async def list_sellers(
    connection: AsyncConnection, *, after: str | None, limit: int, present_on: date | None
) -> Sequence[Row[Any]]:
    """Return sellers behind a key in the order of keys; only those there on a day if asked."""
    result = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM seller
            WHERE (CAST(:after AS text) IS NULL OR seller > :after)
              AND (CAST(:day AS date) IS NULL OR left_on IS NULL OR left_on >= :day)
            ORDER BY seller LIMIT :limit
            """
        ),
        {"after": after, "day": present_on, "limit": limit},
    )
    return result.all()


async def save_seller(
    connection: AsyncConnection,
    seller: str,
    *,
    name: str,
    email: str | None,
    left_on: date | None,
    now: datetime,
    expected: int | None = None,
) -> Row[Any] | None:
    """Add a seller, or change one who is at the expected version; None if he is at another."""
    result = await connection.execute(
        text(
            f"""
            INSERT INTO seller (seller, version, name, email, left_on, created_at, updated_at)
            VALUES (:seller, 1, :name, :email, :left_on, :now, :now)
            ON CONFLICT (seller) DO UPDATE SET version = seller.version + 1, name = :name,
                email = :email, left_on = :left_on, updated_at = :now
            WHERE seller.version = CAST(:expected AS bigint)
            RETURNING {_COLUMNS}
            """
        ),
        {
            "seller": seller,
            "name": name,
            "email": email,
            "left_on": left_on,
            "now": now,
            "expected": expected,
        },
    )
    return result.one_or_none()


async def delete_seller(connection: AsyncConnection, seller: str) -> None:
    """Delete a seller whom nothing names."""
    await connection.execute(text("DELETE FROM seller WHERE seller = :seller"), {"seller": seller})


async def who_names(connection: AsyncConnection, seller: str) -> list[str]:
    """Return what names a seller: activities (deleted ones too), groups, targets, feeds."""
    result = await connection.execute(_WHO_NAMES, {"seller": seller})
    return list(result.scalars())


_WHO_NAMES = text(
    """
    SELECT what FROM (VALUES
        ('activities', EXISTS (SELECT FROM activity WHERE seller = :seller)
                    OR EXISTS (SELECT FROM activity
                               WHERE participants @> ARRAY[CAST(:seller AS text)])
                    OR EXISTS (SELECT FROM tally WHERE seller = :seller)),
        ('calendar feeds', EXISTS (SELECT FROM calendar_feed WHERE seller = :seller)),
        ('groups', EXISTS (SELECT FROM user_group_member WHERE seller = :seller)),
        ('targets', EXISTS (SELECT FROM target WHERE seller = :seller)
                 OR EXISTS (SELECT FROM target_exception WHERE seller = :seller))
    ) AS place (what, names) WHERE names ORDER BY what
    """
)
