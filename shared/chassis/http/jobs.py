"""Jobs over HTTP: asked for with 202, waited for with Prefer, shown, watched, cancelled."""

import heapq
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from shared.chassis.errors import Kind, Refusal
from shared.chassis.http.description import may_refuse, sends
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, problem_response
from shared.chassis.http.writes import Answer, write
from shared.chassis.job_runner import JobRunner, TooManyWatchers
from shared.chassis.jobs import (
    ENDS,
    Job,
    JobEnded,
    JobNotFound,
    State,
    cancel_job,
    find_job,
    list_jobs,
)
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

LONGEST_WAIT_SECONDS = 30
WATCHED_SECONDS = 300.0
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)


_EVENT = {
    "type": "object",
    "description": "One event: progress, or the end of the job.",
    "properties": {
        "event": {"enum": ["progress", *(str(one) for one in ENDS)]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobOutput"},
        },
    },
    "required": ["event", "data"],
}


class JobCancelled(Refusal):
    """Somebody cancelled the job while it was waited for."""

    kind = Kind.CONFLICT
    slug = "job_cancelled"
    remedy = "Ask for it anew if it is still wanted."


class JobOutput(BaseModel):
    """Work that goes on after the answer; its id is that of the operation it does."""

    job_id: UUID
    kind: str
    request: dict[str, Any] = Field(description="what was asked for")
    actor: str | None
    state: State
    done: int
    total: int | None = Field(description="how much there is to do, once that is known")
    cancel_asked: bool
    attempts: int = Field(description="how often it was begun")
    result: dict[str, Any] | None = Field(description="the outcome, when it is done")
    problem: dict[str, Any] | None = Field(description="why it failed, as a problem document")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


def begins_job(outcome: Any, *refusals: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """Return `responses` of a route that uses `write_job`: its outcome, what it may refuse."""
    waited = sends("Preference-Applied", Location="Job-Location")
    return {
        200: {"model": outcome, **waited},
        202: sends("Location"),
        **may_refuse(JobCancelled, *refusals),
    }


def job_output(job: Job) -> JobOutput:
    """Return a job as it is shown."""
    return JobOutput.model_validate(job, from_attributes=True)


def job_answer(job: Job) -> Answer:
    """Return the answer to a request that began a job."""
    return Answer(job_output(job), status=202, headers={"Location": f"/v1/jobs/{job.job_id}"})


def preferred_wait(request: Request) -> int | None:
    """Return how many seconds the caller would rather wait for the outcome (RFC 7240)."""
    found = _WAIT.search(",".join(request.headers.getlist("prefer")))
    return None if found is None else min(int(found[1]), LONGEST_WAIT_SECONDS)


async def write_job(
    request: Request,
    units: UnitOfWorkFactory,
    runner: JobRunner,
    work: Callable[[UnitOfWork], Awaitable[Job]],
) -> Response:
    """
    Ask for a job, once per Idempotency-Key, and answer 202 with it.

    Who prefers to wait gets the outcome with 200, or what it failed of, if it ends in time.
    """

    async def asked(unit: UnitOfWork) -> Answer:
        return job_answer(await work(unit))

    response = await write(request, units, asked)
    seconds = preferred_wait(request)
    if seconds is None:
        return response
    job_id = UUID(json.loads(bytes(response.body))["job_id"])
    job: Job | None = None
    try:
        async with aclosing(runner.watch(job_id, seconds=seconds)) as changes:
            async for changed in changes:
                job = changed
    except TooManyWatchers:
        return response
    if job is None or not job.has_ended:
        return response
    return _outcome(job, seconds)


def _outcome(job: Job, seconds: int) -> Response:
    if job.state is State.DONE:
        headers = {"Location": f"/v1/jobs/{job.job_id}", "Preference-Applied": f"wait={seconds}"}
        return JSONResponse(job.result, headers=headers)
    if job.problem is None:
        return problem_response(JobCancelled("The job was cancelled.", facts=_facts(job)))
    body = {**job.problem, **_facts(job)}
    status = int(body["status"])
    again = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=again)


def _facts(job: Job) -> dict[str, object]:
    return {"job_id": str(job.job_id)}


def jobs_router(services: Sequence[Service]) -> APIRouter:
    """Return the routes of the jobs of all services of a process; ids tell them apart."""
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
    having: Mapping[JobRunner, Service] = {
        service.jobs: service for service in services if service.jobs is not None
    }

    async def found(job_id: UUID) -> tuple[JobRunner, Service, Job]:
        for runner, service in having.items():
            async with service.engine.connect() as connection:
                job = await find_job(connection, job_id)
            if job is not None:
                return runner, service, job
        raise JobNotFound(f"There is no job {job_id}.")

    @router.get("")
    async def show_all(
        state: Annotated[State | None, Query(description="only these")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[JobOutput]:
        """List jobs, the newest first."""
        before = cursor_id(cursor)
        lists = []
        for service in having.values():
            async with service.engine.connect() as connection:
                lists.append(
                    await list_jobs(connection, state=state, before=before, limit=limit + 1)
                )
        newest = heapq.merge(*lists, key=lambda job: job.job_id, reverse=True)
        items = [job_output(job) for _, job in zip(range(limit + 1), newest, strict=False)]
        return page_of(items, limit, lambda one: (str(one.job_id),))

    @router.get("/{job_id}")
    async def show(job_id: UUID) -> JobOutput:
        """Show a job: how far it is, and in the end its outcome or what it failed of."""
        return job_output((await found(job_id))[2])

    @router.post(
        "/{job_id}/cancel",
        response_model=JobOutput,
        responses={202: {"model": JobOutput}, **may_refuse(JobEnded)},
    )
    async def cancel(request: Request, job_id: UUID) -> Response:
        """Cancel a waiting job (200), or ask a running one to stop at its next step (202)."""
        service = (await found(job_id))[1]

        async def work(unit: UnitOfWork) -> Answer:
            job = await cancel_job(job_id, unit)
            return Answer(job_output(job), status=200 if job.has_ended else 202)

        return await write(request, service.units, work)

    @router.get(
        "/{job_id}/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": _EVENT}}}},
    )
    async def events(job_id: UUID) -> StreamingResponse:
        """
        Stream progress as server-sent events, the last one named after the end of the job.

        A stream ends after five minutes at the latest; whoever listens connects again.
        """
        runner, _, _ = await found(job_id)
        changes = runner.watch(job_id, seconds=WATCHED_SECONDS)
        # The first one is taken before the answer begins: a refusal is then still an answer.
        first = await anext(changes)
        return StreamingResponse(
            _events(first, changes),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return router


async def _events(first: Job, changes: AsyncGenerator[Job]) -> AsyncIterator[str]:
    async with aclosing(changes):
        yield _event(first)
        async for job in changes:
            yield _event(job)


def _event(job: Job) -> str:
    name = job.state if job.has_ended else "progress"
    return f"event: {name}\ndata: {job_output(job).model_dump_json()}\n\n"
