"""Tell lists and user groups anew, for a listener whose database is new, lost or set back."""

from collections.abc import Callable
from uuid import UUID

from services.pipeline.handlers.install_defaults import install_defaults
from services.pipeline.handlers.keep_groups import tell_groups
from services.pipeline.handlers.pipeline_lists import PIPELINE_LISTS
from services.pipeline.persistence.groups import count_groups, group_ids
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.store import all_values
from shared.lists.tell import tell_rows

CHUNK = 100

Progress = Callable[[int, int], None]
"""Called with how many groups are told, and of how many."""


async def republish(units: UnitOfWorkFactory, progress: Progress, *, chunk: int = CHUNK) -> None:
    """
    Tell every list value and user group at its present version; removed groups as such.

    Each chunk is a unit of work of its own, so the service may run meanwhile. Twice does no harm.
    """
    async with units() as unit:
        await install_defaults(unit)
        await tell_rows(PIPELINE_LISTS, await all_values(unit.connection), unit)
        total = await count_groups(unit.connection)
    told, last = 0, None
    while ids := await _tell_some(units, last, chunk):
        told, last = told + len(ids), ids[-1]
        progress(told, max(told, total))


async def _tell_some(units: UnitOfWorkFactory, after: UUID | None, limit: int) -> list[UUID]:
    async with units() as unit:
        ids = await group_ids(unit.connection, after=after, limit=limit)
        await tell_groups(ids, unit)
    return list(ids)
