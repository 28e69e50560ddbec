"""Recount targets from activities, step by step and beside live writes (LE-A5).

First activities, a chunk at a time: the day where the installation is, and in the period asked for
whether its category is a sales target today. They change as by any other edit, so that the tally
follows. Then sellers, some at a time: while nobody counts, the tally becomes what their activities
say, from scratch. Doing all of it again changes nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from services.activities.handlers.keep_tally import keep_tally
from services.activities.handlers.tell_activities import tell_activities
from services.activities.handlers.tell_progress import tell_counted
from services.activities.persistence import recounts as store
from services.activities.persistence.activities import fetch_activities
from services.activities.persistence.sellers import list_sellers
from services.activities.persistence.tally import add_to_tally, hold_tally, miscounted
from shared.chassis.clock import day_of
from shared.chassis.jobs import Step
from shared.chassis.unit_of_work import UnitOfWork

CHUNK = 2000
# Each counts while others wait: with 25,000 activities of each, for some tenths of a second.
SELLERS = 4


@dataclass(frozen=True, slots=True)
class Reflag:
    """The days, both included, whose activities take over today's flags of their categories."""

    first_day: date
    last_day: date

    def holds(self, day: date) -> bool:
        """Tell whether a day lies between them."""
        return self.first_day <= day <= self.last_day


@dataclass(frozen=True, slots=True)
class Recounted:
    """How far a recount is, and what it has changed."""

    after_activity: str | None = None
    after_seller: str | None = None
    activities: int = 0
    days_changed: int = 0
    flags_changed: int = 0
    places_mended: int = 0

    @property
    def outcome(self) -> dict[str, int]:
        """Return what it did, by name."""
        facts = asdict(self)
        return {name: fact for name, fact in facts.items() if not name.startswith("after_")}


async def recount_step(
    position: Mapping[str, Any] | None, reflag: Reflag | None, uow: UnitOfWork, zone: ZoneInfo
) -> Step:
    """Do the next step of a recount."""
    so_far = Recounted(**(position or {}))
    if so_far.after_seller is None:
        now, is_last = await _activities(so_far, reflag, uow, zone)
        if is_last:
            now = replace(now, after_seller="")
        return Step(asdict(now), done=now.activities)
    now, is_last = await _sellers(so_far, uow)
    return Step(asdict(now), done=now.activities, result=now.outcome if is_last else None)


async def _activities(
    so_far: Recounted, reflag: Reflag | None, uow: UnitOfWork, zone: ZoneInfo
) -> tuple[Recounted, bool]:
    after = None if so_far.after_activity is None else UUID(so_far.after_activity)
    rows = await store.next_activities(uow.connection, after=after, limit=CHUNK)
    if not rows:
        return so_far, True
    wrong = [row.activity_id for row in rows if _is_wrong(row, row.sales_target, reflag, zone)]
    days, flags = await _mend(wrong, reflag, uow, zone) if wrong else (0, 0)
    now = replace(
        so_far,
        after_activity=str(rows[-1].activity_id),
        activities=so_far.activities + len(rows),
        days_changed=so_far.days_changed + days,
        flags_changed=so_far.flags_changed + flags,
    )
    return now, len(rows) < CHUNK


async def _mend(
    activity_ids: list[UUID], reflag: Reflag | None, uow: UnitOfWork, zone: ZoneInfo
) -> tuple[int, int]:
    before = await fetch_activities(uow.connection, activity_ids, lock=True)
    flags = await store.target_flags(uow.connection)
    days = {
        row.activity_id: day
        for row in before.values()
        if (day := day_of(row.starts_at, zone)) != row.day
    }
    flagged = {
        row.activity_id: flags[row.category]
        for row in before.values()
        if _is_flagged_wrong(row, flags[row.category], reflag, zone)
    }
    await store.set_days(uow.connection, days)
    await store.set_flags(uow.connection, flagged, now=uow.now)
    await tell_activities(flagged, uow)
    after = await fetch_activities(uow.connection, activity_ids)
    await keep_tally(_live(before), _live(after), uow)
    return len(days), len(flagged)


async def _sellers(so_far: Recounted, uow: UnitOfWork) -> tuple[Recounted, bool]:
    rows = await list_sellers(
        uow.connection, after=so_far.after_seller or "", limit=SELLERS, present_on=None
    )
    if not rows:
        return so_far, True
    await hold_tally(uow.connection)
    short = await miscounted(uow.connection, [row.seller for row in rows])
    if short:
        await add_to_tally(uow.connection, short)
        await tell_counted(short, uow)
    now = replace(
        so_far,
        after_seller=rows[-1].seller,
        places_mended=so_far.places_mended + len(short),
    )
    return now, len(rows) < SELLERS


def _is_wrong(row: Row[Any], flag: bool, reflag: Reflag | None, zone: ZoneInfo) -> bool:
    return row.day != day_of(row.starts_at, zone) or _is_flagged_wrong(row, flag, reflag, zone)


def _is_flagged_wrong(row: Row[Any], flag: bool, reflag: Reflag | None, zone: ZoneInfo) -> bool:
    return (
        reflag is not None
        and row.counts_to_target != flag
        and reflag.holds(day_of(row.starts_at, zone))
    )


def _live(rows: Mapping[UUID, Row[Any]]) -> list[Row[Any]]:
    return [row for row in rows.values() if row.deleted_at is None]
