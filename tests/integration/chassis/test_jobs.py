"""Jobs: done once, whoever is killed, stopped, too slow or asked to cancel."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis import job_runner
from shared.chassis.clock import system_clock
from shared.chassis.database import connect
from shared.chassis.errors import InvalidField
from shared.chassis.housekeeping import Housekeeper
from shared.chassis.job_runner import MOST_ATTEMPTS, JobRunner
from shared.chassis.jobs import (
    OUTDATED_JOBS,
    Job,
    JobEnded,
    JobNotFound,
    Progress,
    State,
    Step,
    Stepwise,
    Whole,
    Work,
    cancel_job,
    find_job,
)
from shared.chassis.testing.servers import Postgres
from shared.chassis.testing.waiting import eventually
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tests.integration.chassis.rig import Thing, build, translate

SHORT_LEASE = 0.4


@dataclass
class World:
    """A database, runners on it, and work that a test holds in its hand."""

    url: str
    engine: AsyncEngine
    units: UnitOfWorkFactory
    stack: AsyncExitStack
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    # How many jobs work at the moment, and how many did at most.
    working: int = 0
    most: int = 0

    def runner(self, kinds: Mapping[str, Work] | None = None, **options: Any) -> JobRunner:
        engine = connect(self.url, name="jobs-test", pool_size=4)
        self.stack.push_async_callback(engine.dispose)
        chosen = self.kinds() if kinds is None else kinds
        return JobRunner(engine, self.units, chosen, **options)

    def kinds(self) -> dict[str, Work]:
        return {
            "whole": Whole(self.whole),
            "queued": Whole(self.whole, lane="one"),
            "steps": Stepwise(self.step),
        }

    async def whole(self, job: Job, unit: UnitOfWork, progress: Progress) -> Mapping[str, Any]:
        self.working += 1
        self.most = max(self.most, self.working)
        try:
            await leave_trace(unit, job)
            progress.report(3, 10)
            self.reached.set()
            await self.gate.wait()
            progress.report(10)
            return {"answer": 42}
        finally:
            self.working -= 1

    async def step(self, job: Job, unit: UnitOfWork) -> Step:
        place = (job.position or 0) + 1
        await leave_trace(unit, job, f"{place}")
        if place == job.request.get("stop_at"):
            self.reached.set()
            await self.gate.wait()
        return Step(place, place, 4, {"places": place} if place == 4 else None)

    async def ask(self, kind: str = "whole", runner: JobRunner | None = None, **said: Any) -> UUID:
        async with self.units() as unit:
            await unit.act_as("tester")
            return (await (runner or self.runner()).ask(kind, said, unit)).job_id

    async def job(self, job_id: UUID) -> Job:
        async with self.engine.connect() as connection:
            found = await find_job(connection, job_id)
        assert found is not None
        return found

    async def ends(self, job_id: UUID, state: State) -> Job:
        async def ended() -> Job | None:
            job = await self.job(job_id)
            return job if job.has_ended else None

        job = await eventually(ended)
        assert job is not None and job.state is state, job
        return job

    async def traces(self) -> list[str]:
        async with self.engine.connect() as connection:
            rows = await connection.execute(text("SELECT message_id FROM effect ORDER BY 1"))
            return list(rows.scalars())

    async def execute(self, statement: str, **values: Any) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(text(statement), values)


async def leave_trace(unit: UnitOfWork, job: Job, place: str = "") -> None:
    await unit.connection.execute(
        text("INSERT INTO effect (message_id) VALUES (:id)"), {"id": f"{job.job_id}{place}"}
    )
    unit.record(Thing(id=f"{job.job_id}{place}"))


@asynccontextmanager
async def running(runner: JobRunner) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(runner.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def world(postgres: Postgres) -> AsyncIterator[World]:
    async with postgres.database("chassis", build) as url, AsyncExitStack() as stack:
        engine = connect(url, name="jobs-test")
        stack.push_async_callback(engine.dispose)
        yield World(url, engine, UnitOfWorkFactory(engine, system_clock, translate), stack)


@pytest.mark.requirement("TS-20")
async def test_progress_shows_while_the_work_does_not(world: World) -> None:
    job_id = await world.ask()
    assert (await world.job(job_id)).state is State.WAITING
    async with running(world.runner()):

        async def shows() -> None:
            job = await world.job(job_id)
            assert (job.state, job.done, job.total) == (State.RUNNING, 3, 10)

        await eventually(lambda: _quiet(shows))
        assert await world.traces() == []
        world.gate.set()
        job = await world.ends(job_id, State.DONE)

    assert (job.done, job.total, job.result, job.attempts) == (10, 10, {"answer": 42}, 1)
    assert job.started_at is not None and job.ended_at is not None
    assert await world.traces() == [str(job_id)]


async def _quiet(check: Any) -> bool:
    await check()
    return True


async def test_who_lost_his_lease_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first runner sleeps through its lease, as a machine that is suspended."""
    slow = world.runner(lease_seconds=SHORT_LEASE)

    async def asleep(*_: Any) -> None:
        return None

    monkeypatch.setattr(slow, "_keep", asleep)
    job_id = await world.ask()
    late = asyncio.create_task(slow.work_once())
    await world.reached.wait()

    other = World(world.url, world.engine, world.units, world.stack)
    other.gate.set()
    async with running(other.runner()):
        job = await other.ends(job_id, State.DONE)
    assert job.attempts == 2
    world.gate.set()
    await late

    assert await world.traces() == [str(job_id)]
    assert (await world.job(job_id)).state is State.DONE


async def test_whose_job_was_taken_stops_working(world: World) -> None:
    job_id = await world.ask()
    working = asyncio.create_task(world.runner(lease_seconds=SHORT_LEASE).work_once())
    await world.reached.wait()
    await world.execute("UPDATE job SET lease = :lease", lease=uuid4())

    await working

    assert (world.working, await world.traces()) == (0, [])
    assert (await world.job(job_id)).state is State.RUNNING


async def test_a_long_job_keeps_its_lease(world: World) -> None:
    job_id = await world.ask()
    async with running(world.runner(lease_seconds=SHORT_LEASE)), running(world.runner()):
        leased = "SELECT leased_until > created_at + interval '1.2 s' FROM job"

        async def kept() -> bool:
            async with world.engine.connect() as connection:
                return bool((await connection.execute(text(leased))).scalar_one())

        await eventually(kept)
        world.gate.set()
        assert (await world.ends(job_id, State.DONE)).attempts == 1


async def test_a_refusal_is_the_problem_of_the_job(world: World) -> None:
    async def refuse(job: Job, unit: UnitOfWork, _: Progress) -> Mapping[str, Any]:
        await leave_trace(unit, job)
        raise InvalidField("put", "is gone", "Put another.")

    async def break_(*_: Any) -> Mapping[str, Any]:
        raise ZeroDivisionError("secret detail")

    runner = world.runner({"refused": Whole(refuse), "broken": Whole(break_)})
    refused, broken = await world.ask("refused", runner), await world.ask("broken", runner)
    async with running(runner):
        job = await world.ends(refused, State.FAILED)
        assert job.problem is not None
        assert (job.problem["slug"], job.problem["status"]) == ("invalid_field", 422)
        job = await world.ends(broken, State.FAILED)
        assert job.problem is not None and job.problem["slug"] == "job_broken"
        assert "secret" not in str(job.problem)
    assert await world.traces() == []


async def test_what_the_database_interrupts_is_tried_again_and_then_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "FAILURE_SECONDS", 0.01)
    begun = 0

    async def interrupted(job: Job, unit: UnitOfWork, _: Progress) -> Mapping[str, Any]:
        nonlocal begun
        begun += 1
        await leave_trace(unit, job)
        if begun < job.request["good_at"]:
            raise asyncpg.InterfaceError("connection is closed")
        return {}

    runner = world.runner({"k": Whole(interrupted)})
    async with running(runner):
        third = await world.ask("k", runner, good_at=3)
        assert (await world.ends(third, State.DONE)).attempts == 3
        begun = 0
        never = await world.ask("k", runner, good_at=99)
        job = await world.ends(never, State.FAILED)
    assert job.problem is not None and job.problem["slug"] == "job_interrupted"
    assert begun == MOST_ATTEMPTS
    assert await world.traces() == [str(third)]


async def test_a_job_that_kills_its_runners_is_given_up(world: World) -> None:
    job_id = await world.ask()
    await world.execute(
        "UPDATE job SET state = 'running', attempts = :most, leased_until = now() - interval '1 s'",
        most=MOST_ATTEMPTS,
    )

    assert await world.runner().work_once() is False

    job = await world.job(job_id)
    assert job.state is State.FAILED
    assert job.problem is not None and job.problem["slug"] == "job_interrupted"


async def test_cancelling(world: World) -> None:
    waiting = await world.ask()
    async with world.units() as unit:
        assert (await cancel_job(waiting, unit)).state is State.CANCELLED
    assert await world.runner().work_once() is False

    job_id = await world.ask()
    async with running(world.runner()):
        await world.reached.wait()
        async with world.units() as unit:
            asked = await cancel_job(job_id, unit)
        assert (asked.state, asked.cancel_asked) == (State.RUNNING, True)
        world.gate.set()
        await world.ends(job_id, State.CANCELLED)
    assert await world.traces() == []
    async with world.units() as unit:
        with pytest.raises(JobEnded):
            await cancel_job(job_id, unit)
        with pytest.raises(JobNotFound):
            await cancel_job(uuid4(), unit)


async def test_whoever_does_not_report_is_cancelled_at_the_end(world: World) -> None:
    async def silent(job: Job, unit: UnitOfWork, _: Progress) -> Mapping[str, Any]:
        await leave_trace(unit, job)
        world.reached.set()
        await world.gate.wait()
        return {}

    runner = world.runner({"silent": Whole(silent)})
    job_id = await world.ask("silent", runner)
    async with running(runner):
        await world.reached.wait()
        async with world.units() as unit:
            await cancel_job(job_id, unit)
        world.gate.set()
        await world.ends(job_id, State.CANCELLED)
    assert await world.traces() == []


async def test_a_cancelled_job_of_steps_keeps_the_steps_it_did(world: World) -> None:
    job_id = await world.ask("steps", stop_at=3)
    async with running(world.runner()):
        await world.reached.wait()
        async with world.units() as unit:
            await cancel_job(job_id, unit)
        world.gate.set()
        job = await world.ends(job_id, State.CANCELLED)
    assert (job.position, job.done, job.total) == (3, 3, 4)
    assert await world.traces() == [f"{job_id}{place}" for place in (1, 2, 3)]


@pytest.mark.parametrize("kind", ["whole", "steps"])
async def test_a_runner_that_is_stopped_hands_its_job_back(world: World, kind: str) -> None:
    job_id = await world.ask(kind, stop_at=3)
    async with running(world.runner()) as stopped:
        await world.reached.wait()
        stopped.cancel()
        await asyncio.wait([stopped], timeout=5)
        assert stopped.cancelled()
    before = [f"{job_id}{place}" for place in (1, 2)] if kind == "steps" else []
    assert await world.traces() == before
    job = await world.job(job_id)
    assert (job.state, job.attempts) == (State.WAITING, 0)

    world.gate.set()
    async with running(world.runner()):
        await world.ends(job_id, State.DONE)
    traces = await world.traces()
    assert len(traces) == len(set(traces)) == (4 if kind == "steps" else 1)


async def test_two_runners_do_each_job_once(world: World) -> None:
    world.gate.set()
    async with running(world.runner()), running(world.runner()):
        jobs = [await world.ask() for _ in range(20)]
        for job_id in jobs:
            assert (await world.ends(job_id, State.DONE)).attempts == 1
    assert await world.traces() == sorted(map(str, jobs))


async def test_jobs_of_one_lane_are_done_one_after_another(world: World) -> None:
    first, second = await world.ask("queued"), await world.ask("queued")
    async with running(world.runner()), running(world.runner()):
        await world.reached.wait()
        # Another job passes by the one that waits for its turn.
        by = await world.ask("steps")
        await world.ends(by, State.DONE)
        assert (await world.job(second)).state is State.WAITING
        world.gate.set()
        await world.ends(first, State.DONE)
        await world.ends(second, State.DONE)
    assert world.most == 1


async def test_the_end_of_a_job_tells_its_events_in_the_name_of_who_asked(world: World) -> None:
    world.gate.set()
    woken = asyncio.Event()
    world.units.when_told(woken.set)
    job_id = await world.ask()
    assert await world.runner().work_once()
    assert woken.is_set()
    assert (await world.job(job_id)).actor == "tester"
    async with world.engine.connect() as connection:
        told = await connection.execute(text("SELECT subject FROM outbox"))
        assert told.scalars().all() == [str(job_id)]


async def test_jobs_that_ended_long_ago_go(world: World) -> None:
    world.gate.set()
    old, young, waiting = [await world.ask() for _ in range(3)]
    runner = world.runner()
    assert await runner.work_once() and await runner.work_once()
    await world.execute(
        "UPDATE job SET ended_at = now() - interval '9 d' WHERE job_id = :id", id=old
    )
    keeper = Housekeeper(
        world.engine,
        system_clock,
        retention=timedelta(days=8),
        fleeting=frozenset(),
        outdated=[OUTDATED_JOBS],
    )
    await keeper.sweep()
    async with world.engine.connect() as connection:
        left = await connection.execute(text("SELECT job_id FROM job ORDER BY job_id"))
        assert left.scalars().all() == [young, waiting]
