"""The statements that set what was won beside what was invoiced, by customer and currency."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.invoiced import Compared
from services.pipeline.domain.months import Months
from services.pipeline.persistence.fixed_rates import RATES, Factors, converted, rate_values
from shared.projection.survivors import survivor_of

FIRST = 5
"""So many customers are shown with how they compare, those that differ most."""


async def currencies_within(connection: AsyncConnection, months: Months) -> list[str]:
    """Return the currencies of what was won or invoiced in these months."""
    result = await connection.execute(
        text(f"SELECT currency FROM {_WON} AS won UNION SELECT currency FROM {_INVOICED} AS bill"),
        {"first": months.first, "last": months.last},
    )
    return sorted(result.scalars())


async def compare(
    connection: AsyncConnection, months: Months, factors: Factors | None, currency: str | None
) -> Sequence[Row[Any]]:
    """
    Return customers that compare alike, by currency: the fields of `Compared`, and sums.

    `customers`, `won_amount` and `invoiced_amount` are of all of them; `ids`, `names`, `wons` and
    `invoices` of the first, those that differ most.
    """
    statement = f"""
        {_compared(factors, currency)}
        SELECT currency, won, invoiced, sign, CAST(count(*) AS int) AS customers,
               CAST(sum(won_amount) AS bigint) AS won_amount,
               CAST(sum(invoiced_amount) AS bigint) AS invoiced_amount,
               {_firsts("customer_id", "ids")}, {_firsts("name", "names")},
               {_firsts("won_amount", "wons")}, {_firsts("invoiced_amount", "invoices")}
        FROM signed GROUP BY currency, won, invoiced, sign ORDER BY currency
    """
    values = _values(months, factors, currency)
    return (await connection.execute(text(statement), values)).all()


async def compared_customers(
    connection: AsyncConnection,
    months: Months,
    factors: Factors | None,
    currency: str | None,
    ways: Sequence[Compared],
    *,
    after: tuple[int, UUID, str] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return customers that compare in one of these ways, those that differ most first, and one."""
    statement = f"""
        {_compared(factors, currency)}
        SELECT customer_id, name, currency, won_amount, invoiced_amount FROM signed
        WHERE (won, invoiced, sign) IN (
            SELECT won, invoiced, sign
            FROM unnest(CAST(:won AS bool[]), CAST(:invoiced AS bool[]), CAST(:signs AS int[]))
                 AS way (won, invoiced, sign))
          {"" if after is None else _FOLLOWS}
        ORDER BY {_MOST_FIRST} LIMIT :limit
    """
    place = {} if after is None else dict(zip(("far", "id", "currency_of"), after, strict=True))
    values = {
        **_values(months, factors, currency),
        **place,
        "won": [one.won for one in ways],
        "invoiced": [one.invoiced for one in ways],
        "signs": [one.sign for one in ways],
        "limit": limit + 1,
    }
    return (await connection.execute(text(statement), values)).all()


_WON = """
    (SELECT customer_id, currency, value AS amount FROM opportunity
     WHERE deleted_at IS NULL AND outcome = 'won' AND closed_on BETWEEN :first AND :last)
"""
# The sign of what is credited does not matter: it is credited.
_INVOICED = """
    (SELECT customer_id, currency,
            CASE kind WHEN 'credit_note' THEN -abs(net_amount) ELSE net_amount END AS amount
     FROM document
     WHERE kind IN ('invoice', 'credit_note') AND NOT voided AND net_amount IS NOT NULL
       AND document_date BETWEEN :first AND :last)
"""
_MOST_FIRST = "abs(invoiced_amount - won_amount) DESC, customer_id, currency"
_FOLLOWS = """
    AND (-abs(invoiced_amount - won_amount), customer_id, currency)
        > (-CAST(:far AS bigint), CAST(:id AS uuid), CAST(:currency_of AS text))
"""


def _firsts(column: str, name: str) -> str:
    return f"(array_agg({column} ORDER BY {_MOST_FIRST}))[1:{FIRST}] AS {name}"


def _values(months: Months, factors: Factors | None, currency: str | None) -> dict[str, Any]:
    values = {"first": months.first, "last": months.last, **rate_values(factors)}
    return values if currency is None else {**values, "currency": currency}


def _compared(factors: Factors | None, currency: str | None) -> str:
    """Return WITH `signed`: what was won with a customer, and invoiced to him, by currency."""
    shown = "currency" if currency is None else "CAST(:currency AS text)"
    rates = "" if factors is None else RATES
    sides = " UNION ALL ".join(
        f"SELECT customer_id, {shown} AS currency, {converted('amount', factors)} AS amount, "
        f"{won} AS is_won FROM {rows} AS one {rates}"
        for won, rows in (("true", _WON), ("false", _INVOICED))
    )
    return f"""
        WITH told AS (
            SELECT customer_id, currency, bool_or(is_won) AS won, bool_or(NOT is_won) AS invoiced,
                   coalesce(sum(amount) FILTER (WHERE is_won), 0) AS won_amount,
                   coalesce(sum(amount) FILTER (WHERE NOT is_won), 0) AS invoiced_amount
            FROM ({sides}) AS side GROUP BY customer_id, currency
        ), compared AS (
            SELECT coalesce({survivor_of("holder")}, told.customer_id) AS customer_id, currency,
                   bool_or(won) AS won, bool_or(invoiced) AS invoiced,
                   CAST(sum(won_amount) AS bigint) AS won_amount,
                   CAST(sum(invoiced_amount) AS bigint) AS invoiced_amount
            FROM told LEFT JOIN customer AS holder USING (customer_id)
            GROUP BY 1, 2
        ), signed AS (
            SELECT compared.*, coalesce(shown.name, '') AS name,
                   CAST(sign(invoiced_amount - won_amount) AS int) AS sign
            FROM compared LEFT JOIN customer AS shown USING (customer_id)
        )
    """
