"""Tell of activities as they now stand, to listeners and to whoever watches a seller's view."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.activities.domain.events import ActivityDeleted, ActivitySaved
from services.activities.persistence.activities import fetch_activities
from shared.chassis.unit_of_work import UnitOfWork


async def tell_activities(activity_ids: Collection[UUID], uow: UnitOfWork) -> dict[UUID, Row[Any]]:
    """Record these activities as they now stand; return their rows by id."""
    rows = await fetch_activities(uow.connection, activity_ids)
    uow.record_all(activity_told(row) for row in rows.values())
    return rows


def activity_told(row: Row[Any]) -> ActivitySaved | ActivityDeleted:
    """Return what the public is to know of an activity: its state, or that it is deleted."""
    if row.deleted_at is not None:
        return ActivityDeleted(row.activity_id, row.version)
    return ActivitySaved(
        activity_id=row.activity_id,
        version=row.version,
        customer_id=row.customer_id,
        contacts=tuple(row.contacts),
        opportunity_id=row.opportunity_id,
        follows=row.follows,
        category=row.category_number,
        kind=row.kind_number,
        type=row.type_number,
        attributes=tuple(row.attribute_numbers),
        seller=row.seller,
        participants=tuple(row.participants),
        state=row.state,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        due_at=row.due_at,
        channel=row.channel,
        direction=row.direction,
        subject=row.subject,
        counts_to_target=row.counts_to_target,
    )
