"""Removes what has served its time: done messages, sent events, old idempotency keys, ended jobs.

It walks inbox and outbox along their primary keys, a window at a time, until it comes to rows that
are younger than the retention. So it needs no index that every message would pay for, and no
statement looks at more than a window.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.clock import Clock
from shared.chassis.database import is_transient
from shared.chassis.logs import get_logger

EVERY_SECONDS = 600.0
CHUNK = 5000
IDEMPOTENCY_DAYS = 2
FLEETING = timedelta(hours=1)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Walked:
    name: str
    came: str
    over: str


_TABLES = (
    _Walked("inbox", came="received_at", over="state = 'done' AND done_at < :before"),
    _Walked("outbox", came="time", over="sent_at < :before"),
)


class Housekeeper:
    """Keeps one service's stores small; never touches what is pending, waiting, parked or unsent.

    `fleeting` are event types that nobody asks about afterwards: they go after an hour. A fleeting
    message that is finished only later than that stays for the retention like all others.
    `outdated` are statements that remove at most `:chunk` rows that were over `:before`; `retained`
    are such with a retention of their own.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        *,
        retention: timedelta,
        fleeting: frozenset[str],
        outdated: Sequence[str] = (),
        retained: Mapping[str, timedelta] | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._retention = retention
        self._fleeting = sorted(fleeting)
        self._outdated = dict.fromkeys(outdated, retention) | dict(retained or {})
        self._chunk = chunk
        # Up to where fleeting rows are gone already: without it every sweep would read again all
        # rows of the retention. After a restart the first sweep does.
        self._reached: defaultdict[str, int] = defaultdict(int)

    async def run(self) -> None:
        """Sweep every few minutes, for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.sweep()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("housekeeping_interrupted", error=repr(error))

    async def sweep(self) -> None:
        """Delete what is older than its retention, in chunks with short locks."""
        now = self._clock()
        for table in _TABLES:
            await self._walk(table, now - self._retention)
            if self._fleeting:
                self._reached[table.name] = await self._walk(
                    table, now - FLEETING, after=self._reached[table.name], types=self._fleeting
                )
        await self._remove(_REMOVE_KEYS, now - timedelta(days=IDEMPOTENCY_DAYS))
        for statement, retention in self._outdated.items():
            await self._remove(statement, now - retention)

    async def _walk(
        self,
        table: _Walked,
        before: datetime,
        *,
        after: int = 0,
        types: list[str] | None = None,
    ) -> int:
        """Remove what is over and lies behind `after`; return how far that was looked at."""
        while True:
            async with self._engine.begin() as connection:
                window = await connection.execute(
                    text(_WINDOW.format(table=table)),
                    {"after": after, "before": before, "chunk": self._chunk},
                )
                looked, last, first_young = window.one()
                upto = last if first_young is None else first_young - 1
                if looked:
                    await connection.execute(
                        text(_REMOVE.format(table=table)),
                        {"after": after, "upto": upto, "before": before, "types": types},
                    )
                    after = upto
            if looked < self._chunk or first_young is not None:
                return after

    async def _remove(self, statement: str, before: datetime) -> None:
        while True:
            async with self._engine.begin() as connection:
                result = await connection.execute(
                    text(statement), {"before": before, "chunk": self._chunk}
                )
            if result.rowcount < self._chunk:
                return


_WINDOW = """
    SELECT count(*), max(seq), min(seq) FILTER (WHERE came >= :before)
    FROM (SELECT seq, {table.came} AS came FROM {table.name}
          WHERE seq > :after ORDER BY seq LIMIT :chunk) AS looked
"""
_REMOVE = """
    DELETE FROM {table.name}
    WHERE seq > :after AND seq <= :upto AND {table.over}
      AND (CAST(:types AS text[]) IS NULL OR type = ANY(CAST(:types AS text[])))
"""
_REMOVE_KEYS = """
    DELETE FROM idempotency_key WHERE key IN (
        SELECT key FROM idempotency_key WHERE created_at < :before
        ORDER BY created_at LIMIT :chunk)
"""
