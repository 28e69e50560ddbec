"""The relay: takes committed events from the outbox to the bus.

It claims rows with a lease (`SKIP LOCKED`, so that several relays share the work), publishes them,
and marks them sent only when the bus has confirmed each. A relay that dies in between leaves the
lease to run out: events may go out twice, never not at all. A row that the bus refuses for what it
is gets quarantined with the reason, and one that finds no listener is tried again later, while
their neighbours go on.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.bus.port import Bus, Outcome
from shared.chassis.crash_points import crash_point
from shared.chassis.database import is_transient
from shared.chassis.logs import get_logger
from shared.chassis.messages import Outgoing

LEASE_SECONDS = 30
IDLE_SECONDS = 1.0
FAILURE_SECONDS = 0.5
PUBLISH_SECONDS = 10.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where events of one type go, and whether somebody must be there to hear."""

    exchange: str
    must_be_heard: bool


class Relay:
    """Sends one service's outbox to the bus, woken by commits, never losing a row."""

    def __init__(
        self,
        engine: AsyncEngine,
        bus: Bus,
        *,
        source: str,
        address: Callable[[str], Address],
        batch: int = 500,
    ) -> None:
        # Each statement by itself: a lost claim or mark only means that rows are sent again.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._bus = bus
        self._source = source
        self._address = address
        self._batch = batch
        self._wake = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Say that there may be rows to send."""
        self._wake.set()

    def stop(self) -> None:
        """Ask the relay to end after the batch in hand."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Send until stopped; failures of the bus or the database are retried for ever."""
        while not self._stopping:
            self._wake.clear()
            try:
                sent = await self.send_batch()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("relay_interrupted", error=repr(error))
                sent = None
            if sent is None:
                await asyncio.sleep(FAILURE_SECONDS)
            elif sent < self._batch:
                await self._rest()

    async def send_batch(self) -> int | None:
        """Send one batch; return how many rows went, or None if the bus took none of them."""
        lease = uuid4()
        async with self._engine.connect() as connection:
            result = await connection.execute(
                _CLAIM, {"lease": lease, "seconds": LEASE_SECONDS, "limit": self._batch}
            )
            rows = sorted(result.all(), key=lambda row: row.seq)
        if not rows:
            return 0
        crash_point("relay.claimed")
        outcomes = await self._publish([self._outgoing(row) for row in rows])
        crash_point("relay.published")
        seqs: dict[Outcome, list[int]] = {outcome: [] for outcome in Outcome}
        for row, outcome in zip(rows, outcomes, strict=True):
            seqs[outcome].append(row.seq)
        async with self._engine.connect() as connection:
            for outcome, mark in _MARKS.items():
                if seqs[outcome]:
                    await connection.execute(mark, {"lease": lease, "seqs": seqs[outcome]})
        crash_point("relay.marked")
        if seqs[Outcome.UNHEARD]:
            # Their lease stays, as a pause: others go on, and they are tried again when it ends.
            types = {row.type for row in rows if row.seq in set(seqs[Outcome.UNHEARD])}
            log.error("events_unheard", rows=len(seqs[Outcome.UNHEARD]), types=sorted(types))
        if seqs[Outcome.REFUSED]:
            log.error("outbox_quarantined", rows=seqs[Outcome.REFUSED])
        return None if seqs[Outcome.FAILED] else len(rows)

    async def _publish(self, messages: list[Outgoing]) -> list[Outcome]:
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                return await self._bus.publish(messages)
        except TimeoutError:
            log.warning("publish_deadline", messages=len(messages))
            return [Outcome.FAILED] * len(messages)

    def _outgoing(self, row: object) -> Outgoing:
        kind: str = row.type  # type: ignore[attr-defined]
        address = self._address(kind)
        headers = {
            "ce-specversion": "1.0",
            "ce-id": str(row.message_id),  # type: ignore[attr-defined]
            "ce-source": self._source,
            "ce-type": kind,
            "ce-subject": row.subject,  # type: ignore[attr-defined]
            "ce-time": row.time.isoformat(),  # type: ignore[attr-defined]
        }
        if row.correlation_id:  # type: ignore[attr-defined]
            headers["ce-correlationid"] = row.correlation_id  # type: ignore[attr-defined]
        return Outgoing(
            message_id=row.message_id,  # type: ignore[attr-defined]
            exchange=address.exchange,
            type=kind,
            body=row.body,  # type: ignore[attr-defined]
            headers=headers,
            must_be_heard=address.must_be_heard,
        )

    async def _rest(self) -> None:
        # The timeout finds rows that another process wrote, or whose lease ran out.
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return


_CLAIM = text(
    """
    UPDATE outbox SET lease = :lease,
                      leased_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE seq IN (
        SELECT seq FROM outbox
        WHERE sent_at IS NULL AND quarantined IS NULL
          AND (leased_until IS NULL OR leased_until < clock_timestamp())
        ORDER BY seq LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING seq, message_id, type, subject, body, correlation_id, time
    """
)
# Found by their keys: a search by the lease would read the whole outbox.
_MARKS = {
    Outcome.CONFIRMED: text(
        """
        UPDATE outbox SET leased_until = NULL, sent_at = clock_timestamp()
        WHERE seq = ANY(CAST(:seqs AS bigint[])) AND lease = :lease AND sent_at IS NULL
        """
    ),
    Outcome.REFUSED: text(
        """
        UPDATE outbox SET leased_until = NULL, quarantined = 'refused by the bus'
        WHERE seq = ANY(CAST(:seqs AS bigint[])) AND lease = :lease AND sent_at IS NULL
        """
    ),
    # Without a lease, so that the next attempt need not wait for its end.
    Outcome.FAILED: text(
        """
        UPDATE outbox SET leased_until = NULL
        WHERE seq = ANY(CAST(:seqs AS bigint[])) AND lease = :lease AND sent_at IS NULL
        """
    ),
}
