"""Record and change activities (LE-01, LE-02, LE-15 to LE-20, LE-A2, LE-A3, LE-A7)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.activities.handlers.keep_tally import keep_tally
from services.activities.handlers.live import locked_activity
from services.activities.handlers.plan_activity import SaveActivity, planner
from services.activities.handlers.tell_activities import tell_activities
from services.activities.persistence import activities as store
from shared.chassis.unit_of_work import UnitOfWork


async def record_activity(command: SaveActivity, uow: UnitOfWork, zone: ZoneInfo) -> UUID:
    """Record an activity; return its id. Raises the refusal that names the field."""
    plan = await planner([command], uow, zone)
    return (await store_activities([plan.new(command)], uow))[0]


async def store_activities(rows: Sequence[Mapping[str, Any]], uow: UnitOfWork) -> list[UUID]:
    """Store new activities as they were planned, count them and tell of them; return their ids."""
    ids = [row["activity_id"] for row in rows]
    await store.insert_activities(uow.connection, rows, now=uow.now)
    after = await tell_activities(ids, uow)
    await keep_tally([], after.values(), uow)
    return ids


async def change_activity(
    activity_id: UUID, command: SaveActivity, uow: UnitOfWork, zone: ZoneInfo, *, expected: int
) -> None:
    """Replace what a live activity says, if it is still at the expected version."""
    # What is named is kept before the activity is locked, in the order in which all do.
    plan = await planner([command], uow, zone)
    present = await locked_activity(activity_id, expected, uow)
    if command.starts_at is None:
        command = replace(command, starts_at=present.starts_at)
    await store.update_activities(uow.connection, [plan.changed(command, present)], now=uow.now)
    after = await tell_activities([activity_id], uow)
    await keep_tally([present], after.values(), uow)
