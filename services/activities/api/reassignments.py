"""Route that gives the activities of one seller to another: rehearsed, or done as a job."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.activities.api.shapes import EARLIEST, LATEST, SellerKey
from services.activities.domain.reassignment import Reassignment
from services.activities.handlers.reassign_activities import (
    reassignment_step,
    rehearse_reassignment,
)
from shared.chassis.http.description import PREFERS
from shared.chassis.http.jobs import JobOutput, begins_job, write_job
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, write
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, Stepwise, Work
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

REASSIGNMENT = "activity-reassignment"

Day = Annotated[date, Field(ge=EARLIEST, le=LATEST)]


class ReassignmentInput(Input):
    """All open activities of one seller go to another; done ones too, of the days named."""

    from_seller: SellerKey
    to_seller: Annotated[SellerKey, Field(examples=["ville.s"])]
    done_since: Annotated[Day | None, Field(description="done ones too, from this day on")] = None
    done_until: Annotated[Day | None, Field(description="done ones too, up to this day")] = None

    def to_domain(self) -> Reassignment:
        """Return what is asked for; refuse what cannot be, by field."""
        return Reassignment(self.from_seller, self.to_seller, self.done_since, self.done_until)


class ReassignmentOutput(BaseModel):
    """How many activities went to the other seller, or would go (`dry_run`)."""

    dry_run: bool = False
    open: int
    done: int
    left_out: int = Field(description="on days after the last day of the other seller")


def reassignment_kinds(zone: ZoneInfo) -> Mapping[str, Work]:
    """Return the job that gives activities away, by its kind; one is done after another."""

    def read(request: Mapping[str, Any]) -> Reassignment:
        return ReassignmentInput.model_validate(request).to_domain()

    return {REASSIGNMENT: Stepwise(reassignment_step(zone, read), lane=REASSIGNMENT)}


def reassignments_router(units: UnitOfWorkFactory, zone: ZoneInfo, jobs: JobRunner) -> APIRouter:
    """Return the route of reassignments."""
    router = APIRouter(prefix="/v1/activity-reassignments", tags=["activities"])

    @router.post(
        "",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(ReassignmentOutput),
        openapi_extra=PREFERS,
    )
    async def reassign(
        request: Request,
        body: ReassignmentInput,
        dry_run: Annotated[bool, Query(description="only tell what would go, now")] = False,
    ) -> Response:
        """Give the activities of one seller to another; targets are recounted (LE-A4)."""
        wanted = body.to_domain()

        async def rehearse(unit: UnitOfWork) -> Answer:
            found = await rehearse_reassignment(wanted, unit, zone)
            return Answer(ReassignmentOutput(dry_run=True, **asdict(found)))

        async def ask(unit: UnitOfWork) -> Job:
            await rehearse_reassignment(wanted, unit, zone)
            return await jobs.ask(REASSIGNMENT, body.model_dump(mode="json"), unit)

        if dry_run:
            return await write(request, units, rehearse)
        return await write_job(request, units, jobs, ask)

    return router
