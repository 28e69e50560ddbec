"""The runner: does a service's jobs, in as many replicas as there are.

A job is claimed with a lease, which is renewed over a connection of its own while the work's
transaction is open; the same connection shows the progress and hears of a cancellation. Who lost
his lease can end nothing: the end asks for it, in the transaction of the work. A runner that is
killed leaves the lease to run out, one that is stopped hands the job back at once.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.crash_points import crash_point
from shared.chassis.database import is_transient
from shared.chassis.errors import Kind, Refusal
from shared.chassis.http.problems import problem_body
from shared.chassis.jobs import (
    COLUMNS,
    Job,
    JobNotFound,
    JobStopped,
    Progress,
    State,
    Stepwise,
    Whole,
    Work,
    find_job,
    insert_job,
    job_of,
)
from shared.chassis.logs import get_logger
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

LEASE_SECONDS = 15.0
SLOTS = 2
MOST_ATTEMPTS = 5
IDLE_SECONDS = 1.0
FAILURE_SECONDS = 0.5
SHOWN_EVERY_SECONDS = 0.25
BEAT_SECONDS = 1.0
HAND_BACK_SECONDS = 3.0
MOST_WATCHERS = 100
WATCH_SECONDS = 0.25
# Between caller and us there may be proxies that end what says nothing.
ALIVE_SECONDS = 15.0

log = get_logger(__name__)


class JobInterrupted(Refusal):
    """The work was begun several times and never came to an end."""

    kind = Kind.UNAVAILABLE
    slug = "job_interrupted"
    remedy = "See in the log why it was interrupted, and ask for it again; nothing is half done."


class JobBroken(Refusal):
    """A fault of ours ended the job."""

    kind = Kind.UNAVAILABLE
    slug = "job_broken"
    remedy = "Report the id of the job to the operator: the log tells more."


class TooManyWatchers(Refusal):
    """More callers wait for jobs than a process serves."""

    kind = Kind.UNAVAILABLE
    slug = "too_many_watchers"
    remedy = "Ask now and then instead: GET /v1/jobs/{id}."


class _LeaseLost(Exception):
    """Another runner has the job, or it was cancelled."""


class _Kept(Progress):
    """Progress as its keeper sees it."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.done, job.total)
        self.shown = (job.done, job.total)
        self.lost = False
        self._showing = asyncio.Lock()
        self._closed = False

    async def close(self) -> None:
        """Let nothing be shown any more, or showing would wait for the end that is written."""
        async with self._showing:
            self._closed = True

    async def beat(self, engine: AsyncEngine, values: Mapping[str, Any]) -> None:
        """Renew the lease, show what is done, hear whether the job is cancelled."""
        async with self._showing:
            if self._closed:
                return
            shown = (self.done, self.total)
            async with engine.begin() as connection:
                result = await connection.execute(
                    _BEAT, {**values, "done": self.done, "total": self.total}
                )
                row = result.one_or_none()
            self.shown = shown
            self.lost = row is None
            self.cancelled = row is not None and row.cancel_asked


class JobRunner:
    """Takes the jobs of one service, does them, and lets others watch."""

    def __init__(
        self,
        engine: AsyncEngine,
        units: UnitOfWorkFactory,
        kinds: Mapping[str, Work],
        *,
        slots: int = SLOTS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        # A pool of its own, two connections for each slot: no job takes one from the requests.
        self._engine = engine
        self._units = units.on(engine)
        self._asked = units.engine
        self._kinds = kinds
        self._slots = slots
        self._lease_seconds = lease_seconds
        self._wake = asyncio.Event()
        self._watchers = 0

    async def ask(self, kind: str, request: Mapping[str, Any], uow: UnitOfWork) -> Job:
        """Ask for a job within the transaction of a request; it begins after the commit."""
        job = await insert_job(kind, self._kinds[kind].lane, request, uow)
        uow.when_committed(self._wake.set)
        return job

    async def watch(self, job_id: UUID, *, seconds: float) -> AsyncGenerator[Job]:
        """Yield the job when it has changed, and now and then, until it ends or time is over."""
        if self._watchers >= MOST_WATCHERS:
            raise TooManyWatchers(f"{MOST_WATCHERS} callers wait for jobs already.")
        self._watchers += 1
        try:
            clock = asyncio.get_running_loop().time
            deadline, shown_at = clock() + seconds, 0.0
            shown: Job | None = None
            pause = 0.01
            while True:
                async with self._asked.connect() as connection:
                    job = await find_job(connection, job_id)
                if job is None:
                    raise JobNotFound(f"There is no job {job_id}.")
                if job != shown or clock() - shown_at > ALIVE_SECONDS:
                    shown, shown_at = job, clock()
                    yield job
                if job.has_ended or clock() >= deadline:
                    return
                await asyncio.sleep(min(pause, max(deadline - clock(), 0.0)))
                pause = min(pause * 2, WATCH_SECONDS)
        finally:
            self._watchers -= 1

    async def run(self) -> None:
        """Do jobs until cancelled; then what is running is undone and handed back."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._slots):
                group.create_task(self._slot())

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    async def _slot(self) -> None:
        while True:
            self._wake.clear()
            try:
                worked = await self.work_once()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("jobs_interrupted", error=repr(error)[:300])
                await asyncio.sleep(FAILURE_SECONDS)
                continue
            if not worked:
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self._wake.wait()

    async def work_once(self) -> bool:
        """Do one job that is due; return whether there was one."""
        lease = uuid4()
        async with self._units() as unit:
            # One claims at a time, or two would each begin a job of the same lane.
            await unit.connection.execute(_CLAIMING)
            await unit.connection.execute(
                _GIVE_UP,
                {
                    "most": MOST_ATTEMPTS,
                    "now": unit.now,
                    "problem": json.dumps(
                        problem_body(
                            JobInterrupted(f"It was begun {MOST_ATTEMPTS} times without an end.")
                        )
                    ),
                },
            )
            claimed = await unit.connection.execute(
                _CLAIM,
                {
                    "lease": lease,
                    "seconds": self._lease_seconds,
                    "kinds": list(self._kinds),
                    "now": unit.now,
                },
            )
            row = claimed.one_or_none()
        if row is None:
            return False
        # There may be more for the other slots.
        self._wake.set()
        crash_point("job.claimed")
        await self._do(job_of(row), lease)
        return True

    async def _do(self, job: Job, lease: UUID) -> None:
        progress = _Kept(job)
        work = asyncio.create_task(self._work(job, lease, progress))
        keeper = asyncio.create_task(self._keep(job, lease, progress, work))
        own = {"id": job.job_id, "lease": lease}
        try:
            await work
        except asyncio.CancelledError:
            stopped = asyncio.current_task()
            if progress.lost and not (stopped and stopped.cancelling()):
                log.warning("job_lease_lost", job=str(job.job_id))
                return
            with suppress(Exception):
                async with asyncio.timeout(HAND_BACK_SECONDS):
                    await self._mark(_HAND_BACK, {**own, "pause": 0.0, "uncounted": 1})
            raise
        except (JobStopped, _LeaseLost):
            await self._mark(_END_CANCELLED, own)
        except Refusal as refusal:
            await self._fail(own, refusal)
        except Exception as error:
            await self._interrupted(job, own, error)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _interrupted(self, job: Job, own: Mapping[str, Any], error: Exception) -> None:
        if not is_transient(error):
            log.error("job_failed", job=str(job.job_id), kind=job.kind, exc_info=error)
            await self._fail(own, JobBroken("A fault of ours ended it."))
        elif job.attempts >= MOST_ATTEMPTS:
            await self._fail(own, JobInterrupted(f"The database did not let it through: {error}"))
        else:
            log.warning("job_interrupted", job=str(job.job_id), error=repr(error)[:300])
            pause = FAILURE_SECONDS * 2**job.attempts
            await self._mark(_HAND_BACK, {**own, "pause": pause, "uncounted": 0})

    async def _work(self, job: Job, lease: UUID, progress: _Kept) -> None:
        if job.cancel_asked:
            raise JobStopped
        work = self._kinds[job.kind]
        if isinstance(work, Whole):
            await self._whole(work, job, lease, progress)
        else:
            await self._steps(work, job, lease, progress)

    async def _whole(self, work: Whole, job: Job, lease: UUID, progress: _Kept) -> None:
        async with self._units() as unit:
            await _act_for(job, unit)
            result = await work.run(job, unit, progress)
            await unit.flush()
            await progress.close()
            await self._end(unit, job, lease, progress, result)
            crash_point("job.before-commit")

    async def _steps(self, work: Stepwise, job: Job, lease: UUID, progress: _Kept) -> None:
        while True:
            async with self._units() as unit:
                await _act_for(job, unit)
                step = await work.step(job, unit)
                await unit.flush()
                progress.done, progress.total = step.done, step.total
                if step.result is not None:
                    await progress.close()
                    await self._end(unit, job, lease, progress, step.result)
                    return
                moved = await unit.connection.execute(
                    _MOVE_ON,
                    {
                        "id": job.job_id,
                        "lease": lease,
                        "position": json.dumps(step.position),
                        "done": step.done,
                        "total": step.total,
                    },
                )
                row = moved.one_or_none()
                if row is None:
                    raise _LeaseLost
            crash_point("job.stepped")
            job = job_of(row)
            if job.cancel_asked:
                raise JobStopped

    async def _end(
        self,
        unit: UnitOfWork,
        job: Job,
        lease: UUID,
        progress: Progress,
        result: Mapping[str, Any],
    ) -> None:
        ended = await unit.connection.execute(
            _END_DONE,
            {
                "id": job.job_id,
                "lease": lease,
                "done": progress.done,
                "total": progress.total,
                "result": json.dumps(result),
                "now": self._units.clock(),
            },
        )
        if ended.rowcount == 0:
            raise _LeaseLost

    async def _keep(self, job: Job, lease: UUID, progress: _Kept, work: asyncio.Task[None]) -> None:
        every = min(BEAT_SECONDS, self._lease_seconds / 4)
        values = {"id": job.job_id, "lease": lease, "seconds": self._lease_seconds}
        loop = asyncio.get_running_loop()
        beaten = loop.time()
        while not progress.lost:
            await asyncio.sleep(min(SHOWN_EVERY_SECONDS, every))
            changed = progress.shown != (progress.done, progress.total)
            if not changed and loop.time() - beaten < every:
                continue
            try:
                await progress.beat(self._engine, values)
                beaten = loop.time()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("job_not_kept", job=str(job.job_id), error=repr(error)[:300])
        work.cancel()

    async def _fail(self, own: Mapping[str, Any], refusal: Refusal) -> None:
        await self._mark(_END_FAILED, {**own, "problem": json.dumps(problem_body(refusal))})

    async def _mark(self, statement: TextClause, values: Mapping[str, Any]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(statement, {**values, "now": self._units.clock()})


async def _act_for(job: Job, unit: UnitOfWork) -> None:
    unit.correlation_id = job.correlation_id
    if job.actor is not None:
        await unit.act_as(job.actor)


_CLAIMING = text("SELECT pg_advisory_xact_lock(8433302)")
# Leases and pauses go by the clock of the database, which all replicas share.
_GIVE_UP = text(
    """
    UPDATE job SET state = 'failed', problem = CAST(:problem AS jsonb), ended_at = :now,
                   lease = NULL, leased_until = NULL
    WHERE job_id IN (SELECT job_id FROM job
                     WHERE ended_at IS NULL AND state = 'running' AND attempts >= :most
                       AND leased_until < clock_timestamp() FOR UPDATE SKIP LOCKED)
    """
)
_CLAIM = text(
    f"""
    UPDATE job SET state = 'running', attempts = attempts + 1, lease = :lease,
                   leased_until = clock_timestamp() + make_interval(secs => :seconds),
                   started_at = coalesce(started_at, :now)
    WHERE job_id = (
        SELECT due.job_id FROM job AS due
        WHERE due.ended_at IS NULL AND due.kind = ANY(CAST(:kinds AS text[]))
          AND (due.state = 'waiting' AND due.available_at <= clock_timestamp()
               OR due.state = 'running' AND due.leased_until < clock_timestamp())
          AND NOT EXISTS (
              SELECT FROM job AS other
              WHERE other.ended_at IS NULL AND other.lane = due.lane
                AND other.job_id <> due.job_id AND other.state = 'running'
                AND other.leased_until >= clock_timestamp())
        ORDER BY due.job_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {COLUMNS}
    """
)
_BEAT = text(
    """
    UPDATE job SET leased_until = clock_timestamp() + make_interval(secs => :seconds),
                   done = :done, total = :total
    WHERE job_id = :id AND lease = :lease
    RETURNING cancel_asked
    """
)
_MOVE_ON = text(
    f"""
    UPDATE job SET position = CAST(:position AS jsonb), done = :done, total = :total
    WHERE job_id = :id AND lease = :lease
    RETURNING {COLUMNS}
    """
)
_END_DONE = text(
    f"""
    UPDATE job SET state = '{State.DONE}', result = CAST(:result AS jsonb), done = :done,
                   total = :total, ended_at = :now, lease = NULL, leased_until = NULL
    WHERE job_id = :id AND lease = :lease AND NOT cancel_asked
    """
)
_END_FAILED = text(
    f"""
    UPDATE job SET state = '{State.FAILED}', problem = CAST(:problem AS jsonb), ended_at = :now,
                   lease = NULL, leased_until = NULL
    WHERE job_id = :id AND lease = :lease
    """
)
_END_CANCELLED = text(
    f"""
    UPDATE job SET state = '{State.CANCELLED}', ended_at = :now, lease = NULL, leased_until = NULL
    WHERE job_id = :id AND lease = :lease AND cancel_asked
    """
)
_HAND_BACK = text(
    f"""
    UPDATE job SET state = '{State.WAITING}', attempts = attempts - :uncounted, lease = NULL,
                   leased_until = NULL,
                   available_at = clock_timestamp() + make_interval(secs => :pause)
    WHERE job_id = :id AND lease = :lease
    """
)
