"""From the ERP's publish to the recipient's change in mailing, over RabbitMQ, all on this machine.

Prints events per second for a burst of first invoices, CPU per event of each process and of the two
servers, and the latency at a steady rate. Latency ends at the moment the worker of mailing takes
the event, its commit not included.
"""

import asyncio
import json
import os
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bench.databases import fresh_database
from shared.chassis.bus.port import Outcome
from shared.chassis.bus.rabbitmq import RabbitBus, declare_topology
from shared.chassis.messages import Outgoing
from shared.chassis.testing.servers import find_postgres, find_rabbitmq
from shared.chassis.testing.waiting import eventually
from shared.contracts.wiring import EXCHANGES, bindings
from tests.integration.customers.erp import customer, document
from tests.system.processes import ServiceProcess, stopping

SERVICES = ("customers", "mailing")
BURST = int(os.environ.get("SUHDE_BENCH_EVENTS", "20000"))
STEADY_RATE = 100
STEADY_EVENTS = 500
TICKS = os.sysconf("SC_CLK_TCK")
SERVERS = {"postgres": "PostgreSQL", "beam.smp": "RabbitMQ"}


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """Return the CPU seconds spent so far: by each process named, by the servers, by the ERP."""
    named = {str(pid): name for name, pid in {**pids, "the ERP": os.getpid()}.items()}
    spent: dict[str, float] = defaultdict(float)
    for process in Path("/proc").iterdir():
        try:
            command, fields = (process / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        except (OSError, IndexError):
            continue
        name = named.get(process.name) or SERVERS.get(command)
        if name:
            spent[name] += sum(int(ticks) for ticks in fields.split()[11:13]) / TICKS
    return spent


async def publish(bus: RabbitBus, events: list[dict[str, Any]]) -> None:
    for begin in range(0, len(events), 500):
        outcomes = await bus.publish(
            [
                Outgoing(
                    message_id=UUID(int=begin + place),
                    exchange="suhde.erp",
                    type=event["type"],
                    body=json.dumps(event).encode(),
                    headers={},
                    must_be_heard=True,
                )
                for place, event in enumerate(events[begin : begin + 500])
            ]
        )
        assert set(outcomes) == {Outcome.CONFIRMED}, outcomes


async def count(engine: AsyncEngine, statement: str) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(text(statement))).scalar_one())


async def main() -> None:
    async with AsyncExitStack() as stack:
        postgres = await find_postgres()
        stack.push_async_callback(postgres.close)
        broker = await stack.enter_async_context((await find_rabbitmq()).vhost())
        topology = {name: bindings(name) for name in SERVICES}
        await declare_topology(broker, topology, exchanges=EXCHANGES)
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        processes: dict[str, ServiceProcess] = {}
        for name in SERVICES:
            url = await fresh_database(postgres, stack, name)
            processes[name] = ServiceProcess(name, url, broker, logs / f"{name}.log")
        await stack.enter_async_context(stopping(*processes.values()))
        for process in processes.values():
            await process.start()
        await asyncio.gather(*(process.ready() for process in processes.values()))
        bus = RabbitBus(broker)
        stack.push_async_callback(bus.stop)
        mailing = create_async_engine(processes["mailing"].database_url)
        stack.push_async_callback(mailing.dispose)

        refs = [f"c{number}" for number in range(BURST + STEADY_EVENTS)]
        await publish(bus, [customer(ref) for ref in refs])
        known = "SELECT count(*) FROM customer"

        async def all_known() -> bool:
            return await count(mailing, known) == len(refs)

        await eventually(all_known, within=300)
        await burst(bus, mailing, processes, refs[:BURST])
        await steady(bus, mailing, refs[BURST:])


async def burst(
    bus: RabbitBus, mailing: AsyncEngine, processes: dict[str, ServiceProcess], refs: list[str]
) -> None:
    pids = {name: one.process.pid for name, one in processes.items() if one.process is not None}
    before = cpu_seconds(pids)
    started = perf_counter()
    await publish(bus, [document("invoice-posted", f"i{ref}", ref, "2024-01-01") for ref in refs])
    published = perf_counter() - started
    begun = "SELECT count(*) FROM customer WHERE started_on IS NOT NULL"

    async def all_begun() -> bool:
        found = await count(mailing, begun)
        assert found >= len(refs), f"{found} of {len(refs)}"
        return True

    await eventually(all_begun, within=300)
    seconds = perf_counter() - started
    print(
        f"burst: {len(refs):,} events end to end in {seconds:.1f} s = {len(refs) / seconds:,.0f}/s"
    )
    print(f"       (publishing alone took the ERP {published:.1f} s of that, on the same cores)")
    spent = {name: after - before[name] for name, after in cpu_seconds(pids).items()}
    for name, cpu in sorted(spent.items()):
        print(f"       CPU per event in {name}: {1e6 * cpu / len(refs):,.0f} µs")
    print(f"       CPU per event in all: {1e6 * sum(spent.values()) / len(refs):,.0f} µs")


async def steady(bus: RabbitBus, mailing: AsyncEngine, refs: list[str]) -> None:
    sent: dict[str, datetime] = {}
    started = perf_counter()
    for place, ref in enumerate(refs):
        await asyncio.sleep(max(0.0, started + place / STEADY_RATE - perf_counter()))
        sent[f"Customer {ref}"] = datetime.now(UTC)
        await publish(bus, [document("invoice-posted", f"i{ref}", ref, "2024-01-01")])

    async def arrived() -> list[Any]:
        async with mailing.connect() as connection:
            rows = await connection.execute(
                text(
                    """
                    SELECT convert_from(body, 'UTF8')::jsonb ->> 'name' AS name, done_at FROM inbox
                    WHERE type = 'customers.customer-saved.v1' AND state = 'done'
                      AND convert_from(body, 'UTF8')::jsonb -> 'relationship' <> 'null'::jsonb
                    """
                )
            )
            found = [row for row in rows if row.name in sent]
        assert len(found) == len(sent), f"{len(found)} of {len(sent)}"
        return found

    waited = sorted(
        1000 * (row.done_at - sent[row.name]).total_seconds()
        for row in await eventually(arrived, within=60)
    )
    print(
        f"steady: {STEADY_RATE} events/s for {len(refs) / STEADY_RATE:.0f} s: latency p50 "
        f"{median(waited):.0f} ms, p99 {quantiles(waited, n=100)[98]:.0f} ms"
    )


if __name__ == "__main__":
    asyncio.run(main())
