"""A million opportunities of 200 sellers in a tree of 12 groups: forecasts, and a stage change.

Prints p50 and p99 of forecasts over HTTP, checks them against the opportunities themselves, and
tells what a stage change costs among ten thousand and among all. `SUHDE_BENCH_OPPORTUNITIES` makes
fewer; with `SUHDE_BENCH_DATABASE` the database of that name is made if it is not there, and kept.
"""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from bench.asking import client_of, timed
from bench.databases import filled, without_indexes
from services.pipeline.handlers.recount_forecasts import recount_forecasts
from services.pipeline.persistence.rollups import shares_of
from shared.chassis.service import Service
from shared.chassis.testing.servers import find_postgres

OPPORTUNITIES = int(os.environ.get("SUHDE_BENCH_OPPORTUNITIES", "1000000"))
DATABASE = os.environ.get("SUHDE_BENCH_DATABASE")
RUNS = int(os.environ.get("SUHDE_BENCH_RUNS", "50"))
FEW = 10_000
SELLERS, CUSTOMERS, GROUPS = 200, 20_000, 12
PAGE, WARM_UP, MOVES = 50, 20, 300


async def fill(url: str, count: int) -> None:
    engine = create_async_engine(url)
    values = {"count": count, "sellers": SELLERS, "customers": CUSTOMERS, "groups": GROUPS}
    async with engine.begin() as connection:
        async with without_indexes(connection, "opportunity"):
            for statement in FILL:
                await connection.execute(text(statement), values)
        await recount_forecasts(connection)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE"))
    await engine.dispose()


async def measure(service: Service) -> None:
    """Ask over HTTP, in this process, as a manager would."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(client_of(service))
        # All connections of the pool are there, whose CPU is then read.
        others = [await service.engine.connect() for _ in range(2)]
        connection = await stack.enter_async_context(service.engine.connect())
        for other in others:
            await other.close()
        ids = list((await connection.execute(text(SOME_IDS))).scalars())
        await connection.rollback()

        async def limit() -> None:
            async with service.engine.connect() as one:
                await one.execute(text(BY_ID), {"ids": random.sample(ids, PAGE)})

        pids = list((await connection.execute(text(BACKENDS))).scalars())
        await connection.rollback()
        before = cpu(pids)
        least, slowest = await timed(RUNS, limit)
        used = (cpu(pids) - before) / RUNS
        tell("the limit, 50 opportunities by id", least, slowest, used)
        for title, params in questions():

            async def ask(params: dict[str, Any] = params) -> None:
                answer = await api.get("/v1/forecasts", params=params)
                assert answer.status_code == 200, answer.text

            before = cpu(pids)
            half, most = await timed(RUNS, ask)
            tell(title, half, most, (cpu(pids) - before) / RUNS)
        await compare(api, connection)


def cpu(pids: list[int]) -> float:
    """Return the milliseconds that these processes were on a CPU: other work does not count."""
    spent = (Path(f"/proc/{pid}/schedstat").read_text().split()[0] for pid in pids)
    return sum(map(int, spent)) / 1e6


def tell(title: str, half: float, most: float, used: float) -> None:
    print(f"  {title:45} p50 {half:7.1f}  p99 {most:7.1f}  CPU of PostgreSQL {used:7.1f}")


def questions() -> list[tuple[str, dict[str, Any]]]:
    month = f"{date.today():%Y-%m}"
    year = date.today().year
    coming = {"from": month, "to": f"{later(12):%Y-%m}"}
    whole = {"from": f"{year}-01", "to": f"{year}-12"}
    return [
        ("the coming year by month and group", {**coming, "by": "month,group"}),
        ("the same in one currency", {**coming, "by": "month,group", "currency": "EUR"}),
        ("the coming year by month", {**coming, "by": "month"}),
        ("the coming year by seller and stage", {**coming, "by": "seller,stage"}),
        (
            "the coming year by month, of a group",
            {**coming, "by": "month", "group_id": group_id(1)},
        ),
        ("this calendar year by month and group", {**whole, "by": "month,group"}),
        ("the last three years by quarter and group", {**past(), "by": "quarter,group"}),
        ("the coming year by customers' status", {**coming, "by": "customer_status"}),
    ]


def past() -> dict[str, str]:
    year = date.today().year
    return {"from": f"{year - 3}-{date.today():%m}", "to": f"{date.today():%Y-%m}"}


def later(months: int) -> date:
    month = 12 * date.today().year + date.today().month - 2 + months
    return date(month // 12, month % 12 + 1, 1)


def group_id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"


async def compare(api: httpx.AsyncClient, connection: AsyncConnection) -> None:
    """Compare the forecast by month and group with the opportunities themselves."""
    params = questions()[0][1]
    answer = (await api.get("/v1/forecasts", params=params)).json()
    shown = {
        (line["by"], line["and_by"], line["currency"]): (line["best"], line["weighted"])
        for line in answer["lines"]
        if line["and_by"] is not None
    }
    values = {
        "since": date.fromisoformat(answer["since"]),
        "until": date.fromisoformat(answer["until"]),
    }
    counted = (await connection.execute(text(RECOUNT), values)).all()
    assert shown == {tuple(row[:3]): (int(row.value), int(row.weighted)) for row in counted}
    print(f"  {len(shown)} lines of groups are what the opportunities themselves give")


async def compare_moves(few: Service, many: Service) -> None:
    """Let opportunities go from stage to stage in both, in turn, and compare."""
    took: dict[str, list[float]] = {"few": [], "many": []}
    used: dict[str, list[float]] = {"few": [], "many": []}
    async with few.engine.connect() as in_few, many.engine.connect() as in_many:
        places = {"few": in_few, "many": in_many}
        ids, pids = {}, {}
        for name, connection in places.items():
            ids[name] = list((await connection.execute(text(OPEN_IDS))).scalars())
            pids[name] = [(await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()]
            await connection.rollback()
        for turn in range(MOVES + WARM_UP):
            for name, connection in places.items():
                one = random.choice(ids[name])
                spent, began = cpu(pids[name]), perf_counter()
                await connection.execute(text(MOVE), {"id": one, "number": 1 + turn % 3})
                await connection.commit()
                if turn >= WARM_UP:
                    took[name].append(1000 * (perf_counter() - began))
                    used[name].append(cpu(pids[name]) - spent)
    for what, figures in (("p50", took), ("CPU of PostgreSQL", used)):
        least, most = median(figures["few"]), median(figures["many"])
        print(f"a stage change, {what}: among {FEW:,} {least:.2f} ms, among {OPPORTUNITIES:,}")
        print(f"  {most:.2f} ms, {most / least:.2f} x")


async def recounted(service: Service) -> None:
    """Recount after all these changes: nothing may be wrong."""
    engine = create_async_engine(service.engine.url, poolclass=NullPool)
    began = perf_counter()
    async with engine.begin() as connection:
        wrong = await recount_forecasts(connection)
        sizes = (await connection.execute(text(SIZES))).one()
    await engine.dispose()
    assert not any(wrong.values()), wrong
    print(f"a recount: {perf_counter() - began:.1f} s, nothing to mend in {sizes}")


BACKENDS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'pipeline'
"""
SIZES = """
    SELECT (SELECT count(*) FROM forecast_share) AS shares,
           (SELECT count(*) FROM forecast_shared) AS shared
"""
SOME_IDS = "SELECT opportunity_id FROM opportunity TABLESAMPLE SYSTEM (1) LIMIT 5000"
OPEN_IDS = "SELECT opportunity_id FROM opportunity WHERE outcome = 'open' ORDER BY 1 LIMIT 3000"
BY_ID = "SELECT * FROM opportunity WHERE opportunity_id = ANY(CAST(:ids AS uuid[]))"
MOVE = """
    UPDATE opportunity SET stage = to_stage.key, version = opportunity.version + 1,
                           updated_at = now(), entered_at = now(), probability_source = 'stage',
                           probability = CAST(to_stage.facts ->> 'probability' AS smallint)
    FROM list_value AS to_stage
    WHERE opportunity_id = :id AND to_stage.list = 'stage' AND to_stage.number = :number
"""
RECOUNT = f"""
    WITH RECURSIVE above (group_id, seller, since, until) AS (
        SELECT group_id, seller, since, until FROM user_group_member
        UNION
        SELECT parent_id, seller, since, until FROM above JOIN user_group USING (group_id)
        WHERE parent_id IS NOT NULL
    )
    SELECT to_char(day, 'YYYY-MM'), CAST(group_id AS text), currency, sum(value) AS value,
           sum(weighted) AS weighted
    FROM (SELECT DISTINCT which.*, group_id
          FROM {shares_of("opportunity", beside=("opportunity_id", "outcome"))} AS which
          JOIN above ON above.seller = which.seller
                    AND CASE outcome WHEN 'open' THEN current_date ELSE day END
                        BETWEEN since AND coalesce(until, 'infinity')
          WHERE day BETWEEN :since AND :until) AS share
    GROUP BY 1, 2, 3
"""
FILL = (
    # No trigger, nor checks of references: what is kept is counted at the end.
    "SET LOCAL session_replication_role = replica",
    "SELECT setseed(0.5)",
    """
    INSERT INTO classification (token, list_name, number, version, title)
    SELECT 'customer_status/' || n, 'customer_status', n, 1, 'Status ' || n
    FROM generate_series(1, 6) AS n
    """,
    """
    INSERT INTO customer (customer_id, version, number, name, held)
    SELECT CAST(md5('customer ' || n) AS uuid), 1, CAST(n AS text), 'Asiakas ' || n || ' Oy',
           ARRAY['customer_status/' || 1 + n % 6]
    FROM generate_series(0, CAST(:customers AS int) - 1) AS n
    """,
    """
    INSERT INTO list_value (value_id, list, number, version, title, created_at, updated_at)
    VALUES (gen_random_uuid(), 'opportunity_type', 3, 1, 'Palvelu', now(), now())
    """,
    # One group above three, and eight below these, with 25 sellers each; a tenth are in two groups,
    # and a tenth came from another a year ago.
    """
    INSERT INTO user_group (group_id, version, title, kind, parent_id, created_at, updated_at)
    SELECT CAST('00000000-0000-0000-0000-' || lpad(CAST(n AS text), 12, '0') AS uuid), 1,
           'Ryhmä ' || n, 'sales',
           CASE WHEN n > 1 THEN CAST('00000000-0000-0000-0000-'
               || lpad(CAST(CASE WHEN n < 5 THEN 1 ELSE 2 + n % 3 END AS text), 12, '0') AS uuid)
           END, now(), now()
    FROM generate_series(1, CAST(:groups AS int)) AS n
    """,
    """
    INSERT INTO user_group_member (group_id, seller, since, until)
    SELECT CAST('00000000-0000-0000-0000-' || lpad(CAST(5 + (n + extra.shift) % 8 AS text), 12, '0')
                AS uuid),
           'seller.' || n,
           CASE WHEN n % 10 = 2 AND extra.shift = 0 THEN current_date - 365 ELSE '2000-01-01' END,
           CASE WHEN n % 10 = 2 AND extra.shift = 2 THEN current_date - 366 END
    FROM generate_series(0, CAST(:sellers AS int) - 1) AS n
    JOIN LATERAL (VALUES (0), (1), (2)) AS extra (shift)
      ON extra.shift = 0 OR n % 10 = extra.shift
    """,
    """
    INSERT INTO exchange_rate
    SELECT 'SEK', current_date - 30 * n, 0.09 + 0.0001 * n, now() FROM generate_series(0, 40) AS n
    """,
    # Two of five are open, over 24 months from now; a third of the others each is won, lost and
    # expired, over three years. A twentieth is shared, a twentieth in another currency.
    """
    WITH drawn AS (
        SELECT n, random() AS which, floor(random() * CAST(:sellers AS int))::int AS seller,
               random() AS due, random() AS manual, floor(random() * 4)::int AS kind,
               1000 + floor(random() * 5000000)::bigint AS value, random() AS shared
        FROM generate_series(1, CAST(:count AS int)) AS n
    ), placed AS (
        SELECT *, CASE WHEN which < 0.4 THEN 1 + floor(which / 0.4 * 3)::int
                       ELSE 4 + floor((which - 0.4) / 0.6 * 3)::int END AS step
        FROM drawn
    )
    INSERT INTO opportunity (opportunity_id, version, customer_id, name, value, currency,
                             expected_close, pipeline, stage, outcome, closed, closed_on,
                             entered_at, probability, probability_source, type, sellers, weights,
                             position, created_at, updated_at)
    SELECT gen_random_uuid(), 1,
           CAST(md5('customer ' || placed.n % CAST(:customers AS int)) AS uuid),
           'Kauppa ' || placed.n, value,
           CASE WHEN placed.n % 20 = 7 THEN 'SEK' ELSE 'EUR' END,
           CASE WHEN step < 4 THEN current_date + floor(due * 730)::int
                ELSE current_date - floor(due * 1095)::int END,
           stage.parent, stage.key, stage.facts ->> 'outcome', step >= 4,
           CASE WHEN step >= 4 THEN current_date - floor(due * 1095)::int END, now(),
           CASE WHEN step < 4 AND manual < 0.1 THEN 5 * floor(manual * 200)::int
                ELSE CAST(stage.facts ->> 'probability' AS int) END,
           CASE WHEN step < 4 AND manual < 0.1 THEN 'manual' ELSE 'stage' END, type.key,
           CASE WHEN shared < 0.05 THEN ARRAY['seller.' || seller, 'seller.' || (seller + 1) % 200]
                ELSE ARRAY['seller.' || seller] END,
           CASE WHEN shared < 0.05 THEN ARRAY[67, 33] ELSE ARRAY[100] END,
           placed.n, now(), now()
    FROM placed JOIN list_value AS stage ON stage.list = 'stage' AND stage.number = placed.step
    LEFT JOIN list_value AS type ON type.list = 'opportunity_type' AND type.number = placed.kind
    """,
    "SET LOCAL session_replication_role = origin",
)


async def main() -> None:
    random.seed(1)
    print(f"load {os.getloadavg()[0]:.1f}")
    postgres = await find_postgres()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(postgres.close)
        few = await stack.enter_async_context(filled(postgres, "pipeline", fill, FEW))
        many = await stack.enter_async_context(
            filled(postgres, "pipeline", fill, OPPORTUNITIES, DATABASE)
        )
        await compare_moves(few, many)
        print("milliseconds, over HTTP in this process:")
        await measure(many)
        await recounted(many)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    asyncio.run(main())
