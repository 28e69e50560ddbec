"""Tell records anew, chunk by chunk, while the service runs."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

Progress = Callable[[int, int], None]
"""Called with how many records are told, and of how many."""


async def by_chunks(
    units: UnitOfWorkFactory,
    after_these: Callable[..., Awaitable[Sequence[Any]]],
    tell: Callable[[Sequence[Any], UnitOfWork], Awaitable[Any]],
    chunk: int,
) -> AsyncIterator[int]:
    """
    Tell what `after_these(connection, after=, limit=)` finds until there is no more.

    Each chunk is a unit of work of its own. Yields how many each told.
    """
    last: Any = None
    while True:
        async with units() as unit:
            found = await after_these(unit.connection, after=last, limit=chunk)
            if found:
                await tell(found, unit)
        if not found:
            return
        last = found[-1]
        yield len(found)
