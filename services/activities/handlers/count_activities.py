"""Count activities by what they are, who did them and whose they are, with labels (LE-08)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.statistics import Dimension, Question, called
from services.activities.persistence.statistics import (
    count_lines,
    customer_lists,
    group_titles,
    seller_names,
)
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.lists.store import values_of
from shared.projection.store import find_values

MOST_LINES = 20_000


class TooManyLines(Refusal):
    """The answer would be longer than anybody reads."""

    kind = Kind.INVALID
    slug = "too_many_lines"
    remedy = "Ask for a shorter period, for weeks or months instead of days, or by one thing."


@dataclass(frozen=True, slots=True)
class Name:
    """What a line is about: a stable name, and what people call it."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """How many activities there are of one thing, or of a pair; None is none of it."""

    names: tuple[Name | None, ...]
    done: int
    open: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """The lines, and how many activities there are in all, each counted once."""

    lines: Sequence[Line]
    done: int
    open: int


async def count_activities(
    question: Question, connection: AsyncConnection, *, language: str | None
) -> Statistics:
    """Return how many live activities there are; refuse, by field, what cannot be asked."""
    question.check()
    await _check_lists(question, connection)
    rows = await count_lines(connection, question, limit=MOST_LINES + 1)
    if len(rows) > MOST_LINES:
        raise TooManyLines(f"There are more than {MOST_LINES:,} lines.")
    lines = [row for row in rows if row.done is not None]
    names = [
        await _names(dimension, {row[place] for row in lines} - {None}, connection, language)
        for place, dimension in enumerate(question.by)
    ]
    return Statistics(
        [
            Line(
                tuple(known.get(row[place]) for place, known in enumerate(names)),
                row.done,
                row.open,
            )
            for row in lines
        ],
        done=rows[0].all_done,
        open=rows[0].all_open,
    )


async def _check_lists(question: Question, connection: AsyncConnection) -> None:
    if not question.customer_lists:
        return
    known = await customer_lists(connection)
    for name in question.customer_lists:
        if name not in known:
            raise InvalidField(
                "by" if name == question.by[0] else "and",
                f"activities are not counted by {name[:40]!r}",
                f"Choose of: {', '.join([*Dimension, *known])}.",
            )


async def _names(
    dimension: str, keys: Collection[Any], connection: AsyncConnection, language: str | None
) -> Mapping[Any, Name]:
    """Return what the keys of lines stand for."""
    match dimension:
        case Dimension.DAY | Dimension.WEEK | Dimension.MONTH:
            return {key: _of_day(dimension, key) for key in keys}
        case Dimension.SELLER:
            names = await seller_names(connection, keys)
            return {key: Name(key, names.get(key) or key) for key in keys}
        case Dimension.GROUP:
            titles = await group_titles(connection, keys)
            return {key: Name(key, titles[key]) for key in keys}
        case Dimension.KIND | Dimension.TYPE | Dimension.CATEGORY | Dimension.ATTRIBUTE:
            values = await values_of(connection, [int(key) for key in keys])
            return {str(key): _of_value(row, language) for key, row in values.items()}
    rows = await find_values(connection, keys)
    return {token: _of_value(row, language) for token, row in rows.items()}


def _of_day(dimension: str, day: date) -> Name:
    return Name(str(day), called(dimension, day))


def _of_value(row: Any, language: str | None) -> Name:
    return Name(str(row.number), row.titles.get(language, row.title))
