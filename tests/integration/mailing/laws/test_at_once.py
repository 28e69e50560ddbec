"""Two processes' worth of everything at once, and keepers that die: the law holds at the end."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest

from services.mailing import bootstrap
from services.mailing.handlers.keep_members import MemberKeeper
from services.mailing.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.database import connect, is_transient
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from tests.integration.mailing.laws.test_laws import Life
from tests.integration.mailing.laws.world import ZONE, World
from tests.integration.mailing.rig import KEY, LINK_KEY, SECRET, open_rig

EVENTS = 400
SECONDS = 120.0
LIVES = 0.3
"""Seconds that one of the keepers' loops lives at most."""


def process(url: str, world: World) -> tuple[Service, MemberKeeper]:
    """Return a service as another process would have it, and its keeper."""
    settings = Settings(
        database_url=url,
        broker_url="amqp://unused",
        api_key=KEY,
        link_key=LINK_KEY,
        suppression_key=SECRET,
        pool_size=6,
    )
    service = bootstrap.build(settings, InProcessBus(), clock=lambda: world.now)
    building = connect(url, name="mailing-build", pool_size=1)
    return service, MemberKeeper(service.units, service.units.on(building), ZoneInfo(ZONE.key))


async def reborn(loop: Callable[[], Awaitable[None]], dice: random.Random) -> None:
    """Run a loop for ever; it is killed again and again, wherever it stands."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(dice.uniform(0.02, LIVES)):
                await loop()


@pytest.mark.requirement("LS-06", "LS-A10")
async def test_keepers_workers_and_changes_of_rules_at_once(postgres: Postgres) -> None:
    chance = random.Random(7)
    world = World(chance)
    async with open_rig(postgres, clock=lambda: world.now) as rig:
        life = Life(rig, world, chance)
        life.waiting = world.values()
        await life.tell(len(life.waiting))
        url = rig.service.engine.url.render_as_string(hide_password=False)
        others = [process(url, world) for _ in range(2)]
        running = [asyncio.create_task(service.worker.run()) for service, _ in others]
        keeping = [
            asyncio.create_task(reborn(loop, random.Random(number)))
            for number, (_, keeper) in enumerate(others)
            for loop in (keeper.follow, keeper.build)
        ]
        async with asyncio.timeout(SECONDS):
            while len(life.told) < EVENTS:
                life.waiting += [world.happens() for _ in range(chance.randint(1, 12))]
                await life.store(chance.choice([1, 3, 10]))
                for service, _ in others:
                    service.worker.wake()
                try:
                    await life.change_segments()
                except Exception as error:
                    if not is_transient(error):
                        raise
        for task in keeping:
            task.cancel()
        for service, _ in others:
            service.worker.stop()
        ended = await asyncio.gather(*running, *keeping, return_exceptions=True)
        assert {type(one) for one in ended} <= {type(None), asyncio.CancelledError}, ended
        for service, _ in others:
            await service.engine.dispose()
        await life.tell(len(life.waiting))
        await life.settle_and_compare()
        await life.check_all()
