"""The route of what happened against a rule."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.customers.api.history import StatusOutput
from services.customers.persistence.projects import fetch_violations
from shared.chassis.http.paging import Cursor, Limit, Page, page_of, read_cursor
from shared.chassis.unit_of_work import UnitOfWorkFactory


class ProjectOutput(BaseModel):
    """The project that the customer was picked for, as the ERP told it last."""

    source: str
    ref: str
    name: str
    active: bool


class RuleViolationOutput(BaseModel):
    """A customer that was picked against a rule; what the rule says now changes nothing of it."""

    customer_id: UUID
    purpose: str = Field(examples=["project"])
    rule: str = Field(examples=["selectable_in_project"])
    status: StatusOutput | None = Field(description="that forbade it, as it was called then")
    project: ProjectOutput
    event_id: str = Field(description="`id` of the event of the project's source")
    said_at: datetime = Field(description="`time` of the event; without it, when it came")
    recorded_at: datetime


def violations_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the route of rule violations."""
    router = APIRouter(prefix="/v1", tags=["history"])

    @router.get("/rule-violations")
    async def rule_violations(
        customer_id: UUID | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[RuleViolationOutput]:
        """Show which customers were picked against a rule, the newest first."""
        key = read_cursor(cursor, int)
        async with units.engine.connect() as connection:
            rows = await fetch_violations(
                connection,
                customer_id,
                before=None if key is None else int(key[0]),
                limit=limit + 1,
            )
        page = page_of(rows, limit, lambda row: (row.violation_id,))
        return Page(
            items=[
                RuleViolationOutput(
                    customer_id=row.customer_id,
                    purpose=row.purpose,
                    rule=row.rule,
                    status=None
                    if row.status_number is None
                    else StatusOutput(number=row.status_number, title=row.status_title),
                    project=ProjectOutput(
                        source=row.source,
                        ref=row.project_ref,
                        name=row.project_name,
                        active=row.project_active,
                    ),
                    event_id=row.event_id,
                    said_at=row.said_at,
                    recorded_at=row.recorded_at,
                )
                for row in page.items
            ],
            next=page.next,
        )

    return router
