"""What the database tells on a channel (NOTIFY), heard in every process and passed on to watchers.

A notice says that something changed, not what: notices that come together are passed on as one, and
whoever may have missed some, since the connection was lost, is woken as if there had been one.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.database import is_transient
from shared.chassis.errors import Kind, Refusal, Unavailable
from shared.chassis.logs import get_logger

MOST_WATCHERS = 500
LISTEN_SECONDS = 5.0
AGAIN_SECONDS = 1.0
# A connection that was cut without a word is noticed at the latest after this.
PROBE_SECONDS = 10.0
# Between two events to one watcher, however often there are notices.
CALM_SECONDS = 0.25
# Between watcher and us there may be proxies that end what says nothing.
ALIVE_SECONDS = 15.0

log = get_logger(__name__)


class TooManyListeners(Refusal):
    """More callers watch than a process serves."""

    kind = Kind.UNAVAILABLE
    slug = "too_many_listeners"
    remedy = "Ask now and then instead, or close a stream that nobody looks at."


class Notices:
    """Listens on one channel; a notice names a key, or nothing if it concerns all."""

    def __init__(self, engine: AsyncEngine, channel: str) -> None:
        # A pool of its own, of one connection.
        self._engine = engine
        self._channel = channel
        self._listening = asyncio.Event()
        self._watching: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def run(self) -> None:
        """Listen until cancelled; after a lost connection, anew."""
        try:
            while True:
                try:
                    await self._listen()
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("notices_interrupted", error=repr(error)[:300])
                self._listening.clear()
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            await self._engine.dispose()

    async def watch(self, key: str, *, seconds: float) -> AsyncGenerator[bool]:
        """
        Yield True at once and whenever there was a notice; False now and then, as a sign of life.

        What happens after the first True is told. Refuses when nothing can be heard, or when too
        many watch.
        """
        if sum(map(len, self._watching.values())) >= MOST_WATCHERS:
            raise TooManyListeners(f"{MOST_WATCHERS} callers watch already.")
        noticed = asyncio.Event()
        noticed.set()
        self._watching[key].add(noticed)
        try:
            await self._heard_from()
            clock = asyncio.get_running_loop().time
            deadline = clock() + seconds
            while (left := deadline - clock()) > 0:
                try:
                    async with asyncio.timeout(min(left, ALIVE_SECONDS)):
                        await noticed.wait()
                except TimeoutError:
                    yield False
                    continue
                noticed.clear()
                yield True
                await asyncio.sleep(min(CALM_SECONDS, max(deadline - clock(), 0.0)))
        finally:
            self._watching[key].discard(noticed)
            if not self._watching[key]:
                del self._watching[key]

    async def _heard_from(self) -> None:
        try:
            async with asyncio.timeout(LISTEN_SECONDS):
                await self._listening.wait()
        except TimeoutError:
            raise Unavailable("The database tells nothing at present.") from None

    async def _listen(self) -> None:
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            lost = asyncio.Event()
            driver.add_termination_listener(lambda _: lost.set())
            try:
                await driver.add_listener(self._channel, self._passed_on)
                self._listening.set()
                self._wake("")
                while not lost.is_set():
                    try:
                        async with asyncio.timeout(PROBE_SECONDS):
                            await lost.wait()
                    except TimeoutError:
                        await driver.execute("SELECT 1")
            finally:
                # Nobody else is to get a connection that listens.
                await connection.invalidate()

    def _passed_on(self, connection: object, pid: int, channel: str, key: str) -> None:
        self._wake(key)

    def _wake(self, key: str) -> None:
        keys = [key] if key else list(self._watching)
        for one in keys:
            # Not by index: that would add who does not watch.
            for noticed in self._watching.get(one, ()):
                noticed.set()
