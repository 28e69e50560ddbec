"""SIGKILL at every step between receive and acknowledge loses nothing and doubles nothing.

FAILURES rows 27 and 28. Each case feeds fresh customers with one invoice each, kills one service at
one named step, starts it again, and compares what a listener knows with what the ERP has said.
"""

import asyncio
import json
from typing import Any

import aio_pika
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.chassis.testing.waiting import eventually
from tests.integration.customers.erp import customer, document
from tests.system.processes import ServiceProcess

pytestmark = pytest.mark.rabbitmq

CRASH_POINTS = (
    "inbox.received",
    "inbox.before-commit",
    "inbox.committed",
    "intake.stored",
    "intake.acknowledged",
    "worker.claimed",
    "worker.handled",
    "unit.before-commit",
    "worker.committed",
    "relay.claimed",
    "relay.published",
    "relay.marked",
)
# At the second passage something has gone well before. The very first one, and a later one, for a
# step before a commit of the inbox and one between the broker and a mark.
CASES = (
    *((point, 2) for point in CRASH_POINTS),
    *((point, hit) for point in ("inbox.before-commit", "relay.published") for hit in (1, 3)),
)
# Of customers activities only hears: it has nothing to relay, and may get all at once, so that no
# step of the way is passed twice; units are opened at the start, too.
HEARING = tuple(
    (point, 2 if point.startswith("unit.") else 1)
    for point in CRASH_POINTS
    if not point.startswith("relay.")
)
CUSTOMERS = 20


async def publish(broker_url: str, events: list[dict[str, Any]]) -> None:
    connection = await aio_pika.connect(broker_url)
    async with asyncio.timeout(20), connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange("suhde.erp")
        for event in events:
            await exchange.publish(
                aio_pika.Message(json.dumps(event).encode(), delivery_mode=2),
                routing_key=event["type"],
                mandatory=True,
            )


async def rows(process: ServiceProcess, statement: str) -> list[Any]:
    engine = create_async_engine(process.database_url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(statement))]
    finally:
        await engine.dispose()


@pytest.mark.parametrize(
    ("victim", "listener"),
    [("customers", "mailing"), ("mailing", "mailing"), ("activities", "activities")],
)
async def test_a_kill_at_any_step_loses_and_doubles_nothing(
    deployed: dict[str, ServiceProcess], victim: str, listener: str
) -> None:
    await deployed[listener if victim == "customers" else "customers"].start()
    expected: dict[str, str] = {}

    for case, (point, hit) in enumerate(HEARING if victim == "activities" else CASES):
        await deployed[victim].start(crash_point=point, hit=hit)
        events = []
        for number in range(CUSTOMERS):
            ref, day = f"{case}-{number}", f"20{10 + case}-01-{number + 1:02}"
            events.append(customer(ref))
            events.append(document("invoice-posted", f"i{ref}", ref, day))
            events.append(events[-1])
            expected[f"Customer {ref}"] = day
        await publish(deployed[victim].broker_url, events)
        await deployed[victim].killed()
        await deployed[victim].start()

        async def known() -> bool:
            found = await rows(deployed[listener], "SELECT name, started_on::text FROM customer")
            missing = expected.items() - dict(found).items()
            assert not missing, f"{len(missing)} of {len(expected)} missing: {min(missing)} ..."
            assert len(found) == len(expected)
            return True

        await eventually(known, within=60)
        await deployed[victim].stop()

    documents = await rows(deployed["customers"], "SELECT count(*) FROM erp_document")
    assert documents == [(len(expected),)]
    firsts = await rows(
        deployed["customers"],
        "SELECT count(*) FROM outbox WHERE type = 'customers.first-invoice-posted.v1'",
    )
    assert firsts == [(len(expected),)]
    for process in (deployed["customers"], deployed[listener]):
        unfinished = await rows(process, "SELECT count(*) FROM inbox WHERE state = 'parked'")
        assert unfinished == [(0,)]
