"""The RabbitMQ bus: FastStream brokers on two connections, one to publish and one to consume.

Four defaults of the framework lose or hide messages; `make_broker` is the one place that sets them
right, and a test refuses any other: an exception must not drop a message, an unroutable publish
must raise, prefetch must be bounded, and every wait has a deadline of ours around it. Publishing
and consuming share no connection, since a broker under alarm blocks the one that publishes.

The intake consumes through the queue that the broker holds and stores whole batches, because one
transaction per message costs fifteen times as much (docs/decisions/0003). It acknowledges only the
contiguous prefix of what is committed.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import cast

from aio_pika import RobustExchange
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustQueue
from aiormq.channel import Channel as AmqpChannel
from aiormq.exceptions import AMQPError
from faststream import AckPolicy
from faststream.exceptions import IncorrectState
from faststream.rabbit import Channel, RabbitBroker

from shared.chassis.bus.pipeline import publish_batch
from shared.chassis.bus.port import Bus, Listener, Outcome
from shared.chassis.bus.topology import (
    DEAD_LETTERS,
    dead_letter_queue,
    exchange,
    inbox_queue,
)
from shared.chassis.crash_points import crash_point
from shared.chassis.inbox import ENTRANCE, MAX_MESSAGE
from shared.chassis.logs import get_logger
from shared.chassis.messages import Incoming, Outgoing

CONNECT_SECONDS = 5.0
CONFIRM_SECONDS = 5.0
CLOSE_SECONDS = 3.0
RETRY_SECONDS = 0.5
PREFETCH = 1000
STORE_BATCH = 500
MAX_HEADER_BYTES = 60_000

log = get_logger(__name__)

# What a lost or closing connection raises, in any of the three layers.
_CONNECTION_ERRORS = (
    IncorrectState,
    AMQPError,
    OSError,
    TimeoutError,
    RuntimeError,
    asyncio.InvalidStateError,
)


def make_broker(url: str, *, prefetch: int = PREFETCH) -> RabbitBroker:
    """Return a broker with the dangerous defaults overridden; the only place that makes one."""
    return RabbitBroker(
        url,
        timeout=CONNECT_SECONDS,
        fail_fast=True,
        reconnect_interval=RETRY_SECONDS,
        graceful_timeout=CLOSE_SECONDS,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        default_channel=Channel(
            prefetch_count=prefetch, publisher_confirms=True, on_return_raises=True
        ),
        logger=None,
        apply_types=False,
    )


class RabbitBus(Bus):
    """Carries events between services through RabbitMQ."""

    def __init__(self, url: str) -> None:
        self._publisher = _Publisher(url)
        self._url = url
        self._intakes: list[_Intake] = []

    def listen(self, listener: Listener) -> None:
        """Register a service; before `start`."""
        self._intakes.append(_Intake(self._url, listener))

    async def start(self) -> None:
        """Begin to connect and deliver; goes on trying while the broker is away."""
        for intake in self._intakes:
            intake.start()

    async def publish(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Publish in order with pipelined confirms; return one outcome per message."""
        return await self._publisher.publish(messages)

    async def stop_delivery(self) -> None:
        """Cancel the consumers first, so that draining counts no delivery of new messages."""
        for intake in self._intakes:
            await intake.stop()

    async def stop(self) -> None:
        """Close both connections; gives up on a blocked one after a few seconds."""
        await self._publisher.stop()

    async def problem(self) -> str | None:
        """Return why messages cannot be carried: broker away, blocked, or our consumer missing."""
        for intake in self._intakes:
            problem = await intake.problem()
            if problem:
                return problem
        return await self._publisher.problem()


class _Publisher:
    def __init__(self, url: str) -> None:
        self._url = url
        self._broker: RabbitBroker | None = None
        self._exchanges: dict[str, RobustExchange] = {}
        self._connecting = asyncio.Lock()

    async def publish(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connected({message.exchange for message in messages})
        except _CONNECTION_ERRORS as error:
            log.warning("publish_impossible", error=repr(error))
            await self._reset()
            return [Outcome.FAILED] * len(messages)
        outcomes = await self._publish_connected(messages)
        if Outcome.FAILED in outcomes and len(messages) > 1:
            # A message that closes the channel takes its neighbours with it: those that are still
            # open go one by one, so that only the one at fault is refused.
            await self._reset()
            return [
                outcome if outcome is not Outcome.FAILED else await self._publish_alone(message)
                for message, outcome in zip(messages, outcomes, strict=True)
            ]
        return list(outcomes)

    async def _publish_alone(self, message: Outgoing) -> Outcome:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connected({message.exchange})
        except _CONNECTION_ERRORS:
            return Outcome.FAILED
        (outcome,) = await self._publish_connected([message])
        if outcome is Outcome.FAILED:
            await self._reset()
        return outcome

    async def _publish_connected(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        fits = [_header_bytes(message) <= MAX_HEADER_BYTES for message in messages]
        sendable = list(compress(messages, fits))
        if not sendable:
            return [Outcome.REFUSED] * len(messages)
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                # All exchanges live on the broker's one publishing channel.
                channel = await self._exchanges[sendable[0].exchange].channel.get_underlay_channel()
                sent = iter(await publish_batch(cast(AmqpChannel, channel), sendable))
        except (*_CONNECTION_ERRORS, KeyError):
            sent = iter([Outcome.FAILED] * len(sendable))
        return [next(sent) if fit else Outcome.REFUSED for fit in fits]

    async def _connected(self, names: Iterable[str]) -> None:
        async with self._connecting:
            if self._broker is None:
                self._exchanges = {}
                broker = make_broker(self._url)
                try:
                    await broker.connect()
                except BaseException:
                    await _close(broker)
                    raise
                self._broker = broker
            for name in names:
                if name not in self._exchanges:
                    self._exchanges[name] = await self._broker.declare_exchange(
                        exchange(name, declare=False)
                    )

    async def _reset(self) -> None:
        broker, self._broker, self._exchanges = self._broker, None, {}
        if broker is not None:
            await _close(broker)

    async def stop(self) -> None:
        await self._reset()

    async def problem(self) -> str | None:
        try:
            async with asyncio.timeout(2.0):
                await self._connected(())
                assert self._broker is not None
                connection = self._broker._connection
                if connection is None or not connection.connected.is_set():
                    return "the connection to RabbitMQ is down"
                # An exchange of the name "" always exists; asking proves that the broker answers.
                channel = await connection.channel()
                try:
                    await channel.get_exchange(DEAD_LETTERS, ensure=True)
                finally:
                    await channel.close()
        except _CONNECTION_ERRORS as error:
            return f"RabbitMQ does not answer: {error!r}"[:300]
        return None


def _header_bytes(message: Outgoing) -> int:
    return sum(len(name) + len(value) for name, value in message.headers.items())


class _Intake:
    """Takes messages from one queue into one inbox, in batches, and acknowledges what is safe."""

    def __init__(self, url: str, listener: Listener) -> None:
        self._url = url
        self._listener = listener
        self._task: asyncio.Task[None] | None = None
        self._arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        self._queue: AbstractRobustQueue | None = None
        self._stopping = asyncio.Event()
        self._broker: RabbitBroker | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"intake-{self._listener.service}")

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=2 * CLOSE_SECONDS)
            if not done:
                self._task.cancel()
                await asyncio.wait([self._task], timeout=CLOSE_SECONDS)

    async def problem(self) -> str | None:
        if self._task is None or self._task.done():
            return f"the intake of {self._listener.service} does not run"
        if self._queue is None:
            return f"the intake of {self._listener.service} is not connected to RabbitMQ"
        try:
            async with asyncio.timeout(2.0):
                connection = self._broker._connection if self._broker else None
                if connection is None:
                    return f"the intake of {self._listener.service} is not connected to RabbitMQ"
                channel = await connection.channel()
                try:
                    queue = await channel.declare_queue(self._queue.name, passive=True)
                finally:
                    await channel.close()
        except _CONNECTION_ERRORS as error:
            return f"RabbitMQ does not answer: {error!r}"[:300]
        if not queue.declaration_result.consumer_count:
            return f"nobody consumes from {queue.name}"
        return None

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._consume()
            except _CONNECTION_ERRORS as error:
                log.warning(
                    "intake_interrupted", service=self._listener.service, error=repr(error)[:300]
                )
            self._queue = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._stopping.wait()

    async def _consume(self) -> None:
        """Consume on a fresh connection until stopped or until the connection fails."""
        self._arrived = asyncio.Queue()
        broker = self._broker = make_broker(self._url)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await broker.connect()
                queue = await broker.declare_queue(
                    inbox_queue(self._listener.service, declare=False)
                )
                tag = await queue.consume(self._take)
            self._queue = queue
            closed = asyncio.Event()
            queue.channel.close_callbacks.add(lambda *_: closed.set())
            await self._store_until(closed)
            if not closed.is_set():
                async with asyncio.timeout(CLOSE_SECONDS):
                    await queue.cancel(tag)
        finally:
            self._queue = None
            await _close(broker)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        # No await before the append: deliveries keep their order, so tags arrive in sequence.
        self._arrived.put_nowait(message)

    async def _store_until(self, closed: asyncio.Event) -> None:
        ended = [
            asyncio.create_task(closed.wait()),
            asyncio.create_task(self._stopping.wait()),
        ]
        try:
            while True:
                first = asyncio.create_task(self._arrived.get())
                await asyncio.wait([first, *ended], return_when=asyncio.FIRST_COMPLETED)
                if closed.is_set() or self._stopping.is_set():
                    # Unacknowledged messages go back to the queue when the channel closes.
                    first.cancel()
                    return
                batch = [first.result()]
                while len(batch) < STORE_BATCH and not self._arrived.empty():
                    batch.append(self._arrived.get_nowait())
                await self._store(batch)
        finally:
            for task in ended:
                task.cancel()

    async def _store(self, batch: list[AbstractIncomingMessage]) -> None:
        incoming = [Incoming(body=message.body, headers=_headers(message)) for message in batch]
        while True:
            try:
                await self._listener.store(incoming)
                break
            except Exception as error:
                # The messages stay unacknowledged; prefetch bounds how many wait here.
                log.warning("inbox_unavailable", service=self._listener.service, error=repr(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._stopping.wait()
                if self._stopping.is_set():
                    raise ConnectionAbortedError("stopping with the inbox unavailable") from error
        crash_point("intake.stored")
        too_large = [message for message in batch if len(message.body) > MAX_MESSAGE]
        for message in too_large:
            # The whole message goes to the dead-letter queue; the inbox holds the notice of it.
            await message.reject(requeue=False)
        await self._acknowledge(batch, {id(message) for message in too_large})

    async def _acknowledge(self, batch: list[AbstractIncomingMessage], rejected: set[int]) -> None:
        # Everything before this batch is acknowledged already, and the batch is in sequence and
        # committed as a whole: its newest tag is the end of the contiguous committed prefix.
        for newest in reversed(batch):
            if id(newest) not in rejected:
                async with asyncio.timeout(CONFIRM_SECONDS):
                    await newest.ack(multiple=True)
                break
        crash_point("intake.acknowledged")


def _headers(message: AbstractIncomingMessage) -> dict[str, object]:
    headers: dict[str, object] = {**message.headers, ENTRANCE: message.exchange}
    # Publishers that set properties but no ce-id still have an identity to be found by.
    for name in ("message_id", "content_type", "user_id"):
        value = getattr(message, name)
        if value is not None:
            headers[f"amqp-{name}"] = value
    return headers


async def _close(broker: RabbitBroker) -> None:
    """Close a broker; a connection that is blocked is left to the garbage collector."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CLOSE_SECONDS):
            await broker.stop()


async def declare_topology(
    url: str, bindings: Mapping[str, Iterable[tuple[str, str]]], *, exchanges: Iterable[str]
) -> None:
    """
    Declare exchanges, queues and bindings; run by the deploy step, with a user that may configure.

    `bindings` maps a service to its (exchange, routing key) pairs. Repeating it changes nothing.
    Raises if what exists differs from what is asked for.
    """
    broker = make_broker(url)
    try:
        async with asyncio.timeout(30):
            await broker.connect()
            dead = await broker.declare_exchange(exchange(DEAD_LETTERS, declare=True))
            declared = {
                name: await broker.declare_exchange(exchange(name, declare=True))
                for name in exchanges
            }
            for service, pairs in bindings.items():
                letters = await broker.declare_queue(dead_letter_queue(service))
                await letters.bind(dead, service)
                inbox = await broker.declare_queue(inbox_queue(service, declare=True))
                for name, key in pairs:
                    await inbox.bind(declared[name], key)
    finally:
        await _close(broker)
