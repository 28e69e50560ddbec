"""A world of targets that anything can happen to, and a recount of it in plain Python."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text

from services.activities.domain.activity import State
from services.activities.domain.periods import Period
from services.activities.handlers.activity_lists import ACTIVITY_LISTS
from services.activities.handlers.delete_activity import delete_activity, restore_activity
from services.activities.handlers.keep_exceptions import Except, add_exception, remove_exception
from services.activities.handlers.keep_targets import (
    SetTarget,
    change_target,
    copy_targets,
    delete_target,
    set_target,
)
from services.activities.handlers.plan_activity import SaveActivity
from services.activities.handlers.read_progress import read_periods
from services.activities.handlers.recount_targets import Reflag, recount_step
from services.activities.handlers.save_activity import change_activity, record_activity
from services.activities.handlers.tell_progress import tell_groups
from services.activities.messaging.publications import translate
from services.activities.persistence.progress import Subject
from services.activities.persistence.tally import hold_tally
from shared.chassis.clock import day_of
from shared.chassis.errors import Refusal
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.lists.delete import delete_value
from tests.integration.activities.targets import say, told
from tests.integration.activities.world import World

NOW = datetime(2021, 1, 11, 12, tzinfo=UTC)
TODAY = NOW.date()
LAST = 100  # periods that reach back to all days
SELLERS = ("anna", "ville", "otto", "eeva")
# Week 53 and the year's end; the days on which clocks change in three zones; the day of leap years.
DAYS = (
    *(date(2020, 12, 26) + timedelta(days=n) for n in range(12)),
    *(date(2020, 3, 8), date(2020, 3, 29), date(2020, 4, 5), date(2020, 9, 27)),
    *(date(2020, 10, 25), date(2020, 11, 1), date(2020, 2, 29), date(2020, 3, 1)),
)
ACTIONS = (
    *("record",) * 5,
    *("edit",) * 4,
    *("delete", "delete", "restore", "restore", "flag", "flag", "merge", "reflag"),
    *("group", "group", "group", "want", "want", "want", "rewant", "unwant", "copy"),
    *("excuse", "excuse", "unexcuse"),
)
Step = tuple[str, int, int, int]
_TITLES = count()


@dataclass
class Happenings:
    """Four sellers, three groups, three categories, and whatever has happened to them."""

    service: Service
    api: httpx.AsyncClient
    zone: ZoneInfo
    customer: UUID
    units: UnitOfWorkFactory
    categories: list[int] = field(default_factory=list)
    groups: list[UUID] = field(default_factory=list)
    activities: list[UUID] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    async def take(self, step: Step) -> None:
        """Let one thing happen; what is refused does not."""
        what, *choices = step
        happen: Callable[..., Awaitable[None]] = getattr(self, f"_{what}")
        try:
            async with self.units() as unit:
                await happen(unit, *choices)
            self.happened[what] += 1
        except Refusal:
            self.happened[f"{what} refused"] += 1
        if what == "merge":
            self.categories[choices[0] % len(self.categories)] = await self._category()

    async def _category(self) -> int:
        said = {"title": f"C{next(_TITLES)}", "kind": 1, "type": 1, "sales_target": True}
        made = await say(self.api, "POST", "/v1/activity-categories", said, status=201)
        return int(made["number"])

    def _said(self, which: int, when: int, how: int) -> SaveActivity:
        noon = datetime.combine(DAYS[when % len(DAYS)], datetime.min.time(), UTC)
        starts_at = noon + timedelta(minutes=30 * (how % 57 - 28))
        return SaveActivity(
            self.customer,
            self.categories[which % len(self.categories)],
            "Visit",
            seller=None if how % 11 == 0 else SELLERS[(which + how) % len(SELLERS)],
            state=State.OPEN if how % 7 == 0 else State.DONE,
            starts_at=starts_at,
            due_at=starts_at,
        )

    async def _record(self, unit: UnitOfWork, *choices: int) -> None:
        self.activities.append(await record_activity(self._said(*choices), unit, self.zone))

    async def _edit(self, unit: UnitOfWork, which: int, *choices: int) -> None:
        one, version = await self._one(unit, which)
        said = self._said(which, *choices)
        await change_activity(one, said, unit, self.zone, expected=version)

    async def _delete(self, unit: UnitOfWork, which: int, *_: int) -> None:
        one, version = await self._one(unit, which)
        await delete_activity(one, unit, expected=version)

    async def _restore(self, unit: UnitOfWork, which: int, *_: int) -> None:
        one, version = await self._one(unit, which)
        await restore_activity(one, unit, expected=version)

    async def _one(self, unit: UnitOfWork, which: int) -> tuple[UUID, int]:
        if not self.activities:
            raise Refusal("there is none")
        one = self.activities[which % len(self.activities)]
        found = await _rows(unit, "SELECT version FROM activity WHERE activity_id = :id", id=one)
        if not found:
            raise Refusal("it is not committed yet")
        return one, found[0].version

    async def _flag(self, unit: UnitOfWork, which: int, how: int, *_: int) -> None:
        await unit.connection.execute(
            text(
                "UPDATE list_value SET facts = facts || "
                "jsonb_build_object('sales_target', CAST(:flag AS boolean)) "
                "WHERE list = 'activity_category' AND number = :number"
            ),
            {"flag": how % 3 > 0, "number": self.categories[which % len(self.categories)]},
        )

    async def _merge(self, unit: UnitOfWork, which: int, *_: int) -> None:
        source, heir = (self.categories[(which + n) % len(self.categories)] for n in (0, 1))
        path = "/v1/activity-categories"
        version = (await say(self.api, "GET", f"{path}/{source}", status=200))["version"]
        await delete_value(
            ACTIVITY_LISTS, "activity_category", source, unit, expected=version, move_to=heir
        )

    async def _reflag(self, unit: UnitOfWork, when: int, *_: int) -> None:
        first = DAYS[when % len(DAYS)]
        changed = await self.recount(unit, Reflag(first, first + timedelta(days=9)))
        assert changed["places_mended"] == 0, "the tally follows flags by itself"

    async def recount(self, unit: UnitOfWork, reflag: Reflag | None) -> dict[str, Any]:
        """Recount, all steps in one unit; return what was changed."""
        step = await recount_step(None, reflag, unit, self.zone)
        while step.result is None:
            step = await recount_step(step.position, reflag, unit, self.zone)
        return dict(step.result)

    async def _group(self, unit: UnitOfWork, which: int, when: int, how: int) -> None:
        group = self.groups[which % len(self.groups)]
        await hold_tally(unit.connection)
        old = await _rows(unit, "SELECT parent_id FROM user_group WHERE group_id = :id", id=group)
        parent = [None, *self.groups][how % (len(self.groups) + 1)]
        await unit.connection.execute(
            text("UPDATE user_group SET parent_id = :parent, removed = :gone WHERE group_id = :id"),
            {"parent": parent, "gone": how % 13 == 0, "id": group},
        )
        await unit.connection.execute(
            text("DELETE FROM user_group_member WHERE group_id = :id"), {"id": group}
        )
        for place, seller in enumerate(SELLERS):
            if (how >> place) % 2:
                since = DAYS[(when + place) % len(DAYS)]
                until = None if place % 2 else since + timedelta(days=how % 9)
                await unit.connection.execute(
                    text("INSERT INTO user_group_member VALUES (:id, :seller, :since, :until)"),
                    {"id": group, "seller": seller, "since": since, "until": until},
                )
        concerned = [group, *(row.parent_id for row in old if row.parent_id)]
        await tell_groups(concerned, unit, today=TODAY)

    def _subject(self, which: int) -> Subject:
        among = [*(Subject(one) for one in SELLERS), *(Subject(None, one) for one in self.groups)]
        return among[which % len(among)]

    async def _want(self, unit: UnitOfWork, which: int, when: int, how: int) -> None:
        command = SetTarget(
            self._subject(which),
            self.categories[how % len(self.categories)],
            Period.MONTH if how % 2 else Period.WEEK,
            DAYS[when % len(DAYS)],
            how % 5,
        )
        await set_target(command, unit, today=TODAY)

    async def _rewant(self, unit: UnitOfWork, which: int, _: int, how: int) -> None:
        one = await self._any(unit, "target", which)
        await change_target(one.target_id, how % 7, unit, expected=one.version, today=TODAY)

    async def _unwant(self, unit: UnitOfWork, which: int, *_: int) -> None:
        one = await self._any(unit, "target", which)
        await delete_target(one.target_id, unit, expected=one.version, today=TODAY)

    async def _copy(self, unit: UnitOfWork, which: int, when: int, how: int) -> None:
        period = Period.MONTH if how % 2 else Period.WEEK
        source, day = self._subject(which), DAYS[when % len(DAYS)]
        to = [one for one in SELLERS[: how % 5] if one != source.seller]
        start = DAYS[(when + how) % len(DAYS)]
        await copy_targets(source, period, day, to, unit, from_day=start, today=TODAY)

    async def _excuse(self, unit: UnitOfWork, which: int, when: int, how: int) -> None:
        subject = self._subject(which) if which % 9 else Subject()
        period = Period.MONTH if how % 2 else Period.WEEK
        command = Except(subject, period, DAYS[when % len(DAYS)], how % 101, "")
        await add_exception(command, unit, today=TODAY)

    async def _unexcuse(self, unit: UnitOfWork, which: int, *_: int) -> None:
        one = await self._any(unit, "target_exception", which)
        await remove_exception(one.exception_id, unit, expected=one.version, today=TODAY)

    async def _any(self, unit: UnitOfWork, table: str, which: int) -> Any:
        rows = await _rows(unit, f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608
        if not rows:
            raise Refusal("there is none")
        return rows[which % len(rows)]

    async def check(self) -> None:
        """Check that sums, progress and what was told are what a recount from scratch gives."""
        async with self.units() as unit:
            truth = await Truth.read(unit, self.zone)
            tally = await _rows(unit, "SELECT * FROM tally WHERE done <> 0")
            assert {(r.seller, r.category, r.day): r.done for r in tally} == truth.done
            for subject in (self._subject(n) for n in range(len(SELLERS) + len(self.groups))):
                for period in Period:
                    lines = await read_periods(
                        unit.connection, subject, period, TODAY, periods=LAST
                    )
                    shown = {
                        (line.target_id, line.first_day): (line.progress.done, line.progress.wanted)
                        for line in lines
                    }
                    assert shown == truth.progress(subject, period)
            rows = await _rows(unit, "SELECT * FROM target_progress")
            kept = {(r.target_id, r.first_day): (r.version, r.done, r.wanted) for r in rows}
            for (target_id, first_day), (_, done, wanted) in kept.items():
                target = truth.targets[target_id]
                if first_day in truth.held(target):
                    assert (done, wanted) == truth.share(target, first_day)
                else:
                    assert wanted == 0, "another target has taken its place"
            for target in truth.targets.values():
                for first_day in truth.held(target):
                    if truth.share(target, first_day)[0]:
                        assert (target.target_id, first_day) in kept, "progress was never told"
            changed = await self.recount(unit, None)
            assert changed["days_changed"] == changed["flags_changed"] == 0
            assert changed["places_mended"] == 0
        versions: dict[tuple[UUID, date], list[dict[str, Any]]] = {}
        for event in await told(self.service):
            share = (UUID(event["target_id"]), date.fromisoformat(event["first_day"]))
            versions.setdefault(share, []).append(event)
        for share, events in versions.items():
            assert [one["version"] for one in events] == list(range(1, len(events) + 1))
            if share in kept:
                last = events[-1]
                assert (last["version"], last["done"], last["wanted"]) == kept[share]
            else:
                assert events[-1]["wanted"] == 0, "a target that is gone wants nothing"


@dataclass
class Truth:
    """What stands in the database, counted by plain loops."""

    done: dict[tuple[str, int, date], int]
    targets: dict[UUID, Any]
    exceptions: list[Any]
    parents: dict[UUID, UUID | None]
    members: list[Any]

    @classmethod
    async def read(cls, unit: UnitOfWork, zone: ZoneInfo) -> "Truth":
        """Read activities, targets, exceptions and groups; count what is done."""
        rows = await _rows(unit, "SELECT * FROM activity WHERE deleted_at IS NULL")
        done = Counter(
            (row.seller, row.category, day_of(row.starts_at, zone))
            for row in rows
            if row.counts_to_target and row.state == "done" and row.seller is not None
        )
        targets = await _rows(unit, "SELECT * FROM target")
        groups = await _rows(unit, "SELECT * FROM user_group WHERE NOT removed")
        return cls(
            dict(done),
            {row.target_id: row for row in targets},
            await _rows(unit, "SELECT * FROM target_exception"),
            {row.group_id: row.parent_id for row in groups},
            await _rows(unit, "SELECT * FROM user_group_member"),
        )

    def held(self, target: Any) -> list[date]:
        """Return the periods up to today in which a target holds."""
        period, found, day = Period(target.period), [], target.first_day
        later = [
            one.first_day
            for one in self.targets.values()
            if (one.seller, one.group_id, one.category, one.period)
            == (target.seller, target.group_id, target.category, target.period)
            and one.first_day > target.first_day
        ]
        while day <= TODAY and not (later and day >= min(later)):
            found.append(day)
            day = period.following(day)
        return found

    def progress(self, subject: Subject, period: Period) -> dict[tuple[UUID, date], Any]:
        """Return (done, wanted) of a subject's targets that want something, by period."""
        return {
            (target.target_id, first_day): self.share(target, first_day)
            for target in self.targets.values()
            if (target.seller, target.group_id) == (subject.seller, subject.group_id)
            and target.period == period
            and target.wanted
            for first_day in self.held(target)
        }

    def share(self, target: Any, first_day: date) -> tuple[int, int]:
        """Return what was done and is wanted of a target in a period."""
        last_day = Period(target.period).last_day(first_day)
        done = sum(
            pieces
            for (seller, category, day), pieces in self.done.items()
            if category == target.category
            and first_day <= day <= last_day
            and (seller == target.seller or target.group_id in self._groups(seller, day))
        )
        if first_day not in self.held(target):
            return done, 0
        return done, -(-target.wanted * self._percent(target, first_day) // 100)

    def _percent(self, target: Any, first_day: date) -> int:
        near = (
            {target.group_id: 0}
            if target.seller is None
            else dict.fromkeys(self._direct(target.seller, first_day), 0)
        )
        for one in list(near):
            for distance, above in enumerate(self._up(one)):
                near[above] = min(near.get(above, distance), distance)
        found = [
            (-1 if one.seller else near.get(one.group_id, 99), one.percent)
            for one in self.exceptions
            if (one.period, one.first_day) == (target.period, first_day)
            and (one.seller is None or one.seller == target.seller)
            and (one.group_id is None or one.group_id in near)
        ]
        return min(found)[1] if found else 100

    def _direct(self, seller: str, day: date) -> set[UUID]:
        return {
            one.group_id
            for one in self.members
            if one.seller == seller and one.since <= day and (one.until is None or day <= one.until)
        }

    def _up(self, group_id: UUID) -> list[UUID]:
        """Return a group and those above it; a removed one has nothing above."""
        found: list[UUID] = []
        at: UUID | None = group_id
        while at is not None and at not in found:
            found.append(at)
            at = self.parents.get(at)
        return found

    def _groups(self, seller: str, day: date) -> set[UUID]:
        """Return the groups for which a seller counts on a day: through groups that are there."""
        found: set[UUID] = set()
        for one in self._direct(seller, day):
            for above in self._up(one):
                if above not in self.parents:
                    break
                found.add(above)
        return found


async def begin(service: Service, api: httpx.AsyncClient, zone: str) -> Happenings:
    """Return a world to which nothing has happened yet."""
    async with service.engine.begin() as connection:
        await connection.execute(
            text("TRUNCATE activity, tally, target, target_exception, seller, outbox CASCADE")
        )
        await connection.execute(text("TRUNCATE user_group, user_group_member"))
    world = World(service)
    for seller in SELLERS:
        await world.seller(seller)
    units = UnitOfWorkFactory(service.engine, lambda: NOW, translate)
    found = Happenings(service, api, ZoneInfo(zone), await world.customer(), units)
    found.categories = [await found._category() for _ in range(3)]
    found.groups = [new_id() for _ in range(3)]
    async with units() as unit:
        await unit.connection.execute(
            text(
                "INSERT INTO user_group (group_id, version) SELECT unnest(CAST(:ids AS uuid[])), 1"
            ).bindparams(ids=found.groups)
        )
    return found


async def _rows(unit: UnitOfWork, statement: str, **values: Any) -> list[Any]:
    return list((await unit.connection.execute(text(statement), values)).all())
