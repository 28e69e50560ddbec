"""SIGKILL at every step between receive and acknowledge loses nothing and doubles nothing.

FAILURES rows 27 and 28. Each case feeds fresh customers with one invoice each, kills one service at
one named step, starts it again, and compares what a listener knows with what the ERP has said.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

import aio_pika
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.chassis.testing.waiting import eventually
from tests.integration.customers.erp import customer, document
from tests.system.processes import ServiceProcess
from tests.system.test_jobs import execute

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
# Of customers these two only hear: they have nothing to relay, and may get all at once, so that no
# step of the way is passed twice; units are opened at the start, too.
HEARING = tuple(
    (point, 2 if point.startswith("unit.") else 1)
    for point in CRASH_POINTS
    if not point.startswith("relay.")
)
HEAR = ("activities", "pipeline")
TELLING = tuple(point for point in CRASH_POINTS if point.startswith("relay."))
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
    [("customers", "mailing"), ("mailing", "mailing"), *((one, one) for one in HEAR)],
)
async def test_a_kill_at_any_step_loses_and_doubles_nothing(
    deployed: dict[str, ServiceProcess], victim: str, listener: str
) -> None:
    await deployed[listener if victim == "customers" else "customers"].start()
    expected: dict[str, str] = {}

    for case, (point, hit) in enumerate(HEARING if victim in HEAR else CASES):
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
            if listener == "pipeline":
                recorded = await rows(deployed[listener], "SELECT count(*) FROM document")
                assert recorded == [(len(expected),)]
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


async def test_a_kill_while_pipeline_tells_loses_and_doubles_nothing(
    deployed: dict[str, ServiceProcess],
) -> None:
    pipeline, activities = deployed["pipeline"], deployed["activities"]
    await asyncio.gather(pipeline.start(), activities.start())
    await asyncio.gather(pipeline.ready(), activities.ready())

    async def all_is_sent() -> bool:
        unsent = await rows(pipeline, "SELECT count(*) FROM outbox WHERE sent_at IS NULL")
        assert unsent == [(0,)]
        return True

    for point in TELLING:
        # What was told before is sent, or it would pass the step.
        await eventually(all_is_sent, within=30)
        await pipeline.stop()
        await pipeline.start(crash_point=point)
        await pipeline.ready()
        async with httpx.AsyncClient(base_url=pipeline.url, headers=pipeline.headers) as client:
            # It may be dead before it has answered.
            with suppress(httpx.TransportError):
                await client.post("/v1/user-groups", json={"title": point})
        await pipeline.killed()
        # As if the lease had run out; a test need not wait for it.
        await execute(pipeline, "UPDATE outbox SET leased_until = now() WHERE sent_at IS NULL")
        await pipeline.start()

    async def known() -> bool:
        found = await rows(activities, "SELECT title FROM user_group ORDER BY title")
        assert found == [(point,) for point in sorted(TELLING)]
        return True

    await eventually(known, within=60)
    heard = "SELECT count(*) FROM inbox WHERE type = 'pipeline.user-group-saved.v1'"
    assert await rows(activities, heard) == [(len(TELLING),)]
