"""Read why a forecast is another than it was, and the opportunities behind each cause (TS-31)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from heapq import nsmallest
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.bridge import Bridge, Cause, Change, Moved, bridges, cause_of
from services.pipeline.handlers.fix_rates import factors_into
from services.pipeline.handlers.known_group import refuse_unknown_group
from services.pipeline.persistence.bridge import (
    FIRST,
    Span,
    currencies_of,
    moved_alike,
    moved_opportunities,
    names_of,
)
from shared.chassis.errors import InvalidField

Place = tuple[int, UUID, str]
"""Where a page ended: how far the last one moved, its id, its currency."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An opportunity at both ends, in minor units of a currency."""

    opportunity_id: UUID
    customer_id: UUID
    name: str
    currency: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Explained:
    """Bridges, and the first opportunities of each step, by currency and cause."""

    bridges: Sequence[Bridge]
    first: dict[tuple[str, Cause], list[Shown]]


async def read_bridge(span: Span, connection: AsyncConnection, *, house: str) -> Explained:
    """Return the bridge of each currency, or of the one that all is converted into."""
    span = await _checked(span, connection, house)
    rows = await moved_alike(connection, span)
    moved = [
        Moved(row.currency, _change(row), row.opportunities, row.all_before, row.all_after)
        for row in rows
    ]
    first: dict[tuple[str, Cause], list[tuple[int, UUID, int, int]]] = {}
    for row, one in zip(rows, moved, strict=True):
        cause = cause_of(one.change)
        if cause is not None:
            of_cause = first.setdefault((row.currency, cause), [])
            of_cause.extend(
                (-abs(after - before), opportunity_id, int(before), int(after))
                for opportunity_id, before, after in zip(
                    row.ids, row.befores, row.afters, strict=True
                )
            )
    first = {key: nsmallest(FIRST, found) for key, found in first.items()}
    names = await names_of(connection, {one[1] for found in first.values() for one in found})
    return Explained(
        bridges(moved),
        {
            (currency, cause): [
                Shown(one, names[one].customer_id, names[one].name, currency, before, after)
                for _, one, before, after in found
            ]
            for (currency, cause), found in first.items()
        },
    )


async def read_cause(
    span: Span,
    cause: Cause,
    connection: AsyncConnection,
    *,
    house: str,
    after: Place | None,
    limit: int,
) -> list[Shown]:
    """Return the opportunities of one cause, those that moved most first, one more if any."""
    span = await _checked(span, connection, house)
    kinds = [
        row.kind for row in await moved_alike(connection, span) if cause_of(_change(row)) is cause
    ]
    rows = await moved_opportunities(connection, span, kinds, after=after, limit=limit)
    return [
        Shown(
            row.opportunity_id,
            row.customer_id,
            row.name,
            row.currency,
            int(row.before_amount),
            int(row.after_amount),
        )
        for row in rows
    ]


async def _checked(span: Span, connection: AsyncConnection, house: str) -> Span:
    """Return what is asked for with its rates, all of the day of its end; refuse, by field."""
    if span.until < span.since:
        raise InvalidField("until", "it lies before `since`", "Send a later moment.")
    # All statements see the same, whatever is committed meanwhile.
    await connection.execution_options(isolation_level="REPEATABLE READ")
    await refuse_unknown_group(span.who.group, connection)
    if span.currency is None:
        return span
    currencies = await currencies_of(connection, span)
    rates = await factors_into(span.currency, currencies, span.until_day, connection, house=house)
    return replace(span, rates=rates)


def _change(row: Any) -> Change:
    return Change(**{field.name: getattr(row, field.name) for field in fields(Change)})
