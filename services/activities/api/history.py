"""Routes of what changed of activities and of the values of their lists."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.handlers.activity_lists import ACTIVITY_LISTS
from services.activities.handlers.live import known_activity
from services.activities.handlers.read_history import own_fields
from services.activities.persistence.activities import fetch_activities
from shared.chassis.http.paging import Cursor, Limit, Page
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.history.api import Histories, HistoryChange, HistoryEntry


class ActivityChange(HistoryChange):
    """One field before and after. Values of lists are shown by list, number and title; customer and
    contacts by name.
    """


class ActivityEntry(HistoryEntry):
    """One change: who (null: not known, or Suhde itself), when, and what of which field."""

    what: Literal["created", "changed", "deleted", "restored"]
    changes: list[ActivityChange]


def history_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes of histories."""
    router = APIRouter(prefix="/v1", tags=["history"])
    histories = Histories(units, ActivityEntry, own_fields)
    histories.add_values_of(ACTIVITY_LISTS, router)

    @router.get("/activities/{activity_id}/history")
    async def of_activity(
        activity_id: UUID, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[ActivityEntry]:
        """Show what changed of an activity, the newest first; of a deleted one, who deleted it."""

        async def find(connection: AsyncConnection) -> tuple[UUID, datetime]:
            rows = await fetch_activities(connection, [activity_id])
            return activity_id, known_activity(rows, activity_id).created_at

        return await histories.page("activity", find, cursor, limit)

    return router
