"""Statements on exchange rates: what one unit of a currency is worth from a day on."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


async def put_rate(
    connection: AsyncConnection, currency: str, valid_from: date, rate: Decimal, *, now: datetime
) -> Row[Any]:
    """Set the rate of a currency from a day on; one that is so already stays as it is."""
    await connection.execute(
        text(
            """
            INSERT INTO exchange_rate (currency, valid_from, rate, updated_at)
            VALUES (:currency, :day, :rate, :now)
            ON CONFLICT (currency, valid_from) DO UPDATE
            SET rate = EXCLUDED.rate, updated_at = EXCLUDED.updated_at
            WHERE exchange_rate.rate <> EXCLUDED.rate
            """
        ),
        {"currency": currency, "day": valid_from, "rate": rate, "now": now},
    )
    row = await find_rate(connection, currency, valid_from)
    assert row is not None
    return row


async def find_rate(
    connection: AsyncConnection, currency: str, valid_from: date
) -> Row[Any] | None:
    """Return the rate that was set from this very day on; None if there is none."""
    result = await connection.execute(
        text(
            "SELECT currency, valid_from, rate, updated_at FROM exchange_rate "
            "WHERE currency = :currency AND valid_from = :day"
        ),
        {"currency": currency, "day": valid_from},
    )
    return result.one_or_none()


async def delete_rate(
    connection: AsyncConnection, currency: str, valid_from: date
) -> Row[Any] | None:
    """Take a rate back; return what it was, None if there was none."""
    result = await connection.execute(
        text(
            "DELETE FROM exchange_rate WHERE currency = :currency AND valid_from = :day "
            "RETURNING currency, valid_from, rate, updated_at"
        ),
        {"currency": currency, "day": valid_from},
    )
    return result.one_or_none()


async def list_rates(
    connection: AsyncConnection,
    *,
    currency: str | None,
    after: tuple[str, date] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return rates behind one, by currency and day."""
    result = await connection.execute(
        text(
            """
            SELECT currency, valid_from, rate, updated_at FROM exchange_rate
            WHERE (CAST(:currency AS text) IS NULL OR currency = :currency)
              AND (CAST(:after AS text) IS NULL
                   OR (currency COLLATE "C", valid_from) > (:after, CAST(:day AS date)))
            ORDER BY currency COLLATE "C", valid_from LIMIT :limit
            """
        ),
        {
            "currency": currency,
            "after": None if after is None else after[0],
            "day": None if after is None else after[1],
            "limit": limit,
        },
    )
    return result.all()
