"""Routes of the recount of targets, which is a job (LE-A5)."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.activities.api.targets import BoundedDay
from services.activities.handlers.recount_targets import Reflag, recount_step
from shared.chassis.errors import InvalidField
from shared.chassis.http.description import PREFERS
from shared.chassis.http.jobs import JobOutput, begins_job, write_job
from shared.chassis.http.shapes import Input
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, Step, Stepwise, Work
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

RECOUNT = "target-recount"


class RecountInput(Input):
    """What to recount beside days and sums: nothing, or the flags of some days."""

    reflag: bool = Field(
        default=False,
        description="let the activities of these days count as their categories are marked today",
    )
    first_day: BoundedDay | None = Field(default=None, description="needed to reflag")
    last_day: BoundedDay | None = Field(default=None, description="needed to reflag")

    def to_reflag(self) -> Reflag | None:
        """Return whose flags to take over, if any are."""
        if not self.reflag:
            return None
        if self.first_day is None or self.last_day is None:
            field = "first_day" if self.first_day is None else "last_day"
            raise InvalidField(field, "is not said", "Say from which day to which to reflag.")
        if self.last_day < self.first_day:
            raise InvalidField("last_day", "lies before `first_day`", "Send a later day.")
        return Reflag(self.first_day, self.last_day)


class RecountOutput(BaseModel):
    """What a recount looked at, and what it changed."""

    activities: int = Field(description="that were looked at, deleted ones too")
    days_changed: int = Field(description="activities that lie on another day in the present zone")
    flags_changed: int = Field(description="activities that count now, or count no more")
    places_mended: int = Field(
        description="sums of a seller, category and day that did not fit; 0 unless something broke"
    )


def recount_kinds(zone: ZoneInfo) -> Mapping[str, Work]:
    """Return the jobs that recount targets, by kind."""

    async def step(job: Job, unit: UnitOfWork) -> Step:
        reflag = RecountInput.model_validate(job.request).to_reflag()
        return await recount_step(job.position, reflag, unit, zone)

    return {RECOUNT: Stepwise(step, lane=RECOUNT)}


def target_recounts_router(units: UnitOfWorkFactory, jobs: JobRunner) -> APIRouter:
    """Return the route of recounts."""
    router = APIRouter(prefix="/v1/target-recounts", tags=["target-recounts"])

    @router.post(
        "",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(RecountOutput),
        openapi_extra=PREFERS,
    )
    async def recount(request: Request, body: RecountInput) -> Response:
        """Recount targets from activities, after a change of zone or to take over flags."""

        async def ask(unit: UnitOfWork) -> Job:
            body.to_reflag()
            return await jobs.ask(RECOUNT, body.model_dump(mode="json"), unit)

        return await write_job(request, units, jobs, ask)

    return router
