"""Note when something was last done about an opportunity; what was quiet no longer is."""

from datetime import datetime
from uuid import UUID

from services.pipeline.persistence.staleness import note_activities
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.activities import ActivitySaved


async def on_activity_saved(batch: Batch[ActivitySaved], uow: UnitOfWork) -> None:
    """Note done activities that name an opportunity; an earlier one changes nothing."""
    last: dict[UUID, datetime] = {}
    for message in batch:
        data = message.data
        if data.opportunity_id is not None and data.state == "done":
            last[data.opportunity_id] = max(
                data.starts_at, last.get(data.opportunity_id, data.starts_at)
            )
    if last:
        await note_activities(uow.connection, last)
