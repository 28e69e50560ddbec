"""The route of the recount of forecasts, which is a job."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.pipeline.handlers.recount_forecasts import recount_forecasts
from shared.chassis.http.description import PREFERS
from shared.chassis.http.jobs import JobOutput, begins_job, write_job
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, Progress, Whole, Work
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

RECOUNT = "forecast-recount"


class ForecastRecountOutput(BaseModel):
    """What a recount mended; nothing unless something broke."""

    forecast_share: int = Field(description="sums of a seller that did not fit")
    forecast_shared: int = Field(description="numbers of shared ones that did not fit")


def recount_kinds() -> Mapping[str, Work]:
    """Return the job that recounts forecasts, by kind."""

    async def run(job: Job, unit: UnitOfWork, progress: Progress) -> Mapping[str, int]:
        return await recount_forecasts(unit.connection)

    # One after another: two would add the same difference twice.
    return {RECOUNT: Whole(run, lane=RECOUNT)}


def forecast_recounts_router(units: UnitOfWorkFactory, jobs: JobRunner) -> APIRouter:
    """Return the route of recounts."""
    router = APIRouter(prefix="/v1/forecast-recounts", tags=["forecast-recounts"])

    @router.post(
        "",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(ForecastRecountOutput),
        openapi_extra=PREFERS,
    )
    async def recount(request: Request) -> Response:
        """Compare what forecasts read with the opportunities, and mend what does not fit."""

        async def ask(unit: UnitOfWork) -> Job:
            return await jobs.ask(RECOUNT, {}, unit)

        return await write_job(request, units, jobs, ask)

    return router
