"""Two tiny services on one bus: a teller with an outbox and a hearer with an inbox."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import aio_pika
from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.bus.port import Bus, Listener
from shared.chassis.bus.rabbitmq import RabbitBus, declare_topology
from shared.chassis.clock import system_clock
from shared.chassis.database import connect
from shared.chassis.inbox import Inbox, Label, UnreadableMessage
from shared.chassis.messages import Batch, Outgoing, Publication
from shared.chassis.relay import Address, Relay
from shared.chassis.tables import add_chassis_tables, add_jobs_table
from shared.chassis.testing.servers import Postgres
from shared.chassis.testing.waiting import eventually
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.chassis.worker import Subscription, Worker
from shared.contracts.envelope import UnreadableEnvelope, body_hash, read_data, read_envelope

SAVED = "teller.thing-saved.v1"
UNHEARD = "teller.thing-unheard.v1"
POISON = "poison"
UNSTORABLE = "unstorable"

metadata = MetaData()
add_chassis_tables(metadata)
add_jobs_table(metadata)
Table(
    "thing",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("value", Text, nullable=False),
)
# One row per application of a message: two rows of one message are a doubled effect.
Table("effect", metadata, Column("message_id", Text, nullable=False))


class Thing(BaseModel):
    """The data of the test event."""

    id: str
    version: int = 1
    value: str = "plain"
    needs: str | None = None
    heard: bool = True


def read_label(body: bytes, headers: Mapping[str, Any]) -> Label:
    try:
        envelope = read_envelope(body, headers)
    except UnreadableEnvelope as error:
        raise UnreadableMessage(
            f"{error.field}_invalid", f"{error.field}: {error.reason}. {error.remedy}"
        ) from None
    return Label(
        source=envelope.source,
        message_id=envelope.id,
        type=envelope.type,
        subject=envelope.subject,
        time=envelope.time,
        structured=envelope.structured,
    )


def read_stored(body: bytes, is_structured: bool) -> bytes:
    return read_data(body, structured=is_structured)


def translate(event: Any) -> Publication:
    kind = SAVED if event.heard else UNHEARD
    return Publication(kind, event.id, event.model_dump_json(exclude={"heard"}).encode())


async def build(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


def headers_of(
    message_id: str, *, kind: str = SAVED, subject: str | None = None, source: str = "outside"
) -> dict[str, str]:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": message_id,
        "ce-source": source,
        "ce-type": kind,
    }
    return headers | ({"ce-subject": subject} if subject else {})


@dataclass
class Node:
    """One service's stores."""

    engine: AsyncEngine
    units: UnitOfWorkFactory

    async def ask(self, statement: str, **values: Any) -> list[Any]:
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(statement), values)).all())

    async def execute(self, statement: str, **values: Any) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(text(statement), values)


@dataclass
class Rig:
    """The two services, their bus, and the questions the tests ask."""

    bus: Bus
    teller: Node
    hearer: Node
    inbox: Inbox
    worker: Worker
    relay: Relay
    exchange: str
    service: str
    rabbit_url: str | None
    # What the handler stumbles over; emptied to mend it.
    poisonous: set[str] = field(default_factory=lambda: {POISON, UNSTORABLE})
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def address(self, kind: str) -> Address:
        return Address(self.exchange, must_be_heard=True)

    def another_relay(self, kind: type[Relay] = Relay, bus: Bus | None = None) -> Relay:
        return kind(
            self.teller.engine, bus or self.bus, source="teller", address=self.address, batch=20
        )

    def run(self, *loops: Any) -> None:
        self.tasks.extend(asyncio.create_task(loop.run()) for loop in loops)

    async def start(self) -> None:
        await self.bus.start()
        self.run(self.worker, self.relay)

    async def say(self, *things: Thing) -> None:
        async with self.teller.units() as unit:
            unit.record_all(things)

    async def raw(self, body: bytes, headers: Mapping[str, str], *, times: int = 1) -> None:
        """Deliver bytes as an outsider would."""
        for _ in range(times):
            if self.rabbit_url is None:
                await self.bus.publish(
                    [Outgoing(uuid4(), self.exchange, SAVED, body, headers, True)]
                )
                continue
            connection = await aio_pika.connect(self.rabbit_url)
            async with connection:
                channel = await connection.channel()
                exchange = await channel.get_exchange(self.exchange)
                await exchange.publish(
                    aio_pika.Message(body, headers=dict(headers)), routing_key=SAVED
                )

    async def things(self) -> dict[str, tuple[int, str]]:
        rows = await self.hearer.ask("SELECT id, version, value FROM thing")
        return {row.id: (row.version, row.value) for row in rows}

    async def has(self, *ids: str, within: float = 15.0) -> None:
        async def probe() -> bool:
            found = await self.things()
            assert set(ids) <= set(found), f"missing {sorted(set(ids) - set(found))[:5]}"
            return True

        await eventually(probe, within=within)

    async def parked(self, count: int = 1, within: float = 15.0) -> list[Any]:
        async def probe() -> list[Any]:
            rows = await self.hearer.ask(
                "SELECT seq, reason, detail, body FROM inbox WHERE state = 'parked' ORDER BY seq"
            )
            states = await self.hearer.ask(
                "SELECT state, attempts, waiting_for, detail FROM inbox WHERE state <> 'done'"
            )
            assert len(rows) >= count, f"{len(rows)} parked; open: {states}"
            return rows

        return await eventually(probe, within=within)

    async def effects(self) -> list[int]:
        rows = await self.hearer.ask("SELECT count(*) AS n FROM effect GROUP BY message_id")
        return [row.n for row in rows]

    async def lost(self) -> set[UUID]:
        """Which events count as sent, but never came."""
        sent = await self.teller.ask("SELECT message_id FROM outbox WHERE sent_at IS NOT NULL")
        came = await self.hearer.ask("SELECT message_id FROM inbox")
        return {row.message_id for row in sent} - {UUID(row.message_id) for row in came}

    async def handle(self, batch: Batch[Thing], unit: UnitOfWork) -> None:
        known = {row.id for row in await unit.connection.execute(text("SELECT id FROM thing"))}
        known |= {message.data.id for message in batch if message.data.needs is None}
        for message in batch:
            thing = message.data
            if thing.value in self.poisonous:
                if thing.value == UNSTORABLE:
                    # The driver refuses it before it is sent: not a failure of the database.
                    await unit.connection.execute(text("SELECT CAST(:n AS integer)"), {"n": 2**80})
                raise RuntimeError("value: poisoned by the test")
            if thing.needs is not None and thing.needs not in known:
                batch.wait(message, thing.needs)
                continue
            await unit.connection.execute(
                text(
                    """
                    INSERT INTO thing (id, version, value) VALUES (:id, :version, :value)
                    ON CONFLICT (id) DO UPDATE SET version = :version, value = :value
                    WHERE thing.version < :version
                    """
                ),
                {"id": thing.id, "version": thing.version, "value": thing.value},
            )
            await unit.connection.execute(
                text("INSERT INTO effect (message_id) VALUES (:id)"), {"id": message.message_id}
            )
        unit.release(message.data.id for message in batch)


def structured(message_id: str, thing: Thing) -> bytes:
    document = {
        "specversion": "1.0",
        "id": message_id,
        "source": "outside",
        "type": SAVED,
        "subject": thing.id,
        "data": thing.model_dump(),
    }
    return json.dumps(document).encode()


@asynccontextmanager
async def make_rig(
    postgres: Postgres,
    *,
    rabbit_url: str | None = None,
    waiting_deadline: timedelta = timedelta(hours=1),
) -> AsyncIterator[Rig]:
    unique = uuid4().hex[:8]
    exchange, service = f"suhde.test-{unique}", f"hearer-{unique}"
    async with AsyncExitStack() as stack:
        nodes = []
        for _ in range(2):
            url = await stack.enter_async_context(postgres.database("chassis", build))
            engine = connect(url, name="chassis-test")
            stack.push_async_callback(engine.dispose)
            nodes.append(Node(engine, UnitOfWorkFactory(engine, system_clock, translate)))
        teller, hearer = nodes
        if rabbit_url is None:
            bus: Bus = InProcessBus()
        else:
            await declare_topology(rabbit_url, {service: [(exchange, SAVED)]}, exchanges=[exchange])
            bus = RabbitBus(rabbit_url)
        inbox = Inbox(
            hearer.engine,
            system_clock,
            read_label=read_label,
            read_data=read_stored,
            body_hash=body_hash,
        )
        rig: Rig
        worker = Worker(
            hearer.units,
            {SAVED: Subscription(Thing, lambda batch, unit: rig.handle(batch, unit))},
            read_data=read_stored,
            waiting_deadline=waiting_deadline,
        )
        relay = Relay(
            teller.engine,
            bus,
            source="teller",
            address=lambda kind: Address(exchange, must_be_heard=True),
        )
        rig = Rig(bus, teller, hearer, inbox, worker, relay, exchange, service, rabbit_url)
        teller.units.when_told(relay.wake)
        hearer.units.when_released(worker.wake)
        inbox.when_stored(worker.wake)
        bus.listen(Listener(service, frozenset({SAVED}), inbox.store))
        try:
            yield rig
        finally:
            await bus.stop_delivery()
            for task in rig.tasks:
                task.cancel()
            if rig.tasks:
                await asyncio.wait(rig.tasks, timeout=5)
            await bus.stop()


def batches(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
