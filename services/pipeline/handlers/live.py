"""Find opportunities that are there: known, and not deleted."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.pipeline.persistence.opportunities import fetch_opportunities
from shared.chassis.errors import Kind, Refusal, check_version
from shared.chassis.unit_of_work import UnitOfWork


class OpportunityNotFound(Refusal):
    """There is no such opportunity, or it is deleted."""

    kind = Kind.NOT_FOUND
    slug = "opportunity_not_found"
    remedy = "Find its id: GET /v1/opportunities."


def known_opportunity(rows: Mapping[UUID, Row[Any]], opportunity_id: UUID) -> Row[Any]:
    """Return the row of an opportunity, even of a deleted one; refuse an unknown one."""
    if opportunity_id not in rows:
        raise OpportunityNotFound(f"There is no opportunity {opportunity_id}.")
    return rows[opportunity_id]


def live_opportunity(rows: Mapping[UUID, Row[Any]], opportunity_id: UUID) -> Row[Any]:
    """Return the row of an opportunity; refuse an unknown one, a deleted one with the way back."""
    row = known_opportunity(rows, opportunity_id)
    if row.deleted_at is not None:
        raise OpportunityNotFound(
            f"Opportunity {opportunity_id} is deleted.",
            remedy=f"Restore it: POST /v1/opportunities/{opportunity_id}/restore.",
        )
    return row


async def locked_opportunity(opportunity_id: UUID, expected: int, uow: UnitOfWork) -> Row[Any]:
    """Lock a live opportunity that is still at the expected version, and return it."""
    rows = await fetch_opportunities(uow.connection, [opportunity_id], lock=True)
    row = live_opportunity(rows, opportunity_id)
    check_version("opportunity", row.version, expected)
    return row
