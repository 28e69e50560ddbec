"""Delete activities softly and bring them back; targets are recounted (LE-A4)."""

from uuid import UUID

from services.activities.handlers.keep_tally import keep_tally
from services.activities.handlers.live import known_activity, locked_activity
from services.activities.handlers.tell_activities import tell_activities
from services.activities.persistence import activities as store
from shared.chassis.errors import check_version
from shared.chassis.unit_of_work import UnitOfWork


async def delete_activity(activity_id: UUID, uow: UnitOfWork, *, expected: int) -> int:
    """Delete an activity that is still at the expected version; return its new version."""
    present = await locked_activity(activity_id, expected, uow)
    await store.set_deleted(uow.connection, [activity_id], deleted=True, now=uow.now)
    after = await tell_activities([activity_id], uow)
    await keep_tally([present], [], uow)
    return int(after[activity_id].version)


async def restore_activity(activity_id: UUID, uow: UnitOfWork, *, expected: int) -> None:
    """Bring a deleted activity back as it was; one that is live stays as it is."""
    await store.keep_categories(uow.connection, [activity_id])
    rows = await store.fetch_activities(uow.connection, [activity_id], lock=True)
    row = known_activity(rows, activity_id)
    check_version("activity", row.version, expected)
    if row.deleted_at is None:
        return
    await store.set_deleted(uow.connection, [activity_id], deleted=False, now=uow.now)
    after = await tell_activities([activity_id], uow)
    await keep_tally([], after.values(), uow)
