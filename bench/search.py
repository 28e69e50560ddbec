"""The search of a million customers by a fragment, quiet and while others write.

Prints p50 and p99 by length of the fragment, and the ratio to what every search must do at least:
fetching a page of customers by their ids over the same connection, in the same run.
"""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bench.asking import timed
from bench.databases import fresh_database, prepared, service_at
from services.customers.domain.search import CustomerFilter, Sort
from services.customers.handlers.save_customer import Here, SaveCustomer, create_customer
from services.customers.handlers.search_customers import search_customers
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence.customers import fetch_customers, update_customers
from shared.chassis.testing.servers import find_postgres

CUSTOMERS = int(os.environ.get("SUHDE_BENCH_CUSTOMERS", "1000000"))
SEARCHES = int(os.environ.get("SUHDE_BENCH_SEARCHES", "300"))
PAGE = 51
WRITES_PER_SECOND = 50
SHORT, LONG = 3, 8
WORDS = 20_000
ENDS = ("n", "s", "t", "r", "l", "k", "", "", "", "", "", "")


async def fill(engine: AsyncEngine) -> None:
    """Make customers with made-up names of syllables, and a contact each for two of three."""
    async with engine.begin() as connection:
        values = {"count": CUSTOMERS, "words": made_up_words(), "words_count": WORDS}
        for statement in FILL:
            await connection.execute(text(statement), values)
    async with engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE customer"))
        await autocommit.execute(text("VACUUM ANALYZE contact"))
        await autocommit.execute(text("VACUUM ANALYZE contact_customer"))


def made_up_words() -> list[str]:
    """Return words of two to four syllables, such as "varitsuk"."""

    def syllable() -> str:
        return "".join(random.choice(part) for part in ("bdfghjklmnprstvkl", "aeiouyäöaei", ENDS))

    return ["".join(syllable() for _ in range(2 + n % 3)) for n in range(WORDS)]


async def write(url: str) -> None:
    """Create one customer and rename five others, so often in a second, until killed."""
    service = service_at(url, "customers")
    here = Here(ZoneInfo("Europe/Helsinki"), "FI", frozenset({"FI"}))
    async with service.engine.connect() as connection:
        ids = list((await connection.execute(text(SOME_IDS), {"count": 5000})).scalars())
    began = perf_counter()
    for turn in range(10**9):
        await asyncio.sleep(max(0.0, began + turn / WRITES_PER_SECOND - perf_counter()))
        async with service.units() as unit:
            await create_customer(SaveCustomer(name=f"Uusi {turn} {os.getpid()} Oy"), unit, here)
            some = sorted(random.sample(ids, 5))
            rows = await fetch_customers(unit.connection, some)
            await update_customers(
                unit.connection,
                [{**rows[one]._mapping, "name": f"{rows[one].name[:40]} {turn}"} for one in some],
                now=unit.now,
            )
            await tell_customers(some, unit)


@asynccontextmanager
async def writing(url: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.search", url, env={**os.environ, "PYTHONPATH": "."}
    )
    try:
        await asyncio.sleep(3.0)
        yield
        assert process.returncode is None, "the writer has died"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def measure(connection: AsyncConnection, names: list[str], ids: list[UUID]) -> None:
    async def page() -> None:
        await fetch_customers(connection, random.sample(ids, PAGE))

    limit, slowest = await timed(SEARCHES, page)
    print(f"  the limit, a page by ids       p50 {limit:6.1f} ms  p99 {slowest:6.1f} ms")
    shapes: dict[str, Callable[[], str]] = {
        f"a fragment of {length}": (lambda n=length: fragment(names, n))  # type: ignore[misc]
        for length in range(SHORT, LONG + 1)
    }
    shapes["one or two letters"] = lambda: random.choice(names)[: random.randint(1, 2)]
    shapes["a fragment of all lengths"] = lambda: fragment(names, random.randint(SHORT, LONG))
    for title, choose in shapes.items():

        async def search(choose: Callable[[], str] = choose) -> None:
            await search_customers(
                CustomerFilter(fragment=choose()),
                connection,
                sort=Sort.NAME,
                after=None,
                limit=PAGE,
            )

        half, most = await timed(SEARCHES, search)
        print(f"  {title:30} p50 {half:6.1f} ms  p99 {most:6.1f} ms  {half / limit:5.1f} x")


def fragment(names: list[str], length: int) -> str:
    name = random.choice([one for one in random.choices(names, k=5) if len(one) > length])
    begin = random.randrange(len(name) - length + 1)
    found = name[begin : begin + length]
    return found if found.strip() == found else fragment(names, length)


async def main() -> None:
    random.seed(1)
    async with AsyncExitStack() as stack:
        postgres = await find_postgres()
        stack.push_async_callback(postgres.close)
        url = await fresh_database(postgres, stack, "customers")
        service = await prepared(service_at(url, "customers"), stack)
        engine = create_async_engine(url)
        stack.push_async_callback(engine.dispose)
        began = perf_counter()
        await fill(engine)
        print(f"{CUSTOMERS:,} customers made in {perf_counter() - began:.0f} s")
        connection = await stack.enter_async_context(service.engine.connect())
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        names = list((await connection.execute(text(SOME_NAMES), {"count": 5000})).scalars())
        ids = list((await connection.execute(text(SOME_IDS), {"count": 5000})).scalars())
        print("nobody writes:")
        await measure(connection, names, ids)
        print(f"{WRITES_PER_SECOND} transactions a second write six customers each:")
        async with writing(url):
            await measure(connection, names, ids)


SOME_NAMES = "SELECT lower(name) FROM customer TABLESAMPLE SYSTEM (1) LIMIT :count"
SOME_IDS = "SELECT customer_id FROM customer TABLESAMPLE SYSTEM (1) LIMIT :count"
FILL = (
    """
    CREATE TEMPORARY TABLE word AS
    SELECT place - 1 AS n, word
    FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS made_up (word, place)
    """,
    "ALTER TABLE word ADD PRIMARY KEY (n)",
    "ANALYZE word",
    """
    WITH drawn AS MATERIALIZED (
        SELECT n, floor(random() * :words_count)::int AS one,
               floor(random() * :words_count)::int AS other
        FROM generate_series(1, CAST(:count AS int)) AS n)
    INSERT INTO customer (customer_id, version, number, name, email, classifications, created_at,
                          updated_at)
    SELECT gen_random_uuid(), 1, CAST(10000000 + drawn.n AS text),
           initcap(one.word) || ' ' || initcap(other.word) || ' Oy',
           'info@' || other.word || drawn.n || '.fi',
           ARRAY[(SELECT key FROM list_value WHERE list = 'customer_status'
                  AND (facts @> '{"ended": true}') = (drawn.n % 5 = 0) ORDER BY number LIMIT 1)],
           now(), now()
    FROM drawn JOIN word AS one ON one.n = drawn.one JOIN word AS other ON other.n = drawn.other
    """,
    """
    WITH drawn AS MATERIALIZED (
        SELECT customer_id, gen_random_uuid() AS contact_id,
               floor(random() * :words_count)::int AS one,
               floor(random() * :words_count)::int AS other
        FROM customer WHERE number::int % 3 > 0),
    person AS (
        INSERT INTO contact (contact_id, version, first_name, last_name, email, created_at,
                             updated_at)
        SELECT contact_id, 1, initcap(one.word), initcap(other.word),
               one.word || '.' || other.word || '@mail.fi', now(), now()
        FROM drawn JOIN word AS one ON one.n = drawn.one
                   JOIN word AS other ON other.n = drawn.other)
    INSERT INTO contact_customer (contact_id, customer_id)
    SELECT contact_id, customer_id FROM drawn
    """,
)

if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]) if len(sys.argv) > 1 else main())
