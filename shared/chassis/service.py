"""One running service: its stores, its tasks, its routes; started, watched and stopped as one.

A task that dies takes the readiness with it within a second, and the process ends, so that whatever
runs it starts it again: a relay or worker never dies silently.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.bus.port import Bus, Listener
from shared.chassis.clock import Clock
from shared.chassis.database import is_transient, is_writable
from shared.chassis.housekeeping import Housekeeper
from shared.chassis.inbox import Inbox
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import OUTDATED_JOBS
from shared.chassis.logs import get_logger
from shared.chassis.migrations import is_current
from shared.chassis.relay import Relay
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.chassis.worker import Subscription, Worker

STOP_SECONDS = 12.0
RELAY_LAG_SECONDS = 30.0

log = get_logger(__name__)

Problem = Callable[[], Awaitable[str | None]]


@dataclass(slots=True)
class Service:
    """All that one service consists of; made by its bootstrap."""

    name: str
    engine: AsyncEngine
    bus: Bus
    clock: Clock
    units: UnitOfWorkFactory
    inbox: Inbox
    worker: Worker
    relay: Relay
    subscriptions: Mapping[str, Subscription]
    routers: Sequence[APIRouter]
    versions: Path
    metadata: MetaData
    retention: timedelta
    # Event types that nobody asks about afterwards; they are not kept for the retention.
    fleeting: frozenset[str]
    # Runs once before the first message, such as installing default rows.
    prepare: Callable[[], Awaitable[None]] | None = None
    loops: Sequence[tuple[str, Callable[[], Awaitable[None]]]] = ()
    checks: Mapping[str, Problem] = field(default_factory=dict)
    jobs: JobRunner | None = None
    # Routes that ask for no key: each checks by itself who may read what it shows.
    public_routers: Sequence[APIRouter] = ()
    # Statements of the service's own for the housekeeper, and those with a retention of their own.
    outdated: Sequence[str] = ()
    retained: Mapping[str, timedelta] = field(default_factory=dict)
    # Paths, as in routes, that take larger bodies than others, or smaller ones, and how many bytes.
    larger_bodies: Mapping[str, int] = field(default_factory=dict)
    # What the tags of the routes are about, for the API's description.
    tags: Mapping[str, str] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _failed: asyncio.Event = field(default_factory=asyncio.Event)
    _started: bool = False

    def __post_init__(self) -> None:
        """Wire who wakes whom, and register with the bus."""
        self.units.when_told(self.relay.wake)
        self.units.when_released(self.worker.wake)
        self.inbox.when_stored(self.worker.wake)
        self.bus.listen(Listener(self.name, frozenset(self.subscriptions), self.inbox.store))

    async def start(self) -> None:
        """Start all tasks; stores that are away are waited for, without blocking the start."""
        self._spawn("starter", self._begin)

    async def _begin(self) -> None:
        while True:
            try:
                if not await is_current(self.engine, self.versions, self.metadata):
                    log.warning("schema_not_current", service=self.name)
                    await asyncio.sleep(1.0)
                    continue
                if self.prepare is not None:
                    await self.prepare()
                break
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("waiting_for_database", service=self.name, error=repr(error)[:200])
                await asyncio.sleep(1.0)
        self._spawn("worker", self.worker.run)
        self._spawn("relay", self.relay.run)
        housekeeper = Housekeeper(
            self.engine,
            self.clock,
            retention=self.retention,
            fleeting=self.fleeting,
            outdated=[*([OUTDATED_JOBS] if self.jobs else []), *self.outdated],
            retained=self.retained,
        )
        self._spawn("housekeeping", housekeeper.run)
        if self.jobs is not None:
            self._spawn("jobs", self.jobs.run)
        for name, loop in self.loops:
            self._spawn(name, loop)
        self._started = True

    def _spawn(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        async def watched() -> None:
            try:
                await run()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("task_died", service=self.name, task=name)
                self._failed.set()

        self._tasks.append(asyncio.create_task(watched(), name=f"{self.name}-{name}"))

    async def failed(self) -> None:
        """Return when a task of this service has died."""
        await self._failed.wait()

    async def stop(self) -> None:
        """Finish the work in hand and stop; bounded in time. Delivery must have stopped before."""
        self.worker.stop()
        self.relay.stop()
        working = [task for task in self._tasks if task.get_name().endswith(("-worker", "-relay"))]
        for task in self._tasks:
            if task not in working:
                task.cancel()
        if self._tasks:
            _, unfinished = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in unfinished:
                log.warning("work_cut_off", service=self.name, task=task.get_name())
                task.cancel()
            if unfinished:
                await asyncio.wait(unfinished, timeout=1.0)
        self._tasks.clear()
        try:
            async with asyncio.timeout(2.0):
                if self.jobs is not None:
                    await self.jobs.close()
                await self.engine.dispose()
        except (TimeoutError, OSError):
            log.warning("database_not_closed", service=self.name)

    async def problems(self) -> dict[str, str]:
        """Return what keeps this service from doing its work now; empty when it is ready."""
        if self._failed.is_set():
            return {"tasks": "a background task has died; the process is ending"}
        found: dict[str, str] = {}
        if not self._started:
            found["start"] = "waiting for the database and its migrations"
        if not await is_writable(self.engine):
            found["database"] = "does not accept writes"
            return found
        checks: dict[str, Problem] = {"bus": self.bus.problem}
        if self._started:
            checks |= {"relay": self._relay_lag, **self.checks}
        for name, check in checks.items():
            try:
                problem = await check()
            except Exception as error:
                if not is_transient(error):
                    raise
                problem = repr(error)[:200]
            if problem:
                found[name] = problem
        return found

    async def _relay_lag(self) -> str | None:
        async with self.engine.connect() as connection:
            oldest: Any = (await connection.execute(_OLDEST_UNSENT)).scalar_one_or_none()
        if oldest is not None and oldest > RELAY_LAG_SECONDS:
            return f"the oldest unsent event has waited {oldest:.0f} s"
        return None


_OLDEST_UNSENT = text(
    """
    SELECT extract(epoch FROM clock_timestamp() - time)::float FROM outbox
    WHERE sent_at IS NULL AND quarantined IS NULL ORDER BY seq LIMIT 1
    """
)
