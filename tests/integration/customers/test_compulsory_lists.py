"""What every customer has one of, and what it has at most one of (REQUIREMENTS 1.0)."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import STANDING, made
from tests.integration.customers.erp import customer, send, told
from tests.integration.customers.test_lists import classify, delete, put_value
from tests.integration.customers.test_operations import held

SUPPLIER = 2


async def change(api: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await api.post("/v1/customer-changes", json={"filter": {}, "everybody": True, **body})


@pytest.mark.requirement("LS-08", "VF-02")
@pytest.mark.parametrize("name", STANDING)
async def test_a_compulsory_value_is_replaced_and_never_removed(
    api: httpx.AsyncClient, name: str
) -> None:
    firm = await made(api, "/v1/customers", name="F")
    assert firm["classifications"] == STANDING

    emptied = await classify(api, firm, classifications={name: []})
    removed = await change(api, remove={name: [1]})
    twice = await classify(api, firm, classifications={name: [1, 2]})

    assert [one.status_code for one in (emptied, removed, twice)] == [422, 422, 422]
    assert "place" in removed.json()["remedy"]
    assert await held(api, firm) == STANDING
    replaced = await change(api, add={name: [2]})
    assert replaced.status_code == 200, replaced.text
    assert await held(api, firm) == {**STANDING, name: [2]}


@pytest.mark.requirement("LS-08", "VF-A10")
async def test_there_is_exactly_one_default_kind(api: httpx.AsyncClient) -> None:
    for refused in (
        await put_value(api, "customer-kinds", 1, title="Customer"),
        await put_value(api, "customer-kinds", 1, title="C", default=True, archived=True),
        await delete(api, "customer-kinds", 1),
        await delete(api, "customer-kinds", 1, move_to=SUPPLIER),
    ):
        assert (refused.status_code, refused.json()["slug"]) == (409, "default_needed")

    await put_value(
        api, "customer-kinds", SUPPLIER, title="Supplier", default=True, supplier=True, prefix="S"
    )

    kinds = (await api.get("/v1/customer-kinds")).json()
    assert {one["number"]: one["default"] for one in kinds} == {1: False, SUPPLIER: True}


@pytest.mark.requirement("LS-09", "LS-10")
async def test_the_series_of_the_default_kind_is_that_of_an_unstated_kind(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await put_value(api, "customer-kinds", SUPPLIER, title="Supplier", default=True, prefix="S")

    by_hand = await made(api, "/v1/customers", name="F")
    stated = await made(api, "/v1/customers", name="G", classifications={"customer_kind": [1]})
    await send(customers, [customer("A")])

    assert (by_hand["number"], stated["number"]) == ("S1000", "1000")
    (from_erp,) = (await api.get("/v1/customers", params={"q": "Customer A"})).json()["items"]
    assert (from_erp["number"], from_erp["classifications"]["customer_kind"]) == (
        "S1001",
        [SUPPLIER],
    )


@pytest.mark.requirement("LS-08", "VF-02")
async def test_who_lacks_a_compulsory_value_gets_it_at_the_start_and_is_told(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firms = [await made(api, "/v1/customers", name=name) for name in "AB"]
    async with customers.engine.begin() as connection:
        await connection.execute(
            text("UPDATE customer SET updated_at = now(), classifications = '{}' WHERE name = 'A'")
        )
    assert customers.prepare is not None
    before = len(await told(customers, "customers.customer-saved.v1"))

    for _ in range(2):
        await customers.prepare()

    assert await held(api, firms[0]) == STANDING
    news = (await told(customers, "customers.customer-saved.v1"))[before:]
    assert [one["name"] for one in news] == ["A", "A"], "once for each list, and only who lacked it"
    assert news[-1]["classifications"] == STANDING
    assert news[-1]["version"] == firms[0]["version"] + 2


@pytest.mark.requirement("LS-02", "LS-A10")
async def test_a_customer_is_in_one_group_at_most(api: httpx.AsyncClient) -> None:
    north, south = [
        (await made(api, "/v1/customer-groups", title=title))["number"] for title in ("N", "S")
    ]
    firm = await made(api, "/v1/customers", name="F", classifications={"customer_group": [north]})

    twice = await classify(api, firm, classifications={"customer_group": [north, south]})
    added = await change(api, add={"customer_group": [south]})

    assert (twice.status_code, added.status_code) == (422, 200)
    assert (await held(api, firm))["customer_group"] == [south]
    gone = await classify(api, firm, classifications={"customer_group": []})
    assert "customer_group" not in gone.json()["classifications"]
