"""Find activities that are there: known, and not deleted."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.activities.persistence.activities import fetch_activities
from shared.chassis.errors import Kind, Refusal, check_version
from shared.chassis.unit_of_work import UnitOfWork


class ActivityNotFound(Refusal):
    """There is no such activity, or it is deleted."""

    kind = Kind.NOT_FOUND
    slug = "activity_not_found"
    remedy = "Find its id: GET /v1/activities."


def known_activity(rows: Mapping[UUID, Row[Any]], activity_id: UUID) -> Row[Any]:
    """Return the row of an activity, even of a deleted one; refuse an unknown one."""
    if activity_id not in rows:
        raise ActivityNotFound(f"There is no activity {activity_id}.")
    return rows[activity_id]


def live_activity(rows: Mapping[UUID, Row[Any]], activity_id: UUID) -> Row[Any]:
    """Return the row of an activity; refuse an unknown one, and a deleted one with the way back."""
    row = known_activity(rows, activity_id)
    if row.deleted_at is not None:
        raise ActivityNotFound(
            f"Activity {activity_id} is deleted.",
            remedy=f"Restore it: POST /v1/activities/{activity_id}/restore.",
        )
    return row


async def locked_activity(activity_id: UUID, expected: int, uow: UnitOfWork) -> Row[Any]:
    """Lock a live activity that is still at the expected version, and return it."""
    rows = await fetch_activities(uow.connection, [activity_id], lock=True)
    row = live_activity(rows, activity_id)
    check_version("activity", row.version, expected)
    return row
