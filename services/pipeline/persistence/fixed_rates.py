"""Amounts of several currencies as amounts of one, at rates of one day."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

RATES = """
    LEFT JOIN unnest(CAST(:rated AS text[]), CAST(:mine AS numeric[]), CAST(:theirs AS numeric[]))
         AS rate (rated, mine, theirs) ON rated = currency
"""
"""What joins the factor of a currency to rows that have one: whole `mine` through `theirs`."""
Factors = Mapping[str, Fraction]
"""How many minor units one of a currency comes to, exactly: most have no end as decimals."""


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


def converted(amount: str, factors: Factors | None) -> str:
    """
    Return an amount in minor units times its factor, half a unit going away from zero.

    Without factors it is as it is.
    """
    if factors is None:
        return amount
    rounded = f"div(2 * abs({amount}) * mine + theirs, 2 * theirs)"
    return f"CAST(sign({amount}) * {rounded} AS bigint)"


def rate_values(factors: Factors | None) -> dict[str, Any]:
    """Return the parameters that `RATES` reads."""
    if factors is None:
        return {}
    return {
        "rated": list(factors),
        "mine": [Decimal(one.numerator) for one in factors.values()],
        "theirs": [Decimal(one.denominator) for one in factors.values()],
    }
