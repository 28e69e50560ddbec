"""100,000 raced moves of groups, deletions of statuses and changes of customers; then the laws.

Eight at once edit the same lists and customers as administrators and sellers would, over HTTP. Each
is answered or refused; afterwards every customer holds exactly one status that exists, at most one
group that exists, and no group is below itself. Exits with 1 where a law is broken or a 5xx came.
"""

import asyncio
import os
import random
import sys
from collections import Counter
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

import httpx
from sqlalchemy import text

from bench.asking import client_of
from bench.databases import fresh_database, prepared, service_at
from shared.chassis.testing.servers import find_postgres

ROUNDS = int(os.environ.get("SUHDE_BENCH_ROUNDS", "100000"))
AT_ONCE = 8
CUSTOMERS, GROUPS, STATUSES = 400, 40, 12
GROUP, STATUS = "customer-groups", "customer-statuses"


class Editor:
    """Someone who edits lists and customers without regard for the others."""

    def __init__(self, api: httpx.AsyncClient, customers: list[str]) -> None:
        self.api = api
        self.customers = customers
        self.answers: Counter[str] = Counter()

    async def act(self) -> None:
        """Do one thing at random."""
        act = random.choices(
            [self.move_group, self.delete_status, self.put_customer, self.delete_group, self.add],
            weights=[30, 20, 40, 5, 5],
        )[0]
        answer = await act()
        if answer is not None:
            self.answers[f"{act.__name__} {answer.status_code}"] += 1

    async def values(self, path: str) -> list[dict[str, Any]]:
        found = (await self.api.get(f"/v1/{path}", params={"limit": 200})).json()
        return list(found["items"] if isinstance(found, dict) else found)

    async def move_group(self) -> httpx.Response | None:
        groups = await self.values(GROUP)
        if len(groups) < 2:
            return None
        moved, below = random.sample(groups, 2)
        parent = random.choice([below["number"], below["number"], None])
        return await self.api.put(
            f"/v1/{GROUP}/{moved['number']}",
            json={"title": moved["title"], "parent": parent},
            headers={"If-Match": f'"{moved["version"]}"'},
        )

    async def delete_status(self) -> httpx.Response | None:
        return await self.delete(STATUS)

    async def delete_group(self) -> httpx.Response | None:
        return await self.delete(GROUP)

    async def delete(self, path: str) -> httpx.Response | None:
        values = await self.values(path)
        if len(values) < 3:
            return None
        gone, target = random.sample(values, 2)
        params = random.choice([{}, {"move_to": target["number"]}])
        return await self.api.delete(
            f"/v1/{path}/{gone['number']}",
            params=params,
            headers={"If-Match": f'"{gone["version"]}"'},
        )

    async def put_customer(self) -> httpx.Response | None:
        url = f"/v1/customers/{random.choice(self.customers)}"
        present = await self.api.get(url)
        held: dict[str, list[int]] = {}
        for name, path in (("customer_status", STATUS), ("customer_group", GROUP)):
            if values := await self.values(path):
                held[name] = [random.choice(values)["number"]]
        return await self.api.put(
            url,
            json={"name": present.json()["name"], "classifications": held},
            headers={"If-Match": present.headers["etag"]},
        )

    async def add(self) -> httpx.Response | None:
        path, most = random.choice([(GROUP, GROUPS), (STATUS, STATUSES)])
        if len(await self.values(path)) >= most:
            return None
        return await self.api.post(f"/v1/{path}", json={"title": f"{random.random():.12f}"})


async def main() -> int:
    random.seed(1)
    async with AsyncExitStack() as stack:
        postgres = await find_postgres()
        stack.push_async_callback(postgres.close)
        url = await fresh_database(postgres, stack, "customers")
        service = await prepared(service_at(url, "customers", pool_size=AT_ONCE), stack)
        api = await stack.enter_async_context(client_of(service))
        customers = []
        for number in range(CUSTOMERS):
            made = await api.post("/v1/customers", json={"name": f"Customer {number}"})
            customers.append(made.json()["customer_id"])
        for number in range(GROUPS):
            await api.post(f"/v1/{GROUP}", json={"title": f"Group {number}"})
        editor = Editor(api, customers)
        left = iter(range(ROUNDS))

        async def work() -> None:
            for _ in left:
                await editor.act()

        began = perf_counter()
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        seconds = perf_counter() - began
        print(f"{ROUNDS:,} rounds by {AT_ONCE} at once in {seconds:.0f} s")
        for answer, count in sorted(editor.answers.items()):
            print(f"  {answer}: {count:,}")
        broken = {}
        async with service.engine.connect() as connection:
            for law, statement in LAWS.items():
                broken[law] = int((await connection.execute(text(statement))).scalar_one())
        for law, count in broken.items():
            print(f"{law}: broken {count} times")
    failed = [answer for answer in editor.answers if answer.rpartition(" ")[2].startswith("5")]
    return 1 if any(broken.values()) or failed else 0


HELD = """
    SELECT count(*) FROM customer
    WHERE (SELECT count(*) FROM unnest(classifications) AS held (key)
                  JOIN list_value AS value USING (key) WHERE value.list = '{list}') {not_so}
"""
LAWS = {
    "one status each": HELD.format(list="customer_status", not_so="<> 1"),
    "one group at most": HELD.format(list="customer_group", not_so="> 1"),
    "no value is missing": """
        SELECT count(*) FROM customer
        WHERE EXISTS (SELECT FROM unnest(classifications) AS held (key)
                      WHERE NOT EXISTS (SELECT FROM list_value AS value
                                        WHERE value.key = held.key))
    """,
    "no group is below itself": """
        WITH RECURSIVE above (key, ancestor, depth) AS (
            SELECT key, parent, 1 FROM list_value WHERE parent IS NOT NULL
            UNION ALL
            SELECT above.key, value.parent, depth + 1
            FROM above JOIN list_value AS value ON value.key = above.ancestor
            WHERE value.parent IS NOT NULL AND depth < 100)
        SELECT count(*) FROM above WHERE key = ancestor OR depth >= 100
    """,
    "one default": """
        SELECT abs(count(*) - 1) FROM list_value
        WHERE list = 'customer_status' AND facts @> '{"default": true}'
    """,
}

if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
