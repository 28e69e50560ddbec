"""Units of work between which, or in which, something else happens."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

Happens = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Let nothing happen."""


class Steps(UnitOfWorkFactory):
    """Units before each of which something may happen, or after its work, before its commit."""

    def __init__(
        self, units: UnitOfWorkFactory, *, before: Happens = nothing, at_end: Happens = nothing
    ) -> None:
        self._units, self._before, self._at_end = units, before, at_end
        self.engine, self.clock = units.engine, units.clock

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work."""
        await self._before()
        async with self._units() as uow:
            yield uow
            await self._at_end()
