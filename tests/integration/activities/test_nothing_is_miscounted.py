"""Whatever is done in whatever order: the tally is a recount, and kind and type are as steered."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from services.activities.domain.activity import CategoryLocked, State
from services.activities.domain.lists import ACTIVITY_CATEGORY
from services.activities.domain.reassignment import Reassignment
from services.activities.handlers.activity_lists import ACTIVITY_LISTS
from services.activities.handlers.complete_activity import Completion, complete_activity
from services.activities.handlers.delete_activity import delete_activity, restore_activity
from services.activities.handlers.plan_activity import SaveActivity
from services.activities.handlers.reassign_activities import reassignment_step
from services.activities.handlers.save_activity import change_activity, record_activity
from services.activities.persistence.activities import fetch_activities
from shared.chassis.jobs import find_job, insert_job
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.delete import delete_value
from shared.lists.save import SaveListValue, change_value, create_value
from shared.lists.store import find_value
from tests.integration.activities.world import World

HELSINKI = ZoneInfo("Europe/Helsinki")
SELLERS = ("anna.k", "ville.s", "noor.h")
# Around the turn of ISO year 2026, which has a week 53, and the changes to and from summer time.
EDGES = [
    datetime(2027, 1, 3, 21, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 21, 59, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
]
NOW = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)


@dataclass
class Category:
    """What a category is set to; kind and type are numbers."""

    kind: int
    type: int
    allow_selection: bool = False
    sales_target: bool = True


@dataclass
class Expected:
    """What an activity must say: a plain reading of the rules, by its one own history."""

    category: int
    kind: int
    type: int
    counts: bool
    seller: str | None
    state: str
    starts_at: datetime
    version: int = 1
    deleted: bool = False


@dataclass
class Office:
    """Does things at random, and knows what must come of them."""

    service: Service
    chance: random.Random
    customer_id: UUID
    categories: dict[int, Category] = field(default_factory=dict)
    activities: dict[UUID, Expected] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    async def happens(self) -> None:
        """Let one thing happen, in a transaction of its own."""
        one = self.chance.choices(
            [
                self._record,
                self._edit,
                self._complete,
                self._delete,
                self._restore,
                self._reassign,
                self._merge,
                self._set,
            ],
            weights=[30, 30, 10, 15, 15, 3, 2, 8],
        )[0]
        self.done.append(one.__name__)
        async with self.service.units() as unit:
            unit.now = NOW
            await one(unit)

    def _some(self, **having: Any) -> UUID | None:
        fitting = [
            activity_id
            for activity_id, one in self.activities.items()
            if all(getattr(one, name) == value for name, value in having.items())
        ]
        return self.chance.choice(fitting) if fitting else None

    def _said(self, state: State) -> SaveActivity:
        starts_at = self.chance.choice(EDGES) + timedelta(minutes=self.chance.randint(-90, 90))
        return SaveActivity(
            customer_id=self.customer_id,
            category=self.chance.choice(list(self.categories)),
            memo="Visit",
            kind=self.chance.choice([None, None, 1, 2, 3]),
            type=self.chance.choice([None, None, 1, 2]),
            seller=self.chance.choice([None, *SELLERS]),
            state=state,
            starts_at=starts_at,
        )

    def _steered(self, said: SaveActivity, stays: Expected | None) -> tuple[int, int] | None:
        """Return kind and type as they must be; None where they are refused."""
        category = self.categories[said.category]
        kind, type_ = (stays.kind, stays.type) if stays else (category.kind, category.type)
        chosen = said.kind or kind, said.type or type_
        return chosen if category.allow_selection or chosen == (kind, type_) else None

    async def _record(self, unit: UnitOfWork) -> None:
        said = self._said(self.chance.choice([State.DONE, State.DONE, State.OPEN]))
        steered = self._steered(said, None)
        try:
            activity_id = await record_activity(said, unit, HELSINKI)
        except CategoryLocked:
            assert steered is None
            return
        assert steered is not None
        self.activities[activity_id] = self._expected(said, steered, None)

    def _expected(
        self, said: SaveActivity, steered: tuple[int, int], present: Expected | None
    ) -> Expected:
        assert said.starts_at is not None
        stays = present if present and present.category == said.category else None
        return Expected(
            category=said.category,
            kind=steered[0],
            type=steered[1],
            counts=stays.counts if stays else self.categories[said.category].sales_target,
            seller=said.seller,
            state=said.state,
            starts_at=said.starts_at,
            version=present.version + 1 if present else 1,
        )

    async def _edit(self, unit: UnitOfWork) -> None:
        activity_id = self._some(deleted=False)
        if activity_id is None:
            return
        present = self.activities[activity_id]
        said = self._said(self.chance.choice([State.DONE, State.OPEN]))
        stays = present if present.category == said.category else None
        steered = self._steered(said, stays)
        try:
            await change_activity(activity_id, said, unit, HELSINKI, expected=present.version)
        except CategoryLocked:
            assert steered is None
            return
        assert steered is not None
        self.activities[activity_id] = self._expected(said, steered, present)

    async def _complete(self, unit: UnitOfWork) -> None:
        activity_id = self._some(deleted=False, state="open")
        if activity_id is None:
            return
        present = self.activities[activity_id]
        at = self.chance.choice(EDGES)
        await complete_activity(
            activity_id, Completion(at), unit, HELSINKI, expected=present.version
        )
        present.state, present.starts_at, present.version = "done", at, present.version + 1

    async def _delete(self, unit: UnitOfWork) -> None:
        activity_id = self._some(deleted=False)
        if activity_id is not None:
            present = self.activities[activity_id]
            await delete_activity(activity_id, unit, expected=present.version)
            present.deleted, present.version = True, present.version + 1

    async def _restore(self, unit: UnitOfWork) -> None:
        activity_id = self._some(deleted=True)
        if activity_id is not None:
            present = self.activities[activity_id]
            await restore_activity(activity_id, unit, expected=present.version)
            present.deleted, present.version = False, present.version + 1

    async def _reassign(self, unit: UnitOfWork) -> None:
        giver, receiver = self.chance.sample(SELLERS, 2)
        asked = await insert_job("a-test", None, {}, unit)
        job = await find_job(unit.connection, asked.job_id)
        assert job is not None
        everything = Reassignment(giver, receiver, done_since=NOW.date() - timedelta(days=999))
        await reassignment_step(HELSINKI, lambda _: everything)(job, unit)
        for one in self.activities.values():
            if one.seller == giver and not one.deleted:
                one.seller, one.version = receiver, one.version + 1

    async def _merge(self, unit: UnitOfWork) -> None:
        if len(self.categories) < 3:
            await self.add_category(unit)
            return
        gone, heir = self.chance.sample(list(self.categories), 2)
        row = await find_value(unit.connection, ACTIVITY_CATEGORY, gone)
        assert row is not None
        await delete_value(
            ACTIVITY_LISTS, ACTIVITY_CATEGORY, gone, unit, expected=row.version, move_to=heir
        )
        del self.categories[gone]
        for one in self.activities.values():
            if one.category == gone:
                one.category, one.version = heir, one.version + 1

    async def add_category(self, unit: UnitOfWork) -> None:
        """Add a category that steers at random."""
        category = self._category()
        title = f"Category {self.chance.random()}"
        number = await create_value(
            ACTIVITY_LISTS, ACTIVITY_CATEGORY, SaveListValue(title, facts=vars(category)), unit
        )
        self.categories[number] = category

    def _category(self) -> Category:
        return Category(
            kind=self.chance.randint(1, 3),
            type=self.chance.randint(1, 2),
            allow_selection=self.chance.random() < 0.4,
            sales_target=self.chance.random() < 0.6,
        )

    async def _set(self, unit: UnitOfWork) -> None:
        number = self.chance.choice(list(self.categories))
        row = await find_value(unit.connection, ACTIVITY_CATEGORY, number)
        assert row is not None
        self.categories[number] = category = self._category()
        command = SaveListValue(row.title, facts=vars(category))
        await change_value(
            ACTIVITY_LISTS, ACTIVITY_CATEGORY, number, command, unit, expected=row.version
        )

    async def check(self) -> None:
        """See that every activity says what it must, and that the tally is a recount."""
        async with self.service.engine.connect() as connection:
            rows = await fetch_activities(connection, list(self.activities))
            found = {
                activity_id: Expected(
                    category=row.category_number,
                    kind=row.kind_number,
                    type=row.type_number,
                    counts=row.counts_to_target,
                    seller=row.seller,
                    state=row.state,
                    starts_at=row.starts_at,
                    version=row.version,
                    deleted=row.deleted_at is not None,
                )
                for activity_id, row in rows.items()
            }
            assert found == self.activities, self.done
            wrong = (await connection.execute(DIFFERENCE)).all()
            assert not wrong, self.done


# By the time zone that the database knows, not by the day that was kept.
DIFFERENCE = text(
    """
    WITH recount AS (
        SELECT seller, category, CAST(starts_at AT TIME ZONE 'Europe/Helsinki' AS date) AS day,
               count(*) AS done
        FROM activity
        WHERE deleted_at IS NULL AND state = 'done' AND counts_to_target AND seller IS NOT NULL
        GROUP BY 1, 2, 3)
    SELECT seller, category, day, tally.done, recount.done
    FROM tally FULL JOIN recount USING (seller, category, day)
    WHERE coalesce(tally.done, 0) <> coalesce(recount.done, 0)
    """
)


@pytest.mark.requirement(
    "LE-17", "LE-18", "LE-19", "LE-A2", "LE-A3", "LE-A4", "LE-A5", "LE-A7", "LE-A9"
)
@pytest.mark.parametrize("seed", range(4))
async def test_after_anything_the_tally_is_a_recount_and_kinds_are_as_steered(
    activities: Service, world: World, seed: int
) -> None:
    office = Office(activities, random.Random(seed), await world.customer())
    for seller in SELLERS:
        await world.seller(seller)
    async with activities.units() as unit:
        for _ in range(3):
            await office.add_category(unit)
    for round_ in range(250):
        await office.happens()
        if round_ % 25 == 24:
            await office.check()
    assert set(office.done) == {
        f"_{one}"
        for one in ("record", "edit", "complete", "delete", "restore", "reassign", "merge", "set")
    }
