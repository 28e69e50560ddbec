"""Many count at once: no piece is lost or doubled, what is told rises, nobody is told to wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random

import httpx
import pytest
from sqlalchemy import text

from services.activities.domain.periods import Period
from services.activities.handlers.keep_targets import SetTarget, set_target
from services.activities.handlers.recount_targets import Reflag, recount_step
from services.activities.handlers.save_activity import record_activity
from services.activities.messaging.publications import translate
from services.activities.persistence.progress import Subject
from shared.chassis.database import connect
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWorkFactory
from tests.integration.activities.recounting import DAYS, NOW, TODAY, Happenings, begin
from tests.integration.activities.targets import LONG_AGO, told

WRITERS = 16
EACH = 12
AT_ONCE = ("record", "record", "edit", "edit", "delete", "restore")
BESIDE = ("want", "rewant", "unwant", "excuse", "unexcuse", "group", "flag")


@pytest.fixture
async def units(activities: Service) -> AsyncIterator[UnitOfWorkFactory]:
    """Units of work on a pool that keeps no writer waiting for a connection."""
    url = activities.engine.url.render_as_string(hide_password=False)
    engine = connect(url, name="races", pool_size=WRITERS + 4)
    yield UnitOfWorkFactory(engine, lambda: NOW, translate)
    await engine.dispose()


async def prepared(
    activities: Service, api: httpx.AsyncClient, units: UnitOfWorkFactory
) -> Happenings:
    return replace(await begin(activities, api, "Europe/Helsinki"), units=units)


@pytest.mark.requirement("LE-17")
@pytest.mark.parametrize("sellers", [("anna",), ("anna", "ville", "otto", "eeva")])
async def test_sixteen_writers_count_each_piece_once(
    activities: Service, api: httpx.AsyncClient, units: UnitOfWorkFactory, sellers: tuple[str, ...]
) -> None:
    world = await prepared(activities, api, units)
    group = world.groups[0]
    async with units() as unit:
        for seller in sellers:
            await unit.connection.execute(
                text("INSERT INTO user_group_member VALUES (:id, :seller, :since)"),
                {"id": group, "seller": seller, "since": LONG_AGO},
            )
        for subject in (Subject(None, group), *(Subject(one) for one in sellers)):
            wanted = SetTarget(subject, world.categories[0], Period.WEEK, DAYS[0], 50)
            await set_target(wanted, unit, today=TODAY)

    async def writer(seller: str) -> None:
        for _ in range(EACH):
            async with units() as unit:
                said = replace(world._said(0, 0, 1), seller=seller)
                await record_activity(said, unit, world.zone)

    await asyncio.gather(*(writer(sellers[n % len(sellers)]) for n in range(WRITERS)))

    ours = [one for one in await told(activities) if one["group_id"] == str(group)]
    counted = [one["done"] for one in ours if one["done"]]
    assert counted == list(range(1, WRITERS * EACH + 1)), "each is told, and none twice"
    reached = [one for one in await told(activities, "target-reached") if one["group_id"]]
    assert [one["done"] for one in reached] == [50]
    await world.check()


@pytest.mark.requirement("LE-17", "LE-A4", "LE-A5")
@pytest.mark.parametrize("seed", [1, 2])
async def test_recounts_and_changed_targets_lose_nothing_beside_live_writes(
    activities: Service, api: httpx.AsyncClient, units: UnitOfWorkFactory, seed: int
) -> None:
    world = await prepared(activities, api, units)
    writing = True

    async def happening(number: int, actions: tuple[str, ...]) -> None:
        chance = Random(100 * seed + number)
        for _ in range(EACH):
            one, two, three = (chance.randrange(1001) for _ in range(3))
            await world.take((chance.choice(actions), one, two, three))

    async def recounting() -> Counter[str]:
        mended: Counter[str] = Counter()
        while writing:
            position = None
            while True:
                async with units() as unit:
                    reflag = Reflag(DAYS[0], DAYS[5])
                    step = await recount_step(position, reflag, unit, world.zone)
                if step.result is not None:
                    break
                position = step.position
            mended.update(step.result)
        return mended

    recounts = asyncio.create_task(recounting())
    await asyncio.gather(
        *(happening(number, AT_ONCE) for number in range(WRITERS)),
        *(happening(WRITERS + number, BESIDE) for number in range(2)),
    )
    writing = False
    mended = await recounts
    assert mended["places_mended"] == 0, "a recount found the tally wrong, or made it so"
    async with units() as unit:
        await world.recount(unit, Reflag(DAYS[0], DAYS[5]))
    await world.check()
