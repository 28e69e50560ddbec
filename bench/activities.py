"""Five million activities of 200 sellers: seller view, statistics of a quarter, recording.

Prints p50 and p99, and ratios to a limit of the same run: a page of activities by their ids.
`SUHDE_BENCH_ACTIVITIES` makes fewer; with `SUHDE_BENCH_DATABASE` the database of that name is made
if it is not there, and kept.
"""

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bench.asking import client_of, timed
from bench.databases import filled, without_indexes
from services.activities.handlers.plan_activity import SaveActivity
from services.activities.handlers.save_activity import record_activity
from services.activities.persistence.activities import fetch_activities
from shared.chassis.service import Service
from shared.chassis.testing.servers import find_postgres

ACTIVITIES = int(os.environ.get("SUHDE_BENCH_ACTIVITIES", "5000000"))
DATABASE = os.environ.get("SUHDE_BENCH_DATABASE")
FEW = 10_000
SELLERS, CUSTOMERS = 200, 100_000
YEARS = 3
RUNS = int(os.environ.get("SUHDE_BENCH_RUNS", "100"))
PAGE, WARM_UP = 50, 20
ZONE = ZoneInfo("Europe/Helsinki")


async def fill(url: str, count: int) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    values = {"count": count, "sellers": SELLERS, "customers": CUSTOMERS, "days": 365 * YEARS}
    async with engine.connect() as connection:
        async with without_indexes(connection, "activity", "activity_count", "last_contact"):
            for statement in FILL:
                await connection.execute(text(statement), values)
        await connection.execute(text("VACUUM ANALYZE"))
    await engine.dispose()


async def measure(service: Service) -> None:
    """Ask over HTTP, in this process, as a seller and a manager would."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(client_of(service))
        connection = await stack.enter_async_context(service.engine.connect())
        found = await connection.execute(text(SOME_IDS))
        ids = list(found.scalars())
        await connection.rollback()

        async def limit() -> None:
            async with service.engine.connect() as one:
                await fetch_activities(one, random.sample(ids, PAGE))

        least, slowest = await timed(RUNS, limit)
        print(
            f"  {'the limit, a page of activities by id':44} p50 {least:7.1f}  p99 {slowest:7.1f}"
        )
        for title, path, asked in questions():

            async def ask(path: str = path, asked: Callable[[], dict[str, Any]] = asked) -> None:
                answer = await api.get(path, params=asked())
                assert answer.status_code == 200, answer.text

            half, most = await timed(RUNS, ask)
            ratio = f"{half / least:6.1f} x"
            print(f"  {title:44} p50 {half:7.1f}  p99 {most:7.1f}  {ratio}")


def questions() -> list[tuple[str, str, Callable[[], dict[str, Any]]]]:
    def seller() -> dict[str, Any]:
        return {"seller": f"seller.{random.randrange(SELLERS)}"}

    until = datetime.now(ZONE).date() - timedelta(days=random.randrange(30))
    quarter = {"since": str(until - timedelta(days=91)), "until": str(until)}
    year = {"since": str(until - timedelta(days=365)), "until": str(until)}
    card = "/v1/seller-view/cards/{}/activities"
    neglected = "/v1/seller-view/neglected-customers"
    return [
        ("seller view", "/v1/seller-view", seller),
        ("a card, 50 of all", card.format(4), seller),
        ("a card, this week", card.format(4), lambda: {**seller(), "when": "week"}),
        ("a card, overdue", card.format(4), lambda: {**seller(), "when": "overdue"}),
        ("neglected customers", neglected, seller),
        ("the same by anybody", neglected, lambda: {**seller(), "by": "anybody"}),
        *(
            (
                f"a {name} by {' and '.join(by.values())}",
                "/v1/activity-statistics",
                lambda period=period, by=by: {**period, **by},
            )
            for name, period, by in (
                ("quarter", quarter, {"by": "category"}),
                ("quarter", quarter, {"by": "seller", "and": "kind"}),
                ("quarter", quarter, {"by": "group", "and": "month"}),
                ("quarter", quarter, {"by": "week", "and": "type"}),
                ("year", year, {"by": "category"}),
                ("quarter", quarter, {"by": "attribute"}),
                ("quarter", quarter, {"by": "customer_type"}),
                ("quarter", quarter, {"by": "customer_group", "and": "kind"}),
            )
        ),
    ]


async def compare_recording(few: Service, many: Service) -> None:
    """Record one by one in both, in turn, and compare."""
    took: dict[str, list[float]] = {"few": [], "many": []}
    customers = {}
    for name, service in (("few", few), ("many", many)):
        async with service.engine.connect() as connection:
            customers[name] = list((await connection.execute(text(SOME_CUSTOMERS))).scalars())
    for turn in range(RUNS + WARM_UP):
        for name, service in (("few", few), ("many", many)):
            command = SaveActivity(
                random.choice(customers[name]),
                category=1 + turn % 4,
                memo="Sovittiin jatkosta.",
                seller=f"seller.{random.randrange(SELLERS)}",
            )
            began = perf_counter()
            async with service.units() as unit:
                await record_activity(command, unit, ZONE)
            if turn >= WARM_UP:
                took[name].append(1000 * (perf_counter() - began))
    least, most = median(took["few"]), median(took["many"])
    print(f"recording one: among {FEW:,} p50 {least:.1f} ms, among {ACTIVITIES:,} {most:.1f} ms,")
    print(f"  {most / least:.2f} x")


SOME_IDS = "SELECT activity_id FROM activity TABLESAMPLE SYSTEM (0.5) LIMIT 5000"
SOME_CUSTOMERS = "SELECT customer_id FROM customer TABLESAMPLE BERNOULLI (5)"
FILL = (
    # No trigger, nor checks of references: what is kept is filled in at the end.
    "SET session_replication_role = replica",
    "SELECT setseed(0.5)",
    """
    INSERT INTO classification (token, list_name, number, version, title, above)
    SELECT list || '/' || n, list, n, 1, initcap(list) || ' ' || n,
           CASE WHEN list = 'customer_group' AND n > 5 THEN 'customer_group/' || 1 + n % 5 END
    FROM unnest(ARRAY['customer_status', 'customer_type', 'customer_group']) AS list,
         generate_series(1, 25) AS n
    """,
    """
    INSERT INTO customer (customer_id, version, number, name, held)
    SELECT gen_random_uuid(), 1, CAST(n AS text), 'Asiakas ' || n || ' Oy',
           ARRAY['customer_status/' || 1 + n % 6, 'customer_type/' || 1 + n % 25,
                 'customer_group/' || 1 + n % 25]
    FROM generate_series(1, CAST(:customers AS int)) AS n
    """,
    """
    INSERT INTO seller (seller, version, name, created_at, updated_at)
    SELECT 'seller.' || n, 1, 'Myyjä ' || n, now(), now()
    FROM generate_series(0, CAST(:sellers AS int) - 1) AS n
    """,
    # One group above four, and five below each of these, with ten sellers each.
    """
    INSERT INTO user_group (group_id, version, title, parent_id)
    SELECT CAST(md5('group ' || n) AS uuid), 1, 'Ryhmä ' || n,
           CASE WHEN n > 0 THEN CAST(md5('group ' || (n - 1) / 5) AS uuid) END
    FROM generate_series(0, 24) AS n
    """,
    """
    INSERT INTO user_group_member (group_id, seller, since)
    SELECT CAST(md5('group ' || 5 + n % 20) AS uuid), 'seller.' || n, '2000-01-01'
    FROM generate_series(0, CAST(:sellers AS int) - 1) AS n
    """,
    """
    CREATE UNLOGGED TABLE numbered AS
    SELECT customer_id, CAST(number AS int) - 1 AS n FROM customer
    """,
    "ALTER TABLE numbered ADD PRIMARY KEY (n)",
    "ANALYZE numbered",
    # Nine of ten are of the 500 customers of the seller; one of a hundred is open.
    """
    WITH drawn AS (
        SELECT n, floor(random() * CAST(:sellers AS int))::int AS seller, random() AS whose,
               random() AS which, floor(random() * 4)::int AS category, random() AS open,
               now() - random() * make_interval(days => :days) AS at, random() AS attribute
        FROM generate_series(1, CAST(:count AS int)) AS n
    ), placed AS (
        SELECT *, CASE WHEN whose < 0.9 THEN seller + 200 * floor(which * 500)::int
                       ELSE floor(which * CAST(:customers AS int))::int END AS customer,
               CASE WHEN open < 0.01 THEN now() + (which - 0.7) * interval '40 days' ELSE at END
                   AS starts_at
        FROM drawn
    )
    INSERT INTO activity (activity_id, version, customer_id, category, kind, type, attributes,
                          seller, state, starts_at, due_at, day, subject, memo, created_at,
                          updated_at)
    SELECT gen_random_uuid(), 1, numbered.customer_id, category.key,
           CAST(category.facts ->> 'kind' AS int), CAST(category.facts ->> 'type' AS int),
           CASE WHEN attribute < 0.3
                THEN ARRAY[(SELECT min(key) FROM list_value WHERE list = 'activity_attribute')]
                ELSE '{}' END,
           'seller.' || seller, CASE WHEN open < 0.01 THEN 'open' ELSE 'done' END, starts_at,
           CASE WHEN open < 0.01 THEN starts_at END,
           CAST(starts_at AT TIME ZONE 'Europe/Helsinki' AS date), 'Puhelu ' || placed.n,
           repeat('Sovittiin jatkosta. ', 5), starts_at, starts_at
    FROM placed JOIN numbered ON numbered.n = placed.customer
    JOIN list_value AS category ON category.list = 'activity_category'
                               AND category.number = 1 + placed.category
    """,
    "DROP TABLE numbered",
    """
    INSERT INTO activity_count (day, seller, category, kind, type, done, open)
    SELECT day, seller, category, kind, type, count(*) FILTER (WHERE state = 'done'),
           count(*) FILTER (WHERE state = 'open')
    FROM activity GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    """,
    """
    INSERT INTO last_contact (seller, customer_id, day)
    SELECT who.seller, customer_id, max(day)
    FROM activity CROSS JOIN LATERAL (VALUES (''), (activity.seller)) AS who (seller)
    WHERE state = 'done' GROUP BY 1, 2
    """,
    "RESET session_replication_role",
)


async def main() -> None:
    random.seed(1)
    print(f"load {os.getloadavg()[0]:.1f}")
    postgres = await find_postgres()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(postgres.close)
        few = await stack.enter_async_context(filled(postgres, "activities", fill, FEW))
        many = await stack.enter_async_context(
            filled(postgres, "activities", fill, ACTIVITIES, DATABASE)
        )
        await compare_recording(few, many)
        print("milliseconds, over HTTP in this process:")
        await measure(many)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    asyncio.run(main())
