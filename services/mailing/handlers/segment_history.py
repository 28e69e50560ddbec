"""What became of the members of segments: as of moments, by changes, by days, and by person."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from services.mailing.domain.refusals import (
    ContactNotFound,
    MomentNotKnown,
    SegmentBeingBuilt,
    TooManySteps,
)
from services.mailing.handlers.evaluate_rule import find_segment
from services.mailing.handlers.keep_segments import Members
from services.mailing.persistence import pins, segment_history
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork

MOST_STEPS = 400


class Step(StrEnum):
    """How far the ends of two steps lie from each other."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(slots=True)
class Grown:
    """What became of a segment in one step: members at its end, who came and left by cause."""

    from_day: date
    members: int = 0
    entered: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)


async def list_members_at(
    segment_id: UUID, at: datetime, uow: UnitOfWork, *, after: UUID | None, limit: int
) -> Members:
    """Return who was a member at a moment, by id, with the names of today."""
    await find_segment(segment_id, uow.connection)
    position = await _position(at, uow)
    rows = await segment_history.members_at(
        uow.connection, segment_id, position, after=after, limit=limit
    )
    return Members(rows, [])


async def list_changes(
    segment_id: UUID,
    uow: UnitOfWork,
    *,
    contact_id: UUID | None,
    from_moment: datetime | None,
    before: datetime | None,
    after: int,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return entries and exits from one moment up to before another, behind a position."""
    await find_segment(segment_id, uow.connection)
    connection = uow.connection
    if from_moment is not None:
        after = max(after, await segment_history.position_before(connection, from_moment))
    until = segment_history.LAST
    if before is not None:
        until = await segment_history.position_before(connection, before)
    return await segment_history.changes(
        connection, segment_id, contact_id=contact_id, after=after, until=until, limit=limit
    )


async def show_growth(
    segment_id: UUID, from_day: date, before_day: date, by: Step, uow: UnitOfWork, *, zone: ZoneInfo
) -> list[Grown]:
    """Count, step by step, members at the end, and entries and exits by cause."""
    if from_day >= before_day:
        raise InvalidField("before_day", "is not later than from_day", "Send a later day.")
    await find_segment(segment_id, uow.connection)
    days = _days(from_day, before_day, by)
    edges = [datetime.combine(day, time(), zone) for day in days]
    rows = await segment_history.growth(uow.connection, segment_id, edges)
    net: defaultdict[int, int] = defaultdict(int)
    steps = [Grown(day) for day in days[:-1]]
    for row in rows:
        net[row.place] += row.moves if row.entered else -row.moves
        if row.place:
            grown = steps[row.place - 1]
            (grown.entered if row.entered else grown.left)[row.cause] = row.moves
    members = net[0]
    for place, step in enumerate(steps, 1):
        members += net[place]
        step.members = members
    return steps


async def differences_of_moments(
    segment_id: UUID,
    first: datetime,
    last: datetime,
    uow: UnitOfWork,
    *,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return who was a member at one of two moments only."""
    await find_segment(segment_id, uow.connection)
    if first > last:
        raise InvalidField("other_at", "is earlier than at", "Send the earlier moment as at.")
    return await segment_history.between_positions(
        uow.connection,
        segment_id,
        first=await _position(first, uow),
        last=await _position(last, uow),
        after=after,
        limit=limit,
    )


async def differences_of_segments(
    segment_id: UUID, other_id: UUID, uow: UnitOfWork, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return who is a member of one of two segments only, now."""
    live = []
    for one in (segment_id, other_id):
        segment = await find_segment(one, uow.connection)
        if segment.live_rule_id is None:
            raise SegmentBeingBuilt(f"The members of {segment.name!r} are being found.")
        live.append(segment.live_rule_id)
    return await segment_history.between_rules(uow.connection, *live, after=after, limit=limit)


async def list_memberships(
    contact_id: UUID, uow: UnitOfWork, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return the segments that a live contact is in."""
    if not await pins.is_live(uow.connection, contact_id):
        raise ContactNotFound(f"There is no contact {contact_id} here.")
    return await segment_history.memberships(uow.connection, contact_id, after=after, limit=limit)


async def _position(at: datetime, uow: UnitOfWork) -> int:
    if at > uow.now:
        raise MomentNotKnown("The moment has not come yet.")
    return await segment_history.position_at(uow.connection, at)


def _days(from_day: date, before_day: date, by: Step) -> list[date]:
    days = [from_day]
    while days[-1] < before_day:
        if len(days) > MOST_STEPS:
            raise TooManySteps(f"There are more than {MOST_STEPS} steps between the two days.")
        days.append(min(_next(days[-1], by), before_day))
    return days


def _next(day: date, by: Step) -> date:
    if by is Step.DAY:
        return day + timedelta(1)
    if by is Step.WEEK:
        return day + timedelta(7 - day.weekday())
    return (day.replace(day=1) + timedelta(32)).replace(day=1)
