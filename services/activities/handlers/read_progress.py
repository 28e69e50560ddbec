"""Read how far sellers and groups are: progress, who leads, and what is to be expected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.forecast import Forecast, forecast, working_days
from services.activities.domain.lists import ACTIVITY_CATEGORY, LISTS
from services.activities.domain.periods import Period
from services.activities.domain.targets import Progress
from services.activities.handlers.tell_progress import progress_of
from services.activities.persistence import progress as store
from services.activities.persistence.progress import Share, Subject
from shared.chassis.errors import InvalidField
from shared.lists.store import find_value


@dataclass(frozen=True, slots=True)
class Line:
    """How far a target is in one period."""

    target_id: UUID
    seller: str | None
    category: int
    title: str
    period: Period
    first_day: date
    progress: Progress


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected of a target; no forecast where too little is known."""

    line: Line
    passed: float
    left: float
    forecast: Forecast | None


async def read_periods(
    connection: AsyncConnection, subject: Subject, period: Period, day: date, *, periods: int = 1
) -> list[Line]:
    """Return the progress of a subject in the period of a day and those before it, by category."""
    last = period.first_day(day)
    first = last
    for _ in range(periods - 1):
        first = period.first_day(first - timedelta(days=1))
    shares = await store.shares_in(connection, period, first, last, subject=subject)
    return [_line(row) for row in await store.read_progress(connection, shares)]


async def read_leaders(
    connection: AsyncConnection,
    category: int,
    period: Period,
    day: date,
    *,
    group_id: UUID | None,
) -> list[Line]:
    """Return the sellers who have a target in the period of a day, the furthest first."""
    value = await find_value(connection, ACTIVITY_CATEGORY, category)
    if value is None:
        path = LISTS[ACTIVITY_CATEGORY].path
        raise InvalidField(
            "category", f"there is no category {category}", f"List them: GET /v1/{path}."
        )
    first = period.first_day(day)
    shares = await store.shares_in(connection, period, first, first, category=value.key)
    lines = [
        _line(row)
        for row in await store.read_progress(connection, shares)
        if row.seller is not None
    ]
    if group_id is not None:
        members = await store.members_on(connection, group_id, day)
        lines = [line for line in lines if line.seller in members]
    return sorted(lines, key=lead)


def lead(line: Line) -> tuple[int, int, str]:
    """Return what leaders are sorted by: the part that is done, the pieces, the seller's key."""
    done, wanted = line.progress.done, line.progress.wanted
    return (-(done * 10_000 // wanted) if wanted else 0, -done, line.seller or "")


async def read_outlook(
    connection: AsyncConnection, subject: Subject, period: Period, day: date
) -> list[Outlook]:
    """Return what is to be expected of a subject's targets in the period of a day, as of that day.

    The pace is what was done on the working days before; weeks of exceptions count in part.
    """
    first, last = period.first_day(day), period.last_day(day)
    shares = await store.shares_in(connection, period, first, first, subject=subject)
    now = await store.read_progress(connection, shares, until=day)
    before = await _done(connection, shares, until=day - timedelta(days=1))
    percents = {}
    if period is Period.MONTH:
        days = range((last - first).days + 1)
        weeks = {Period.WEEK.first_day(first + timedelta(days=n)) for n in days}
        percents = await store.week_percents(connection, subject, weeks)
    passed = working_days(first, day - timedelta(days=1), percents)
    left = working_days(day, last, percents)
    return [
        Outlook(
            line,
            passed,
            left,
            forecast(
                before=before[line.target_id],
                done=line.progress.done,
                wanted=line.progress.wanted,
                passed=passed,
                left=left,
            ),
        )
        for line in map(_line, now)
    ]


async def _done(
    connection: AsyncConnection, shares: Sequence[Share], *, until: date
) -> dict[UUID, int]:
    rows = await store.read_progress(connection, shares, until=until)
    return {row.target_id: row.done for row in rows}


def _line(row: Row[Any]) -> Line:
    return Line(
        target_id=row.target_id,
        seller=row.seller,
        category=row.category_number,
        title=row.title,
        period=Period(row.period),
        first_day=row.first_day,
        progress=progress_of(row),
    )
