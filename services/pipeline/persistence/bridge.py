"""The statements of the bridge: what counted at two moments, side by side."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.bridge import Change, Measure
from services.pipeline.domain.months import Months
from services.pipeline.persistence.fixed_rates import RATES, Factors, converted, rate_values
from services.pipeline.persistence.standing import COUNTED, DAY, Who, cut, cuts, held_at

FIRST = 5
"""So many opportunities are shown with their cause, those that moved most."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is compared: the forecast of these months at two moments, and the days of both."""

    since: datetime
    until: datetime
    since_day: date
    until_day: date
    months: Months
    measure: Measure
    committed_from: int
    who: Who
    rates: Factors | None = None
    currency: str | None = None


async def currencies_of(connection: AsyncConnection, span: Span) -> list[str]:
    """Return the currencies of what counts at either end."""
    span = replace(span, currency=None, rates=None)
    ends = " UNION ".join(
        f"SELECT currency FROM {_end(moment, span)} AS one WHERE counts"
        for moment in ("since", "until")
    )
    statement = f"WITH {span.who.members} ended AS ({ends}) SELECT currency FROM ended"
    result = await connection.execute(text(statement), _values(span))
    return list(result.scalars())


async def moved_alike(connection: AsyncConnection, span: Span) -> Sequence[Row[Any]]:
    """
    Return what changed alike: `kind`, which names the change, its columns, `currency`, sums.

    `opportunities`, `all_before` and `all_after` are of all that changed so; `ids`, `befores` and
    `afters` of the first of them, those that moved most.
    """
    columns = ", ".join(_CHANGE)
    statement = f"""
        {_moved(span)}
        SELECT {_KIND} AS kind, currency, {columns}, CAST(count(*) AS int) AS opportunities,
               CAST(sum(before_amount) AS bigint) AS all_before,
               CAST(sum(after_amount) AS bigint) AS all_after,
               {_firsts("opportunity_id", "ids")}, {_firsts("before_amount", "befores")},
               {_firsts("after_amount", "afters")}
        FROM moved GROUP BY currency, {columns} ORDER BY currency, kind
    """
    return (await connection.execute(text(statement), _values(span))).all()


async def moved_opportunities(
    connection: AsyncConnection,
    span: Span,
    kinds: Collection[str],
    *,
    after: tuple[int, UUID, str] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """
    Return those that changed in one of these ways, those that moved most first, one more if any.

    `after` is the last of the page before: how far it moved, its id, its currency.
    """
    statement = f"""
        {_moved(span)}
        SELECT moved.opportunity_id, name, opportunity.customer_id, moved.currency, before_amount,
               after_amount
        FROM moved JOIN opportunity USING (opportunity_id)
        WHERE {_KIND} = ANY(CAST(:kinds AS text[]))
          {"" if after is None else _FOLLOWS}
        ORDER BY {_MOST_FIRST.format("moved.")} LIMIT :limit
    """
    place = {} if after is None else dict(zip(("far", "id", "currency_of"), after, strict=True))
    values = {**_values(span), **place, "kinds": list(kinds), "limit": limit + 1}
    return (await connection.execute(text(statement), values)).all()


async def names_of(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Return `name` and `customer_id` of opportunities, deleted ones too."""
    result = await connection.execute(
        text(
            "SELECT opportunity_id, name, customer_id FROM opportunity "
            "WHERE opportunity_id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(ids)},
    )
    return {row.opportunity_id: row for row in result}


_CHANGE = tuple(field.name for field in fields(Change))
_KIND = f"concat_ws(' ', {', '.join(_CHANGE)})"
_MOST_FIRST = "abs({0}after_amount - {0}before_amount) DESC, {0}opportunity_id, {0}currency"
_FOLLOWS = """
    AND (-abs(after_amount - before_amount), moved.opportunity_id, moved.currency)
        > (-CAST(:far AS bigint), CAST(:id AS uuid), CAST(:currency_of AS text))
"""


def _firsts(column: str, name: str) -> str:
    # What is in the same state has no cause: nearly all are, and need not be sorted.
    ordered = f"array_agg({column} ORDER BY {_MOST_FIRST.format('')}) FILTER (WHERE stirred)"
    return f"coalesce(({ordered})[1:{FIRST}], '{{}}') AS {name}"


def _values(span: Span) -> dict[str, Any]:
    values = {
        "since": span.since,
        "until": span.until,
        "first": span.months.first,
        "last": span.months.last,
        **span.who.values,
        **rate_values(span.rates),
    }
    if span.who.group is not None:
        values |= {"since_day": span.since_day, "until_day": span.until_day}
    if span.measure is Measure.COMMITTED:
        values["committed"] = span.committed_from
    if span.currency is not None:
        values["currency"] = span.currency
    return values


def _end(moment: str, span: Span) -> str:
    """Return the subquery of opportunities as they were at one end, with what counted of them."""
    amount, counts = _MEASURES[span.measure]
    part = f"(SELECT 100 AS weight, {amount} AS amount)"
    if not span.who.everybody:
        whose = cuts("one", span.who, day=f"coalesce(closed_on, :{moment}_day)")
        part = f"""
            (SELECT CAST(sum(weight) AS int) AS weight, sum({cut(amount)}) AS amount
             FROM {whose} AS cut)
        """
    currency = "currency" if span.currency is None else "CAST(:currency AS text) AS currency"
    return f"""(
        SELECT opportunity_id, since, deleted, outcome, currency, value, probability, inside,
               coalesce(part.weight, 0) AS weight,
               counts AND part.weight IS NOT NULL AS counts,
               CASE WHEN counts THEN coalesce(part.amount, 0) ELSE 0 END AS amount
        FROM (SELECT opportunity_id, since, deleted, outcome, probability, sellers, weights,
                     closed_on, {currency}, {converted("value", span.rates)} AS value,
                     {DAY} BETWEEN :first AND :last AS inside,
                     {COUNTED} AND {DAY} BETWEEN :first AND :last AND {counts} AS counts
              FROM opportunity_state {"" if span.rates is None else RATES}
              WHERE {held_at(f":{moment}")}) AS one
        CROSS JOIN LATERAL {part} AS part
    )"""


_MEASURES = {
    Measure.WEIGHTED: (
        "(CASE outcome WHEN 'won' THEN value ELSE (value * probability + 50) / 100 END)",
        "true",
    ),
    Measure.BEST: ("value", "true"),
    Measure.COMMITTED: ("value", "(outcome = 'won' OR probability >= :committed)"),
    Measure.WON: ("value", "outcome = 'won'"),
}


def _moved(span: Span) -> str:
    """
    Return WITH `moved`: what counts at either end, and how it changed, a row per currency.

    A column for each field of `Change`, the amounts at both ends, and `stirred` where it is in
    another state than it was, or its part is another.
    """
    return f"""
        WITH {span.who.members} compared AS (
            SELECT opportunity_id, shown.currency,
                   CASE WHEN a.deleted THEN 'deleted' ELSE coalesce(a.outcome, 'none') END
                       AS before,
                   CASE WHEN b.deleted THEN 'deleted' ELSE coalesce(b.outcome, 'none') END
                       AS after,
                   coalesce(a.inside, false) AS inside_before,
                   coalesce(b.inside, false) AS inside_after,
                   coalesce(a.weight, 0) > 0 AS part_before,
                   coalesce(b.weight, 0) > 0 AS part_after,
                   coalesce(a.counts AND a.currency = shown.currency, false) AS counts_before,
                   coalesce(b.counts AND b.currency = shown.currency, false) AS counts_after,
                   coalesce(a.counts AND b.counts AND a.currency <> b.currency, false) AS recurrent,
                   a.weight IS DISTINCT FROM b.weight AS weight_differs,
                   (a.since, a.weight) IS DISTINCT FROM (b.since, b.weight) AS stirred,
                   CAST(coalesce(sign(b.value - a.value), 0) AS int) AS value_sign,
                   CAST(coalesce(sign(b.probability - a.probability), 0) AS int)
                       AS probability_sign,
                   CASE WHEN a.currency = shown.currency THEN a.amount ELSE 0 END
                       AS before_amount,
                   CASE WHEN b.currency = shown.currency THEN b.amount ELSE 0 END
                       AS after_amount
            FROM {_end("since", span)} AS a FULL JOIN {_end("until", span)} AS b
                 USING (opportunity_id)
            CROSS JOIN LATERAL (
                SELECT a.currency WHERE a.counts
                UNION ALL
                SELECT b.currency
                WHERE b.counts AND (a.counts AND a.currency = b.currency) IS NOT TRUE) AS shown
        ), moved AS (
            SELECT compared.*, CAST(sign(after_amount - before_amount) AS int) AS amount_sign
            FROM compared
        )
    """
