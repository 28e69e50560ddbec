"""Delete opportunities softly and bring them back.

The process is kept first, as by all who change what forecasts sum up: whoever lets those on a stage
follow it changes the same sums, in several statements.
"""

from uuid import UUID

from services.pipeline.handlers.live import known_opportunity, locked_opportunity
from services.pipeline.handlers.tell_opportunities import tell_opportunities
from services.pipeline.persistence import opportunities as store
from services.pipeline.persistence.stages import keep_values
from shared.chassis.errors import check_version
from shared.chassis.unit_of_work import UnitOfWork


async def delete_opportunity(opportunity_id: UUID, uow: UnitOfWork, *, expected: int) -> None:
    """Delete an opportunity that is still at the expected version."""
    await keep_values(uow.connection)
    await locked_opportunity(opportunity_id, expected, uow)
    await store.set_deleted(uow.connection, [opportunity_id], deleted=True, now=uow.now)
    await tell_opportunities([opportunity_id], uow)


async def restore_opportunity(opportunity_id: UUID, uow: UnitOfWork, *, expected: int) -> None:
    """Bring a deleted opportunity back as it was; one that is live stays as it is."""
    await keep_values(uow.connection)
    rows = await store.fetch_opportunities(uow.connection, [opportunity_id], lock=True)
    row = known_opportunity(rows, opportunity_id)
    check_version("opportunity", row.version, expected)
    if row.deleted_at is None:
        return
    await store.set_deleted(uow.connection, [opportunity_id], deleted=False, now=uow.now)
    await tell_opportunities([opportunity_id], uow)
