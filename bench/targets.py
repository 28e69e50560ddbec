"""What it costs to record an activity that counts to targets, with little history and with much.

200 sellers in one group, four categories; a weekly and a monthly target of each seller and of the
group. Prints milliseconds, the CPU that PostgreSQL used, and ratios.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.databases import fresh_database
from services.activities.domain.periods import Period
from services.activities.handlers.install_defaults import install_defaults
from services.activities.handlers.plan_activity import SaveActivity
from services.activities.handlers.read_progress import read_leaders, read_periods
from services.activities.handlers.save_activity import record_activity
from services.activities.messaging.publications import translate
from services.activities.persistence.progress import Subject
from shared.chassis.database import connect
from shared.chassis.ids import new_id
from shared.chassis.testing.servers import find_postgres
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.projection.store import CustomerRow, save_customers

SELLERS = 200
SHORT, LONG = 60, 1800
TIMES = 100
ZONE = ZoneInfo("Europe/Helsinki")
TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TICKS = os.sysconf("SC_CLK_TCK")

FILL = (
    "INSERT INTO seller (seller, version, created_at, updated_at) "
    "SELECT 's' || n, 1, now(), now() FROM generate_series(1, :sellers) AS n",
    "UPDATE list_value SET facts = facts || '{\"sales_target\": true}' "
    "WHERE list = 'activity_category'",
    "INSERT INTO user_group (group_id, version) VALUES (:group, 1)",
    "INSERT INTO user_group_member SELECT :group, seller, '1900-01-01' FROM seller",
    "ANALYZE user_group_member",
)
TALLY = """
    INSERT INTO tally SELECT seller, key, CAST(:today AS date) - n, 3
    FROM seller, list_value, generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
    WHERE list = 'activity_category'
"""
TARGETS = """
    INSERT INTO target (target_id, version, seller, group_id, category, period, first_day, wanted,
                        created_at, updated_at)
    SELECT gen_random_uuid(), 1, seller, group_id, key, period, '2019-07-01', 1000, now(), now()
    FROM (SELECT seller, CAST(NULL AS uuid) AS group_id FROM seller WHERE :sellers
          UNION ALL SELECT NULL, :group WHERE :groups) AS subject,
         list_value, (VALUES ('week'), ('month')) AS each (period)
    WHERE list = 'activity_category'
"""


async def measured(
    units: UnitOfWorkFactory, work: Callable[[UnitOfWork], Awaitable[Any]]
) -> tuple[float, float]:
    """Return the median in ms, and the CPU of PostgreSQL for each in ms, of doing it often."""
    took = []
    async with units() as unit:
        pid = (await unit.connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await work(unit)
    before = _cpu(pid)
    for _ in range(TIMES):
        started = perf_counter()
        async with units() as unit:
            await work(unit)
        took.append(1000 * (perf_counter() - started))
    return median(took), 1000 * (_cpu(pid) - before) / TIMES


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def analyze(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE tally"))
        await autocommit.execute(text("VACUUM ANALYZE target"))


async def main() -> None:
    postgres = await find_postgres()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(postgres.close)
        url = await fresh_database(postgres, stack, "activities")
        engine = connect(url, name="bench", pool_size=1, command_seconds=300)
        units = UnitOfWorkFactory(engine, lambda: NOW, translate)
        group, customer = new_id(), new_id()
        async with units() as unit:
            await install_defaults(unit)
            await save_customers(unit.connection, [CustomerRow(customer, version=1, name="Oy")])
            for statement in FILL:
                await unit.connection.execute(text(statement), {"sellers": SELLERS, "group": group})

        async def record(unit: UnitOfWork) -> None:
            said = SaveActivity(customer, 4, "Visit", seller="s7", starts_at=NOW)
            await record_activity(said, unit, ZONE)

        async def week_of_group(unit: UnitOfWork) -> None:
            await read_periods(unit.connection, Subject(None, group), Period.WEEK, TODAY)

        async def leaders(unit: UnitOfWork) -> None:
            await read_leaders(unit.connection, 4, Period.MONTH, TODAY, group_id=None)

        figures: dict[str, list[tuple[float, float]]] = {}
        before = -1
        for days in (SHORT, LONG):
            async with units() as unit:
                values = {"today": TODAY, "first": before + 1, "last": days}
                await unit.connection.execute(text(TALLY), values)
                before = days
            for name, sellers, groups in (
                ("record, no targets", False, False),
                ("record, targets of sellers", True, False),
                ("record, of their group too", True, True),
            ):
                async with units() as unit:
                    await unit.connection.execute(text("DELETE FROM target"))
                    await unit.connection.execute(
                        text(TARGETS), {"sellers": sellers, "groups": groups, "group": group}
                    )
                await analyze(engine)
                figures.setdefault(name, []).append(await measured(units, record))
            figures.setdefault("week of the group", []).append(await measured(units, week_of_group))
            figures.setdefault("leaders of a month", []).append(await measured(units, leaders))
        await engine.dispose()
    print(f"{'':28}{SHORT} days: p50, CPU of PostgreSQL{LONG:8} days: the same    ratio of CPU")
    for name, ((few, few_cpu), (many, many_cpu)) in figures.items():
        ratio = many_cpu / max(few_cpu, 0.01)
        print(f"{name:28}{few:8.1f}{few_cpu:8.2f} ms{many:18.1f}{many_cpu:8.2f} ms{ratio:10.2f}")
    print("load", os.getloadavg(), "rows of the tally", SELLERS * 4 * LONG)


asyncio.run(main())
