"""The worker: takes batches from the inbox and runs handlers, each batch in one transaction.

State, events, and the marks on the inbox commit together. When a batch fails it is cut in halves
until the message at fault stands alone; that one is retried with back-off and then parked with its
reason, and later messages of the same aggregate wait behind it while everybody else flows.
Failures of the database are nobody's fault: the batch is simply done again.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import text
from sqlalchemy.engine import Row

from shared.chassis.crash_points import crash_point
from shared.chassis.database import is_transient
from shared.chassis.logs import get_logger
from shared.chassis.messages import Batch, Message, ReadData
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

MAX_ATTEMPTS = 5
MAX_NAMED = 3
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 300.0
FIRST_RECHECK_SECONDS = 5.0
LONGEST_RECHECK_SECONDS = 3600.0
IDLE_SECONDS = 1.0
FAILURE_SECONDS = 0.5

log = get_logger(__name__)

Handler = Callable[[Batch[Any], UnitOfWork], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a service does with one event type."""

    model: type[BaseModel]
    handler: Handler


class Worker:
    """Works through one service's inbox, in order of arrival, a batch at a time."""

    def __init__(
        self,
        units: UnitOfWorkFactory,
        subscriptions: Mapping[str, Subscription],
        *,
        read_data: ReadData,
        batch: int = 500,
        waiting_deadline: timedelta = timedelta(hours=24),
    ) -> None:
        self._units = units
        self._subscriptions = subscriptions
        self._read_data = read_data
        self._batch = batch
        self._waiting_deadline = waiting_deadline
        self._wake = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Say that there may be work."""
        self._wake.set()

    def stop(self) -> None:
        """Ask the worker to end after the batch in hand."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until stopped; failures of the database are retried for ever."""
        while not self._stopping:
            self._wake.clear()
            try:
                taken = await self.work_batch()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("worker_interrupted", error=repr(error))
                await asyncio.sleep(FAILURE_SECONDS)
                continue
            if taken < self._batch:
                await self._rest()

    async def work_batch(self) -> int:
        """Work on what is due, at most one batch; return how many messages were taken."""
        taken: list[int] = []
        try:
            async with self._units() as unit:
                rows = await self._claim(unit)
                taken = [row.seq for row in rows]
                if rows:
                    await self._apply(rows, unit)
        except Exception as error:
            if not taken or is_transient(error):
                raise
            await self._bisect(taken, error)
        else:
            if taken:
                crash_point("worker.committed")
        return len(taken)

    async def _claim(self, unit: UnitOfWork) -> Sequence[Row[Any]]:
        result = await unit.connection.execute(_CLAIM, {"now": unit.now, "limit": self._batch})
        rows = sorted(result.all(), key=lambda row: row.seq)
        crash_point("worker.claimed")
        return rows

    async def _bisect(self, seqs: Sequence[int], error: Exception) -> None:
        """Find the message at fault: each half by itself, until one stands alone."""
        if len(seqs) == 1:
            await self._failed(seqs[0], error)
            return
        middle = len(seqs) // 2
        for half in (seqs[:middle], seqs[middle:]):
            try:
                async with self._units() as unit:
                    result = await unit.connection.execute(
                        _CLAIM_THESE, {"seqs": list(half), "now": unit.now}
                    )
                    rows = sorted(result.all(), key=lambda row: row.seq)
                    if rows:
                        await self._apply(rows, unit)
            except Exception as half_error:
                if is_transient(half_error):
                    raise
                await self._bisect(half, half_error)

    async def _failed(self, seq: int, error: Exception) -> None:
        detail = f"{type(error).__name__}: {error}"[:2000]
        async with self._units() as unit:
            attempts = (await unit.connection.execute(_ATTEMPTS, {"seq": seq})).scalar_one() + 1
            parked = attempts >= MAX_ATTEMPTS
            pause = min(FIRST_RETRY_SECONDS * 4 ** (attempts - 1), LONGEST_RETRY_SECONDS)
            await unit.connection.execute(
                _RETRY_LATER,
                {
                    "seq": seq,
                    "attempts": attempts,
                    "state": "parked" if parked else "pending",
                    "detail": detail.replace("\x00", "")
                    + ". Mend the cause, then redrive; later messages of this aggregate wait.",
                    # Jitter keeps many failures of one moment from coming back as one wave.
                    "available_at": unit.now + timedelta(seconds=pause * random.uniform(0.8, 1.2)),
                },
            )
        log.error("message_failed", seq=seq, attempts=attempts, parked=parked, error=detail)

    async def _apply(self, rows: Sequence[Row[Any]], unit: UnitOfWork) -> None:
        # One short round trip per batch; said within the claim it made the claim slower than that.
        await unit.act_as(_actor({row.source for row in rows}))
        waiting = {row.seq: _behind_key(row.ordering_key) for row in rows if row.behind}
        parked: dict[int, tuple[str, str]] = {}
        by_type: dict[str, list[Message[Any]]] = defaultdict(list)
        for row in rows:
            if row.seq in waiting:
                continue
            understood = self._understand(row)
            if isinstance(understood, Message):
                by_type[row.type].append(understood)
            else:
                parked[row.seq] = understood
        for type_, messages in by_type.items():
            batch = Batch(messages)
            await self._subscriptions[type_].handler(batch, unit)
            waiting.update(batch.waiting)
            parked.update(batch.parked)
        crash_point("worker.handled")
        await self._mark(rows, waiting, parked, unit)

    def _understand(self, row: Row[Any]) -> Message[Any] | tuple[str, str]:
        subscription = self._subscriptions.get(row.type)
        if subscription is None:
            known = ", ".join(sorted(self._subscriptions))
            return (
                "type_unknown",
                f"type: {row.type!r} is not understood here. Known: {known}. Correct the type, or "
                "redrive after the upgrade that brings it.",
            )
        try:
            body = self._read_data(bytes(row.body), row.structured)
            data = subscription.model.model_validate_json(body)
        except ValidationError as error:
            return explain(error)
        except ValueError as error:
            return "data_unreadable", str(error)
        return Message(
            seq=row.seq,
            source=row.source,
            message_id=row.message_id,
            type=row.type,
            time=row.time,
            received_at=row.received_at,
            data=data,
        )

    async def _mark(
        self,
        rows: Sequence[Row[Any]],
        waiting: Mapping[int, str],
        parked: Mapping[int, tuple[str, str]],
        unit: UnitOfWork,
    ) -> None:
        done = [row.seq for row in rows if row.seq not in waiting and row.seq not in parked]
        if done:
            await unit.connection.execute(_DONE, {"seqs": done, "now": unit.now})
            unit.release(
                _behind_key(row.ordering_key) for row in rows if row.blocking and row.ordering_key
            )
        expired: dict[int, tuple[str, str]] = {}
        again: list[Row[Any]] = []
        for row in rows:
            if row.seq in waiting:
                overdue = row.deadline is not None and row.deadline <= unit.now
                if overdue and not waiting[row.seq].startswith(_BEHIND_PREFIX):
                    expired[row.seq] = (
                        "waiting_expired",
                        f"{waiting[row.seq]} did not come before the deadline. Publish it, or "
                        "correct the reference; then redrive.",
                    )
                else:
                    again.append(row)
        if again:
            await unit.connection.execute(
                _WAIT,
                {
                    "seqs": [row.seq for row in again],
                    "keys": [waiting[row.seq] for row in again],
                    "available": [
                        unit.now + timedelta(seconds=_recheck_seconds(unit.now - row.received_at))
                        for row in again
                    ],
                    # Who waits behind a neighbour has not begun to wait for anything of his own.
                    "deadlines": [
                        None
                        if waiting[row.seq].startswith(_BEHIND_PREFIX)
                        else row.deadline or unit.now + self._waiting_deadline
                        for row in again
                    ],
                },
            )
        set_aside = {**parked, **expired}
        if set_aside:
            await unit.connection.execute(
                _PARK,
                {
                    "seqs": list(set_aside),
                    "reasons": [reason for reason, _ in set_aside.values()],
                    "details": [
                        detail[:2000].replace("\x00", "") for _, detail in set_aside.values()
                    ],
                },
            )

    async def _rest(self) -> None:
        # The timeout finds retries and rechecks that have become due.
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return


def _actor(sources: set[str]) -> str:
    # Nobody says which message of a batch changed what: all that may have are named, if few.
    return ", ".join(sorted(sources)) if len(sources) <= MAX_NAMED else "events"


_BEHIND_PREFIX = "behind "


def _behind_key(ordering_key: str) -> str:
    return f"{_BEHIND_PREFIX}{ordering_key}"


def _recheck_seconds(age: timedelta) -> float:
    # What is waited for is released when it comes; the recheck only mends a race that lost the
    # release, soon at first and then ever more rarely.
    return min(max(FIRST_RECHECK_SECONDS, age.total_seconds()), LONGEST_RECHECK_SECONDS)


def explain(error: ValidationError) -> tuple[str, str]:
    """Return a stable reason made of the first wrong field, and a text that lists them all."""
    problems = error.errors(include_url=False, include_input=False)
    first = problems[0]
    field = str(first["loc"][0]) if first["loc"] else "data"
    if first["type"].startswith("json_"):
        return "data_unreadable", f"data: {first['msg']}. Send valid JSON."
    missing = first["type"] == "missing"
    if not first["loc"] and ": " not in first["msg"]:
        field = first["msg"].removeprefix("Value error, ").split(" ", 1)[0]
    texts = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'data'}: "
        f"{problem['msg'].removeprefix('Value error, ')}"
        for problem in problems[:10]
    ]
    remedy = "Correct the fields and send the event again with an id of its own."
    return f"{field}_{'missing' if missing else 'invalid'}", f"{'; '.join(texts)}. {remedy}"


# A message is behind when an earlier one of its aggregate is in trouble.
_COLUMNS = """seq, source, message_id, type, ordering_key, time, structured, body, attempts,
              blocking, received_at, deadline,
              EXISTS (SELECT FROM inbox AS earlier
                      WHERE earlier.blocking AND earlier.ordering_key = inbox.ordering_key
                        AND earlier.seq < inbox.seq) AS behind"""
_CLAIM = text(
    f"""
    SELECT {_COLUMNS} FROM inbox
    WHERE state IN ('pending', 'waiting') AND available_at <= :now
    ORDER BY available_at, seq LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_CLAIM_THESE = text(
    f"""
    SELECT {_COLUMNS} FROM inbox
    WHERE seq = ANY(CAST(:seqs AS bigint[])) AND state IN ('pending', 'waiting')
      AND available_at <= :now
    ORDER BY seq FOR UPDATE SKIP LOCKED
    """
)
_DONE = text(
    """
    UPDATE inbox SET state = 'done', done_at = :now, blocking = false, reason = NULL,
                     detail = NULL, waiting_for = NULL
    WHERE seq = ANY(CAST(:seqs AS bigint[]))
    """
)
_WAIT = text(
    """
    UPDATE inbox SET state = 'waiting', waiting_for = wait.key, available_at = wait.available,
                     deadline = wait.deadline
    FROM unnest(CAST(:seqs AS bigint[]), CAST(:keys AS text[]), CAST(:available AS timestamptz[]),
                CAST(:deadlines AS timestamptz[]))
         AS wait (seq, key, available, deadline)
    WHERE inbox.seq = wait.seq
    """
)
_PARK = text(
    """
    UPDATE inbox SET state = 'parked', waiting_for = NULL, reason = park.reason,
                     detail = park.detail
    FROM unnest(CAST(:seqs AS bigint[]), CAST(:reasons AS text[]), CAST(:details AS text[]))
         AS park (seq, reason, detail)
    WHERE inbox.seq = park.seq
    """
)
_ATTEMPTS = text("SELECT attempts FROM inbox WHERE seq = :seq FOR UPDATE")
_RETRY_LATER = text(
    """
    UPDATE inbox SET state = :state, attempts = :attempts, blocking = true,
                     reason = 'handler_failed',
                     detail = :detail, available_at = :available_at, waiting_for = NULL
    WHERE seq = :seq
    """
)
