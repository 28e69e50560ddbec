"""Routes of what changed of opportunities."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.handlers.live import known_opportunity
from services.pipeline.handlers.read_history import own_fields
from services.pipeline.persistence.opportunities import fetch_opportunities
from shared.chassis.http.paging import Cursor, Limit, Page
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.history.api import Histories, HistoryChange, HistoryEntry


class OpportunityChange(HistoryChange):
    """One field before and after. Values of lists are shown by list, number and title; customer and
    contacts by name.
    """


class OpportunityEntry(HistoryEntry):
    """One change: who (null: not known, or Suhde itself), when, and what of which field."""

    what: Literal["created", "changed", "deleted", "restored"]
    changes: list[OpportunityChange]


def opportunity_history_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the route of the histories of opportunities."""
    router = APIRouter(prefix="/v1", tags=["opportunities"])
    histories = Histories(units, OpportunityEntry, own_fields)

    @router.get("/opportunities/{opportunity_id}/history")
    async def of_opportunity(
        opportunity_id: UUID, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[OpportunityEntry]:
        """Show what changed of an opportunity, the newest first; of a deleted one, who did it."""

        async def find(connection: AsyncConnection) -> tuple[UUID, datetime]:
            rows = await fetch_opportunities(connection, [opportunity_id])
            return opportunity_id, known_opportunity(rows, opportunity_id).created_at

        return await histories.page("opportunity", find, cursor, limit)

    return router
