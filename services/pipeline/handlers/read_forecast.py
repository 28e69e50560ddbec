"""Forecasts of what is open and won, with labels, and what of a revenue target they cover.

Definitions are in docs/decisions/0014-pipeline.md. What is lost or expired is in no forecast.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.forecasts import Coverage, Dimension, Question
from services.pipeline.domain.lists import OPPORTUNITY_TYPE, PIPELINE, STAGE
from services.pipeline.domain.periods import Period
from services.pipeline.handlers.fix_rates import NoRate
from services.pipeline.handlers.known_group import refuse_unknown_group
from services.pipeline.persistence.forecast import LINE, TOTAL, UNRATED, forecast_lines
from services.pipeline.persistence.forecast_names import customer_lists, find_target, group_titles
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.lists.store import values_in, values_of
from shared.projection.store import find_values

MOST_LINES = 20_000


class TooManyLines(Refusal):
    """The answer would be longer than anybody reads."""

    kind = Kind.INVALID
    slug = "too_many_lines"
    remedy = "Ask for a shorter period, for quarters instead of months, or by one thing."


class NoTarget(Refusal):
    """Nobody has set a revenue target of this period for this seller, group or all."""

    kind = Kind.NOT_FOUND
    slug = "no_revenue_target"
    remedy = "Set the target first, or ask for a forecast instead."


@dataclass(frozen=True, slots=True)
class Name:
    """What a line is about: a stable name, what people call it, and where it comes in order."""

    key: str
    label: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is won and open in one currency, in minor units, and how many these are."""

    currency: str
    won: int
    weighted: int
    open: int
    committed: int
    opportunities: int


@dataclass(frozen=True, slots=True)
class Line:
    """The amounts of one thing, or of a pair; None is none of it."""

    names: tuple[Name | None, ...]
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Forecast:
    """The lines in order, and the totals by currency, with each opportunity once."""

    lines: Sequence[Line]
    totals: Sequence[Amounts]


async def read_forecast(
    question: Question, connection: AsyncConnection, *, house: str, language: str | None
) -> Forecast:
    """Return the forecast; refuse, by field, what cannot be asked."""
    question.check()
    await _check_lists(question, connection)
    await refuse_unknown_group(question.group_id, connection)
    rows = await _rows(question, connection, house)
    lines = [row for row in rows if row.kind == LINE]
    if len(lines) > MOST_LINES:
        raise TooManyLines(f"There are more than {MOST_LINES:,} lines.")
    names = [
        await _names(dimension, {row[1 + place] for row in lines} - {""}, connection, language)
        for place, dimension in enumerate(question.by)
    ]
    found = [
        Line(tuple(known.get(row[1 + place]) for place, known in enumerate(names)), _amounts(row))
        for row in lines
        if question.by
    ]
    return Forecast(
        sorted(found, key=_order),
        sorted((_amounts(row) for row in rows if row.kind == TOTAL), key=lambda one: one.currency),
    )


async def read_coverage(
    question: Question, period: Period, connection: AsyncConnection, *, house: str
) -> tuple[Coverage, str]:
    """
    Return the target of a period against what is won and open in it, and the currency of both.

    Whose target it is says the question: one seller's, one group's, or that of all.
    """
    seller = question.sellers[0] if question.sellers else None
    if seller is not None and question.group_id is not None:
        raise InvalidField("group_id", "a target is of one of the two", "Leave out `seller`.")
    await refuse_unknown_group(question.group_id, connection)
    target = await find_target(
        connection, period.value, question.since, seller=seller, group_id=question.group_id
    )
    if target is None:
        whose = seller or (question.group_id and f"group {question.group_id}") or "all"
        raise NoTarget(f"There is no target of {whose} for {period.called(question.since)}.")
    rows = await _rows(replace(question, currency=target.currency), connection, house)
    sums = [_amounts(row) for row in rows if row.kind == TOTAL]
    won = sum(one.won for one in sums)
    weighted = sum(one.weighted for one in sums)
    opened = sum(one.open for one in sums)
    return Coverage(target.amount, won, opened, weighted - won), target.currency


async def _rows(question: Question, connection: AsyncConnection, house: str) -> Sequence[Row[Any]]:
    keys = await _wanted(question, connection)
    rows = await forecast_lines(connection, question, keys=keys, house=house, limit=MOST_LINES + 1)
    for row in rows:
        if row.kind == UNRATED:
            raise NoRate(row.currency, row.first, house)
    return rows


async def _check_lists(question: Question, connection: AsyncConnection) -> None:
    if not question.customer_lists:
        return
    known = await customer_lists(connection)
    for name in question.customer_lists:
        if name not in known:
            raise InvalidField(
                "by",
                f"forecasts do not go by {name[:40]!r}",
                f"Choose of: {', '.join([*Dimension, *known])}.",
            )


async def _wanted(question: Question, connection: AsyncConnection) -> Mapping[str, Sequence[int]]:
    """Return the keys of the values that the forecast is narrowed to, by list."""
    wanted = {
        name: (field, numbers)
        for name, field, numbers in (
            (PIPELINE, "pipeline", question.pipelines),
            (STAGE, "stage", question.stages),
            (OPPORTUNITY_TYPE, "type", question.types),
        )
        if numbers
    }
    if not wanted:
        return {}
    rows = await values_in(connection, list(wanted))
    known = {(row.list, row.number): row.key for row in rows}
    for name, (field, numbers) in wanted.items():
        for number in numbers:
            if (name, number) not in known:
                raise InvalidField(
                    field, f"there is no {field} {number}", f"Send numbers of a {field}."
                )
    return {name: [known[name, one] for one in numbers] for name, (_, numbers) in wanted.items()}


async def _names(
    dimension: str, keys: Collection[str], connection: AsyncConnection, language: str | None
) -> Mapping[str, Name]:
    """Return what the keys of lines stand for."""
    match dimension:
        case Dimension.MONTH | Dimension.QUARTER:
            return {key: _of_period(Period(dimension), key) for key in keys}
        case Dimension.SELLER:
            return {key: Name(key, key) for key in keys}
        case Dimension.GROUP:
            titles = await group_titles(connection, keys)
            return {key: Name(key, titles[key]) for key in keys}
        case Dimension.PIPELINE | Dimension.STAGE | Dimension.TYPE:
            values = await values_of(connection, [int(key) for key in keys])
            return {str(key): _of_value(row, language, row.position) for key, row in values.items()}
    rows = await find_values(connection, keys)
    return {token: _of_value(row, language) for token, row in rows.items()}


def _of_period(period: Period, first_day: str) -> Name:
    called = period.called(date.fromisoformat(first_day))
    return Name(called, called)


def _of_value(row: Any, language: str | None, rank: int = 0) -> Name:
    return Name(str(row.number), row.titles.get(language, row.title), rank)


def _amounts(row: Row[Any]) -> Amounts:
    sums = (row.won, row.weighted, row.open, row.committed, row.opportunities)
    return Amounts(row.currency, *(int(one) for one in sums))


def _order(line: Line) -> tuple[Any, ...]:
    """Return where a line comes: by its names, what is none of it last, then by currency."""
    places = [
        (1, 0, "", "") if one is None else (0, one.rank, one.label, one.key) for one in line.names
    ]
    return (*places, line.amounts.currency)
