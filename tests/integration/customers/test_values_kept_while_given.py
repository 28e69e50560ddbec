"""A value of a list that somebody is about to give is not deleted before he has given it."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.customers.handlers import run_import
from services.customers.persistence import undo
from shared.chassis.service import Service
from shared.chassis.testing.waiting import eventually
from tests.integration.customers.api_helpers import made
from tests.integration.customers.importing import SOURCE, customer_by, mapped, ran


@pytest.fixture
async def product(api: httpx.AsyncClient) -> int:
    """A product that nobody holds."""
    return int((await made(api, "/v1/products", title="Boats"))["number"])


class Deleting:
    """Somebody who deletes the product in the midst of a change."""

    def __init__(self, customers: Service, api: httpx.AsyncClient, product: int) -> None:
        self.customers = customers
        self.api = api
        self.url = f"/v1/products/{product}"
        self.task: asyncio.Task[httpx.Response] | None = None

    async def begin(self) -> None:
        """Return when the product is deleted, or who deletes it waits for a lock."""
        version = (await self.api.get(self.url)).headers["etag"]
        self.task = asyncio.create_task(self.api.delete(self.url, headers={"If-Match": version}))
        await eventually(self._stands)

    async def _stands(self) -> bool:
        assert self.task is not None
        async with self.customers.engine.connect() as connection:
            waiting = await connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE OF value%'"
                )
            )
            return self.task.done() or bool(waiting.scalar_one())

    async def refused(self) -> bool:
        """Tell whether the product was found to be held, and is still there."""
        assert self.task is not None
        answer = await self.task
        there = (await self.api.get(self.url)).status_code == 200
        return there and answer.json().get("slug") == "list_value_in_use"


@pytest.fixture
def deleting(customers: Service, api: httpx.AsyncClient, product: int) -> Deleting:
    return Deleting(customers, api, product)


async def held(api: httpx.AsyncClient) -> list[int]:
    return list((await customer_by(api, "firm"))["classifications"].get("product", []))


async def test_by_an_import(
    api: httpx.AsyncClient, product: int, deleting: Deleting, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, loop = run_import.plan_rows, asyncio.get_running_loop()

    def plan(*given: Any) -> Any:
        # Planning is done in a thread, with the lists as they were read.
        asyncio.run_coroutine_threadsafe(deleting.begin(), loop).result(20)
        return planned(*given)

    mapping = {"ref": "customer.ref", "name": "customer.name", "product": "customer.product"}
    url = await mapped(api, "ref,name,product\nA,Firm,Boats\n", mapping)
    monkeypatch.setattr(run_import, "plan_rows", plan)

    assert await ran(api, url) == {"created": 1}

    assert await deleting.refused()
    assert await held(api) == [product]


async def test_by_an_undo(
    api: httpx.AsyncClient, product: int, deleting: Deleting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(
        api,
        "/v1/customers",
        name="Firm",
        references=[{"source": SOURCE, "ref": "A"}],
        classifications={"product": [product]},
    )
    mapping = {"ref": "customer.ref", "product": f"customer.product.{product}"}
    url = await mapped(api, "ref,product\nA,no\n", mapping)
    assert await ran(api, url) == {"changed": 1}
    assert await held(api) == []
    looked = undo.leave_unfit

    async def look(*given: Any) -> None:
        """Look for what cannot be given back, such as values that are gone; now there are none."""
        await looked(*given)
        await deleting.begin()

    monkeypatch.setattr(undo, "leave_unfit", look)

    undone = await api.post(f"{url}/undo")

    assert undone.status_code == 200 and undone.json()["reverted"] == 1, undone.text
    assert await deleting.refused()
    assert await held(api) == [product]
