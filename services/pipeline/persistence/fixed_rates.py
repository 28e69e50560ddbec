"""Amounts of several currencies as amounts of one, at rates of one day."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

RATES = """
    LEFT JOIN unnest(CAST(:rated AS text[]), CAST(:factors AS numeric[])) AS rate (rated, factor)
      ON rated = currency
"""
"""What joins `factor` to rows with a currency."""


async def rates_on(
    connection: AsyncConnection, currencies: Collection[str], day: date
) -> dict[str, Decimal]:
    """Return what currencies are worth in the house's on a day, those that have a rate by then."""
    result = await connection.execute(
        text(
            """
            SELECT DISTINCT ON (currency) currency, rate FROM exchange_rate
            WHERE currency = ANY(CAST(:currencies AS text[])) AND valid_from <= :day
            ORDER BY currency, valid_from DESC
            """
        ),
        {"currencies": list(currencies), "day": day},
    )
    return {row.currency: row.rate for row in result}


def converted(amount: str, factors: Mapping[str, Decimal] | None) -> str:
    """Return an amount in minor units times `factor`, rounded half up; as it is without factors."""
    return amount if factors is None else f"CAST(round({amount} * factor) AS bigint)"


def rate_values(factors: Mapping[str, Decimal] | None) -> dict[str, Any]:
    """Return the parameters that `RATES` reads."""
    if factors is None:
        return {}
    return {"rated": list(factors), "factors": list(factors.values())}
