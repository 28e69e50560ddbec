"""Tell lists, user groups and opportunities anew, for a listener whose database is new or lost."""

from services.pipeline.handlers.install_defaults import install_defaults
from services.pipeline.handlers.keep_groups import tell_groups
from services.pipeline.handlers.pipeline_lists import PIPELINE_LISTS
from services.pipeline.handlers.tell_opportunities import tell_opportunities
from services.pipeline.persistence.groups import count_groups, group_ids
from services.pipeline.persistence.opportunities import count_recorded, next_opportunities
from shared.chassis.republishing import Progress, by_chunks
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.store import all_values
from shared.lists.tell import tell_rows

CHUNK = 1000
GROUPS = 100


async def republish(units: UnitOfWorkFactory, progress: Progress, *, chunk: int = CHUNK) -> None:
    """
    Tell every list value, user group and opportunity at its present version.

    Groups that were removed and opportunities that were deleted are told as such. Each chunk is a
    unit of work of its own, so the service may run meanwhile. Twice does no harm.
    """
    async with units() as unit:
        await install_defaults(unit)
        await tell_rows(PIPELINE_LISTS, await all_values(unit.connection), unit)
        total = await count_groups(unit.connection) + await count_recorded(unit.connection)
    told = 0
    for after_these, tell, at_most in (
        (group_ids, tell_groups, min(chunk, GROUPS)),
        (next_opportunities, tell_opportunities, chunk),
    ):
        async for count in by_chunks(units, after_these, tell, at_most):
            told += count
            progress(told, max(told, total))
