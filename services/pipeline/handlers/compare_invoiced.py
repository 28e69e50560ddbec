"""Compare what was won in a period with what was invoiced in it (TS-31, TS-34)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from heapq import nsmallest
from itertools import groupby
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.invoiced import Compared, Match, compared_as, match_of
from services.pipeline.domain.months import Months
from services.pipeline.handlers.fix_rates import factors_into
from services.pipeline.persistence.fixed_rates import Factors
from services.pipeline.persistence.invoiced import (
    FIRST,
    compare,
    compared_customers,
    currencies_within,
)


@dataclass(frozen=True, slots=True)
class Customer:
    """What was won with a customer and invoiced to it, in minor units of a currency."""

    customer_id: UUID
    name: str
    currency: str
    won: int
    invoiced: int


@dataclass(frozen=True, slots=True)
class MatchStep:
    """All customers that compare in one way, and the first of them."""

    match: Match
    customers: int
    won: int
    invoiced: int
    first: Sequence[Customer]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The way from what was won to what was invoiced, in one currency."""

    currency: str
    steps: Sequence[MatchStep]

    @property
    def won(self) -> int:
        """Return what was won in all."""
        return sum(step.won for step in self.steps)

    @property
    def invoiced(self) -> int:
        """Return what was invoiced in all."""
        return sum(step.invoiced for step in self.steps)


@dataclass(frozen=True, slots=True)
class Question:
    """Which months are compared; amounts are converted into `currency` at the rates of `day`."""

    months: Months
    currency: str | None
    day: date


async def compare_invoiced(
    asked: Question, connection: AsyncConnection, *, house: str
) -> list[Comparison]:
    """Return one comparison per currency, or the one that all is converted into."""
    factors = await _factors(asked, connection, house)
    rows = await compare(connection, asked.months, factors, asked.currency)
    found = []
    for currency, alike in groupby(rows, key=lambda row: str(row.currency)):
        by_match: dict[Match, list[MatchStep]] = {}
        for row in alike:
            match = match_of(Compared(row.won, row.invoiced, row.sign))
            first = [
                Customer(one, name, currency, won, invoiced)
                for one, name, won, invoiced in zip(
                    row.ids, row.names, row.wons, row.invoices, strict=True
                )
            ]
            by_match.setdefault(match, []).append(
                MatchStep(match, row.customers, row.won_amount, row.invoiced_amount, first)
            )
        steps = [_joined(match, by_match[match]) for match in Match if match in by_match]
        found.append(Comparison(currency, steps))
    return found


async def read_match(
    asked: Question,
    match: Match,
    connection: AsyncConnection,
    *,
    house: str,
    after: tuple[int, UUID, str] | None,
    limit: int,
) -> list[Customer]:
    """Return the customers that compare so, those that differ most first, one more if any."""
    factors = await _factors(asked, connection, house)
    rows = await compared_customers(
        connection,
        asked.months,
        factors,
        asked.currency,
        compared_as(match),
        after=after,
        limit=limit,
    )
    return [
        Customer(row.customer_id, row.name, row.currency, row.won_amount, row.invoiced_amount)
        for row in rows
    ]


async def _factors(asked: Question, connection: AsyncConnection, house: str) -> Factors | None:
    if asked.currency is None:
        return None
    currencies = await currencies_within(connection, asked.months)
    return await factors_into(asked.currency, currencies, asked.day, connection, house=house)


def _joined(match: Match, steps: Sequence[MatchStep]) -> MatchStep:
    return MatchStep(
        match,
        sum(step.customers for step in steps),
        sum(step.won for step in steps),
        sum(step.invoiced for step in steps),
        nsmallest(
            FIRST,
            (one for step in steps for one in step.first),
            key=lambda one: (-abs(one.invoiced - one.won), one.customer_id),
        ),
    )
