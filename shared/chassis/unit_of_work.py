"""One transaction: state and the events that tell of it are committed together, or not at all."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.chassis.clock import Clock
from shared.chassis.crash_points import crash_point
from shared.chassis.messages import Publication, RecordedEvent
from shared.chassis.outbox import write_outbox

Translate = Callable[[RecordedEvent], Publication]


class UnitOfWork:
    """What a handler works in: a connection inside an open transaction, the moment, the events.

    Handlers never commit; the edge that opened the unit does, once.
    """

    def __init__(self, connection: AsyncConnection, now: datetime, translate: Translate) -> None:
        self.connection = connection
        self.now = now
        # Known where one command has caused all events of the unit; never for a batch of messages.
        self.correlation_id: str | None = None
        self.actor: str | None = None
        self._translate = translate
        self._recorded: list[RecordedEvent] = []
        self._released: set[str] = set()
        self._when_committed: list[Callable[[], None]] = []
        self._signals: set[str] = set()
        self._last: list[Callable[[], Awaitable[None]]] = []
        self._tells = False

    async def act_as(self, actor: str) -> None:
        """Say who works here, and when; histories that the database keeps by itself name both."""
        self.actor = actor
        await self.connection.execute(_ACT_AS, {"actor": actor, "moment": self.now.isoformat()})

    def record(self, event: RecordedEvent) -> None:
        """Remember a fact of the domain; it is told if and only if the unit commits."""
        self._recorded.append(event)

    def record_all(self, events: Iterable[RecordedEvent]) -> None:
        """Remember several facts, in order."""
        self._recorded.extend(events)

    def release(self, waited_for: Iterable[str]) -> None:
        """Let messages go on that wait for any of these keys; takes effect with the commit."""
        self._released.update(waited_for)

    def do_last(self, work: Callable[[], Awaitable[None]]) -> None:
        """
        Do this just before the commit, after all that other handlers do in this unit.

        For what takes a lock that nobody may hold while he waits for another.
        """
        self._last.append(work)

    def when_committed(self, wake: Callable[[], None]) -> None:
        """Call `wake` once this unit is committed; never if it is not."""
        self._when_committed.append(wake)

    def signal(self, name: str) -> None:
        """Wake, once this unit is committed, whoever waits for this signal in this process."""
        self._signals.add(name)

    async def flush(self) -> None:
        """Write what is recorded into the open transaction now: a large unit need not hold it all.

        Nothing is told before the commit; the order of the facts stays.
        """
        if not self._recorded:
            return
        await write_outbox(
            self.connection,
            [self._translate(event) for event in self._recorded],
            now=self.now,
            correlation_id=self.correlation_id,
        )
        self._recorded.clear()
        self._tells = True

    @property
    def recorded(self) -> Sequence[RecordedEvent]:
        """Return the facts recorded and not yet written."""
        return tuple(self._recorded)

    @property
    def tells(self) -> bool:
        """Tell whether facts of this unit were written for the relay."""
        return self._tells

    @property
    def has_released(self) -> bool:
        """Tell whether messages may go on after the commit."""
        return bool(self._released)


class UnitOfWorkFactory:
    """Opens units of work on one service's database and writes their events to its outbox."""

    def __init__(self, engine: AsyncEngine, clock: Clock, translate: Translate) -> None:
        self.engine = engine
        self.clock = clock
        self._translate = translate
        self._on_told: list[Callable[[], None]] = []
        self._on_released: list[Callable[[], None]] = []
        self._on_signal: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    def on(self, engine: AsyncEngine) -> "UnitOfWorkFactory":
        """Return a factory of the same units over another pool; it wakes the same ones."""
        other = UnitOfWorkFactory(engine, self.clock, self._translate)
        other._on_told, other._on_released = self._on_told, self._on_released
        other._on_signal = self._on_signal
        return other

    def when_told(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit that wrote to the outbox."""
        self._on_told.append(wake)

    def when_released(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit that let waiting messages go on."""
        self._on_released.append(wake)

    def when_signalled(self, name: str, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit of a unit that gave this signal."""
        self._on_signal[name].append(wake)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work; commit when the block ends, undo everything if it raises."""
        async with self.engine.begin() as connection:
            unit = UnitOfWork(connection, self.clock(), self._translate)
            yield unit
            await self.finish(unit)
            crash_point("unit.before-commit")
        self.committed(unit)

    async def finish(self, unit: UnitOfWork) -> None:
        """Write the unit's events and releases, and do what is to come last, before the commit."""
        await unit.flush()
        if unit.has_released:
            await unit.connection.execute(
                _RELEASE,
                {"keys": sorted(unit._released), "now": unit.now},
            )
        for work in unit._last:
            await work()

    def committed(self, unit: UnitOfWork) -> None:
        """Wake those who have work now that the unit is committed."""
        if unit.tells:
            for wake in self._on_told:
                wake()
        if unit.has_released:
            for wake in self._on_released:
                wake()
        for wake in unit._when_committed:
            wake()
        for name in unit._signals:
            for wake in self._on_signal.get(name, ()):
                wake()


_ACT_AS = text(
    "SELECT set_config('suhde.actor', :actor, true), set_config('suhde.moment', :moment, true)"
)
_RELEASE = text(
    """
    UPDATE inbox SET state = 'pending', waiting_for = NULL, available_at = :now
    WHERE state = 'waiting' AND waiting_for = ANY(CAST(:keys AS text[]))
    """
)
