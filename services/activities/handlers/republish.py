"""Tell lists and activities anew, for a listener whose database is new, lost or set back."""

from services.activities.handlers.activity_lists import ACTIVITY_LISTS
from services.activities.handlers.install_defaults import install_defaults
from services.activities.handlers.tell_activities import tell_activities
from services.activities.persistence.activities import count_recorded, next_activities
from shared.chassis.republishing import Progress, by_chunks
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.store import all_values
from shared.lists.tell import tell_rows

CHUNK = 1000


async def republish(units: UnitOfWorkFactory, progress: Progress, *, chunk: int = CHUNK) -> None:
    """
    Tell every list value and activity at its present version; deleted activities as such.

    Each chunk is a unit of work of its own, so the service may run meanwhile. Twice does no harm.
    """
    async with units() as unit:
        await install_defaults(unit)
        await tell_rows(ACTIVITY_LISTS, await all_values(unit.connection), unit)
        total = await count_recorded(unit.connection)
    told = 0
    async for count in by_chunks(units, next_activities, tell_activities, chunk):
        told += count
        progress(told, max(told, total))
