"""Segments over 10,000 and 1,000,000 contacts: what a change costs, counts, recipients and builds.

Each figure is compared with what the same machine does at least, in the same run: an update of one
row with its commit, or COPY of the same query.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from bench.databases import fresh_database
from services.mailing import bootstrap
from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.rules import Rule
from services.mailing.handlers.build_segments import build_next
from services.mailing.handlers.export_recipients import Export, export_recipients
from services.mailing.handlers.follow_changes import follow_next
from services.mailing.handlers.keep_segments import make_segment, preview_rule
from services.mailing.handlers.project_contacts import on_contact_saved
from services.mailing.persistence import segments
from services.mailing.persistence.gate import ADDRESS, BANNED
from services.mailing.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.clock import system_clock
from shared.chassis.database import connect
from shared.chassis.messages import Batch, Message
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres, find_postgres
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.contracts.customers import ContactSaved, PersonalData, Role

SIZES = [10_000, int(os.environ.get("SUHDE_BENCH_CONTACTS", "1000000"))]
TURNS = int(os.environ.get("SUHDE_BENCH_TURNS", "9"))
EVENTS = 40
GROUPS = 1_000
TICKED = 7
ZONE = ZoneInfo("Europe/Helsinki")
DEPENDENTS = 10
THREE: dict[str, list[dict[str, Any]]] = {
    of_whom: [
        {"op": "customer_has", "list": name, "numbers": numbers},
        {"op": "has_attribute", "number": 2},
        {"op": "contact_field", "field": "language", "is_one_of": ["fi"]},
    ]
    for of_whom, name, numbers in (
        ("three groups of a thousand", "customer_group", [2, 3, 7]),
        ("one status of four", "customer_status", [1]),
    )
}
EVERYBODY: dict[str, Any] = {"op": "all", "rules": []}


@dataclass
class Bench:
    """One mailing service that holds so many contacts."""

    service: Service
    building: UnitOfWorkFactory
    contacts: int
    ids: list[UUID]
    version: int = 1

    async def rows(self, sql: str, **parameters: object) -> Sequence[Any]:
        async with self.building.engine.connect() as connection:
            return (await connection.execute(text(sql), parameters)).all()

    async def change(self, sql: str, **parameters: object) -> None:
        async with self.building.engine.begin() as connection:
            await connection.execute(text(sql), parameters)

    async def make(self, rule: dict[str, Any]) -> UUID:
        async with self.service.units() as uow:
            return (await make_segment("Some", Rule.model_validate(rule), uow)).segment_id

    async def settle(self) -> None:
        while await build_next(self.building, ZONE) or await self.follow():
            pass

    async def follow(self) -> bool:
        return await follow_next(self.service.units, ZONE)

    async def tell(self, contact_id: UUID, *, ticked: bool, last_name: str = "Virtanen") -> None:
        """Take over a contact, as the worker does."""
        self.version += 1
        told = ContactSaved(
            contact_id=contact_id,
            version=self.version,
            person=PersonalData(first_name="Aino", last_name=last_name, email="a@example.fi"),
            customers=[Role(customer_id=contact_id)],
            attributes=[TICKED] if ticked else [],
            language="fi",
        )
        now = system_clock()
        message = Message(0, "/suhde", str(self.version), "contact-saved", now, now, told)
        async with self.service.units() as uow:
            await on_contact_saved(Batch([message]), uow)

    async def update(self, contact_id: UUID) -> None:
        """Do what any change does at least."""
        self.version += 1
        async with self.service.units() as uow:
            await uow.connection.execute(
                text("UPDATE contact SET last_name = :name WHERE contact_id = :id"),
                {"id": contact_id, "name": str(self.version)},
            )


async def open_bench(server: Postgres, stack: AsyncExitStack, contacts: int) -> Bench:
    """Make contacts at a customer each, four statuses, a thousand groups, five attributes."""
    url = await fresh_database(server, stack, "mailing")
    settings = Settings(database_url=url, broker_url="amqp://unused", api_key="k" * 32)
    service = bootstrap.build(settings, InProcessBus())
    building = connect(url, name="bench", command_seconds=bootstrap.BUILD_SECONDS)
    for engine in (service.engine, building):
        stack.push_async_callback(engine.dispose)
    bench = Bench(service, service.units.on(building), contacts, [])
    name = url.rsplit("/", 1)[1]
    await bench.change(f'ALTER DATABASE "{name}" SET synchronous_commit = on')
    await building.dispose()
    for statement in FILL:
        await bench.change(statement, count=contacts, groups=GROUPS)
    async with building.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in ("contact", "customer", "contact_customer", "classification", "gate"):
            await plain.execute(text(f"VACUUM ANALYZE {table}"))
    some = await bench.rows("SELECT contact_id FROM contact ORDER BY random() LIMIT 2000")
    bench.ids = [row.contact_id for row in some]
    return bench


async def timed(run: Awaitable[object]) -> float:
    """Return milliseconds."""
    began = perf_counter()
    await run
    return 1000 * (perf_counter() - began)


async def unasked(bench: Bench) -> None:
    """Measure events that no segment asks about, with none, some and many segments, in turn."""
    for number in range(1, GROUPS + 1):
        rule = {"op": "customer_has", "list": "customer_group", "numbers": [number]}
        await bench.make(rule)
    await bench.settle()
    await bench.change("CREATE TABLE kept AS SELECT *, dense_rank() OVER (ORDER BY rule_id) AS n "
                       "FROM segment_dependency")  # fmt: skip
    # Each is taken over once before, so that what changes is the last name alone.
    ids = bench.ids[:EVENTS]
    for one in ids:
        await bench.tell(one, ticked=False)
    took: dict[int, list[float]] = {0: [], 100: [], GROUPS: []}
    for _ in range(TURNS):
        for count, times in took.items():
            await bench.change("TRUNCATE segment_dependency")
            await bench.change(
                "INSERT INTO segment_dependency SELECT key, rule_id FROM kept WHERE n <= :count",
                count=count,
            )
            await bench.change("ANALYZE segment_dependency")
            for one in ids:
                told = bench.tell(one, ticked=False, last_name=str(random.random()))
                times.append(await timed(told))
    await bench.change("DROP TABLE kept")
    none = median(took[0])
    print("an event that no segment asks about:")
    for count, times in took.items():
        print(f"  {count:5} segments {median(times):6.2f} ms  {median(times) / none:5.2f} x")


async def one_person(bench: Bench) -> None:
    """Measure events that change one person and ten segments, until the members have followed."""
    await bench.change("TRUNCATE segment, segment_rule, segment_dependency, member, member_change")
    for number in range(DEPENDENTS):
        rule = {"op": "all", "rules": [
            {"op": "has_attribute", "number": TICKED},
            {"op": "not", "rule": {"op": "has_attribute", "number": 100 + number}},
        ]}  # fmt: skip
        await bench.make(rule)
    await bench.settle()
    limit: list[float] = []
    told: list[float] = []
    followed: list[float] = []
    ticked = False
    for one in bench.ids[:EVENTS]:
        await bench.tell(one, ticked=False)
    await bench.settle()
    for _ in range(TURNS):
        ticked = not ticked
        for one in bench.ids[:EVENTS]:
            limit.append(await timed(bench.update(one)))
            told.append(await timed(bench.tell(one, ticked=ticked)))
            followed.append(await timed(bench.follow()))
    (row,) = await bench.rows("SELECT count(*) AS moves FROM member_change")
    assert row.moves >= TURNS * EVENTS * DEPENDENTS, row.moves
    least, taken, kept = median(limit), median(told), median(followed)
    print(f"an event that changes one of {bench.contacts:,} and {DEPENDENTS} segments:")
    print(f"  the limit, one row updated {least:6.2f} ms")
    print(f"  taken over                 {taken:6.2f} ms  {taken / least:5.1f} x")
    print(f"  members followed           {kept:6.2f} ms  {kept / least:5.1f} x")


async def count_from_scratch(bench: Bench) -> None:
    """Compare a count of three conditions, for each channel, with counting the rows of a table."""
    least = [
        await timed(bench.rows("SELECT count(*) FROM contact WHERE NOT deleted"))
        for _ in range(TURNS)
    ]
    print(f"three conditions counted from scratch over {bench.contacts:,} "
          f"(the contacts alone: {median(least):.0f} ms):")  # fmt: skip
    for of_whom, rules in THREE.items():
        rule = Rule.model_validate({"op": "all", "rules": rules})

        async def preview(rule: Rule = rule) -> int:
            async with bench.service.units() as uow:
                shown = await preview_rule(rule, uow, zone=ZONE, limit_seconds=3600.0)
            return shown[Channel.EMAIL].counts.members

        took = [await timed(preview()) for _ in range(TURNS)]
        print(f"  {of_whom:28} {await preview():7,} members  median {median(took):.0f} ms, "
              f"best {min(took):.0f} ms")  # fmt: skip


async def build_everybody(bench: Bench) -> UUID:
    segment_id = await bench.make(EVERYBODY)
    took = await timed(bench.settle())
    print(f"a segment of {bench.contacts:,} built: {took / 1000:.1f} s")
    return segment_id


async def stream_recipients(bench: Bench, segment_id: UUID) -> None:
    """Compare the stream of recipients with COPY of one query that finds the same."""
    await bench.change(
        "UPDATE consent_position SET confirmed_probe_at = clock_timestamp(), confirmed_seq = 0, "
        "applied_through = 0, email_configured = true"
    )
    async with bench.service.units() as uow:
        segment = await segments.find(uow.connection, segment_id)
    assert segment is not None and segment.live_rule_id is not None
    query = COPIED.replace(":channel", "'email'").replace(":customer_id", "NULL")
    query = query.replace(":rule_id", f"'{segment.live_rule_id}'")
    streams: list[float] = []
    copies: list[float] = []
    sizes = [0, 0]

    async def stream() -> None:
        command = Export(segment_id, Channel.EMAIL, Purpose.MARKETING, "csv")
        parts = await export_recipients(command, bench.service.units, limit_seconds=3600.0)
        sizes[0] = sum([len(part) async for part in parts])

    async def copy() -> None:
        async with bench.building.engine.connect() as connection:
            sizes[1] = 0

            async def taken(data: bytes) -> None:
                sizes[1] += len(data)

            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.copy_from_query(query, output=taken, format="csv", timeout=300)

    for _ in range(max(3, TURNS // 3)):
        copies.append(await timed(copy()))
        streams.append(await timed(stream()))
    print(f"recipients as CSV: {median(streams) / 1000:.1f} s for {sizes[0]:,} bytes; COPY of the "
          f"same query {median(copies) / 1000:.1f} s for {sizes[1]:,} bytes; "
          f"{median(copies) / median(streams):.0%} of its speed")  # fmt: skip


async def main() -> None:
    random.seed(1)
    async with AsyncExitStack() as stack:
        postgres = await find_postgres()
        stack.push_async_callback(postgres.close)
        print(f"load {os.getloadavg()[0]:.1f}")
        for size in SIZES:
            bench = await open_bench(postgres, stack, size)
            if size == SIZES[0]:
                await unasked(bench)
            await one_person(bench)
            await count_from_scratch(bench)
            await stream_recipients(bench, await build_everybody(bench))
            print(f"load {os.getloadavg()[0]:.1f}", flush=True)


COPIED = f"""
    SELECT contact_id, first_name, last_name, language, email
    FROM contact JOIN member USING (contact_id)
    WHERE rule_id = :rule_id AND NOT deleted AND {ADDRESS} IS NOT NULL AND NOT {BANNED}
    ORDER BY contact_id
"""
FILL = (
    """
    INSERT INTO classification (token, list_name, number, version, title)
    SELECT list || '/' || n, list, n, 1, 'A value'
    FROM (VALUES ('customer_status', 4), ('customer_group', CAST(:groups AS int)),
                 ('contact_attribute', 200)) AS made (list, most), generate_series(1, most) AS n
    WHERE CAST(:count AS int) > 0
    """,
    """
    INSERT INTO customer (customer_id, version, number, name, held, held_version)
    SELECT CAST(md5('c' || n) AS uuid), 1, CAST(n AS text), 'Asiakas ' || n,
           ARRAY['customer_status/' || 1 + n % 4, 'customer_group/' || 1 + n % :groups], 1
    FROM generate_series(1, CAST(:count AS int)) AS n
    """,
    """
    INSERT INTO contact (contact_id, version, first_name, last_name, email, email_key, language,
                         attributes, held, held_version)
    SELECT CAST(md5('c' || n) AS uuid), 1, 'Aino', 'Virtanen' || n, 'a' || n || '@example.fi',
           'a' || n || '@example.fi', CASE n % 3 WHEN 0 THEN 'sv' ELSE 'fi' END,
           ARRAY[1 + n % 5], ARRAY['contact_attribute/' || 1 + n % 5], 1
    FROM generate_series(1, CAST(:count AS int)) AS n WHERE CAST(:groups AS int) > 0
    """,
    """
    INSERT INTO contact_customer (contact_id, customer_id)
    SELECT CAST(md5('c' || n) AS uuid), CAST(md5('c' || n) AS uuid)
    FROM generate_series(1, CAST(:count AS int)) AS n WHERE CAST(:groups AS int) > 0
    """,
    """
    INSERT INTO gate (channel, key, banned)
    SELECT 'email', 'contact:' || CAST(md5('c' || n) AS uuid), true
    FROM generate_series(1, CAST(:count AS int), 100) AS n WHERE CAST(:groups AS int) > 0
    """,
)

if __name__ == "__main__":
    asyncio.run(main())
