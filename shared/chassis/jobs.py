"""Jobs: work that outlives the request that asked for it (TS-19 to TS-21).

A job is asked for within the transaction of a request and done by a runner of any replica. Its end
is written in the transaction of its work, so that what it does is done once, whoever is killed and
whenever. Work is either whole, one transaction that is there or not, or made of steps, each a
transaction that also moves the job's position: what is done stays done, and the rest goes on.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.errors import Kind, Refusal
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

MOST_OPEN = 1000

OUTDATED_JOBS = """
    DELETE FROM job WHERE job_id IN (
        SELECT job_id FROM job WHERE ended_at < :before ORDER BY ended_at LIMIT :chunk)
"""
"""Removes jobs that ended before a moment, for the housekeeper."""


class State(StrEnum):
    """Where a job stands; the last three are its ends."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDS = (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work that was asked for, and what became of it."""

    job_id: UUID
    kind: str
    request: Mapping[str, Any]
    actor: str | None
    correlation_id: str | None
    state: State
    done: int
    total: int | None
    position: Any
    result: Mapping[str, Any] | None
    problem: Mapping[str, Any] | None
    cancel_asked: bool
    attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing will become of it any more."""
        return self.ended_at is not None


class JobStopped(Exception):
    """Somebody asked to cancel the job; raised where work reports, to undo its transaction."""


class Progress:
    """How far a job has come. Whoever works reports it here, as often as he likes."""

    def __init__(self, done: int = 0, total: int | None = None) -> None:
        self.done = done
        self.total = total
        self.cancelled = False

    def report(self, done: int, total: int | None = None) -> None:
        """Tell how much is done, of how much if that is known; raise if the job is cancelled."""
        self.done = done
        self.total = self.total if total is None else total
        if self.cancelled:
            raise JobStopped


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: where the next begins, how far it came; with a result it was the last."""

    position: Any
    done: int
    total: int | None = None
    result: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """Work of one transaction. Jobs of one lane are done one after another, in every replica."""

    run: Callable[[Job, UnitOfWork, Progress], Awaitable[Mapping[str, Any]]]
    lane: str | None = None


@dataclass(frozen=True, slots=True)
class Stepwise:
    """Work of many transactions, each from the position where the one before ended."""

    step: Callable[[Job, UnitOfWork], Awaitable[Step]]
    lane: str | None = None


Work = Whole | Stepwise


class JobNotFound(Refusal):
    """There is no such job."""

    kind = Kind.NOT_FOUND
    slug = "job_not_found"
    remedy = "List the jobs: GET /v1/jobs. Ended ones go after the retention."


class JobEnded(Refusal):
    """What has ended cannot be cancelled."""

    kind = Kind.CONFLICT
    slug = "job_ended"
    remedy = "Undo what it did instead: POST /v1/operations/{id}/undo, with the id of the job."


class TooManyJobs(Refusal):
    """More jobs wait than a service takes."""

    kind = Kind.UNAVAILABLE
    slug = "too_many_jobs"
    remedy = "Wait until some have ended (GET /v1/jobs?state=waiting), or cancel those not needed."


async def insert_job(
    kind: str, lane: str | None, request: Mapping[str, Any], uow: UnitOfWork
) -> Job:
    """Ask for work in the name of who acts in this unit; it begins after the commit."""
    open_jobs = await uow.connection.execute(_COUNT_OPEN, {"limit": MOST_OPEN})
    if open_jobs.scalar_one() >= MOST_OPEN:
        raise TooManyJobs(f"{MOST_OPEN} jobs are waiting or running.")
    result = await uow.connection.execute(
        _INSERT,
        {
            "id": new_id(),
            "kind": kind,
            "lane": lane,
            "request": json.dumps(request),
            "actor": uow.actor,
            "correlation_id": uow.correlation_id,
            "now": uow.now,
        },
    )
    return job_of(result.one())


async def find_job(connection: AsyncConnection, job_id: UUID) -> Job | None:
    """Return a job, or None."""
    row = (await connection.execute(_FIND, {"id": job_id})).one_or_none()
    return None if row is None else job_of(row)


async def find_jobs(connection: AsyncConnection, job_ids: Collection[UUID]) -> dict[UUID, Job]:
    """Return those of these jobs that are still known, by id."""
    result = await connection.execute(_FIND_MANY, {"ids": list(job_ids)})
    return {row.job_id: job_of(row) for row in result}


async def list_jobs(
    connection: AsyncConnection, *, state: State | None, before: UUID | None, limit: int
) -> Sequence[Job]:
    """Return jobs, the newest first."""
    result = await connection.execute(_LIST, {"state": state, "before": before, "limit": limit})
    return [job_of(row) for row in result]


async def cancel_job(job_id: UUID, uow: UnitOfWork) -> Job:
    """End a waiting job; ask a running one to stop, which it does at its next step or chunk."""
    row = (await uow.connection.execute(_CANCEL, {"id": job_id, "now": uow.now})).one_or_none()
    if row is not None:
        return job_of(row)
    job = await find_job(uow.connection, job_id)
    if job is None:
        raise JobNotFound(f"There is no job {job_id}.")
    raise JobEnded(f"The job has ended: it is {job.state}.")


def job_of(row: Row[Any]) -> Job:
    """Return a row of jobs as a job."""
    return Job(**{**row._mapping, "state": State(row.state)})


COLUMNS = """job_id, kind, request, actor, correlation_id, state, done, total, position, result,
             problem, cancel_asked, attempts, created_at, started_at, ended_at"""
_COUNT_OPEN = text(
    "SELECT count(*) FROM (SELECT 1 FROM job WHERE ended_at IS NULL LIMIT :limit) AS open"
)
_INSERT = text(
    f"""
    INSERT INTO job (job_id, kind, lane, request, actor, correlation_id, state, available_at,
                     created_at)
    VALUES (:id, :kind, :lane, CAST(:request AS jsonb), :actor, :correlation_id, 'waiting',
            clock_timestamp(), :now)
    RETURNING {COLUMNS}
    """
)
_FIND = text(f"SELECT {COLUMNS} FROM job WHERE job_id = :id")
_FIND_MANY = text(f"SELECT {COLUMNS} FROM job WHERE job_id = ANY(CAST(:ids AS uuid[]))")
_LIST = text(
    f"""
    SELECT {COLUMNS} FROM job
    WHERE (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
      AND (CAST(:before AS uuid) IS NULL OR job_id < CAST(:before AS uuid))
    ORDER BY job_id DESC LIMIT :limit
    """
)
_CANCEL = text(
    f"""
    UPDATE job SET cancel_asked = true,
                   state = CASE WHEN state = 'waiting' THEN 'cancelled' ELSE state END,
                   ended_at = CASE WHEN state = 'waiting' THEN CAST(:now AS timestamptz) END
    WHERE job_id = :id AND ended_at IS NULL
    RETURNING {COLUMNS}
    """
)
