"""The loops that keep members: one follows what changes, the other builds new rules.

They are woken by commits of this process; what other processes commit, and days that come, is
looked for every second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

from services.mailing.handlers.build_segments import BUILD, begin_unbuilt, build_next
from services.mailing.handlers.follow_changes import follow_next
from services.mailing.handlers.touch import TOUCHED
from shared.chassis.database import is_transient
from shared.chassis.logs import get_logger
from shared.chassis.unit_of_work import UnitOfWorkFactory

IDLE_SECONDS = 1.0
FAILURE_SECONDS = 0.5

log = get_logger(__name__)


class MemberKeeper:
    """Keeps the members of all segments; several are harmless, since one works at a time."""

    def __init__(
        self, units: UnitOfWorkFactory, building: UnitOfWorkFactory, zone: ZoneInfo
    ) -> None:
        self._units = units
        # Its pool allows for statements over all contacts.
        self._building = building
        self._zone = zone
        self._touched = asyncio.Event()
        self._begun = asyncio.Event()
        units.when_signalled(TOUCHED, self._touched.set)
        units.when_signalled(BUILD, self._begun.set)

    async def follow(self) -> None:
        """Follow what changes, until cancelled."""
        await _for_ever("members_interrupted", self._touched, self._follow)

    async def build(self) -> None:
        """Build new rules, until cancelled."""
        try:
            await begin_unbuilt(self._building)
            await _for_ever(
                "build_interrupted", self._begun, lambda: build_next(self._building, self._zone)
            )
        finally:
            await self._building.engine.dispose()

    async def settle(self) -> None:
        """Work until nothing is left to do now; for those who run no loops."""
        while await build_next(self._building, self._zone) or await self._follow():
            pass

    async def _follow(self) -> bool:
        return await follow_next(self._units, self._zone)


async def _for_ever(event: str, wake: asyncio.Event, work: Callable[[], Awaitable[bool]]) -> None:
    while True:
        wake.clear()
        try:
            worked = await work()
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning(event, error=repr(error)[:200])
            await asyncio.sleep(FAILURE_SECONDS)
            continue
        if not worked:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    await wake.wait()
            except TimeoutError:
                pass
