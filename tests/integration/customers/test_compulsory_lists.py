"""What every customer has one of, and what it has at most one of (REQUIREMENTS 1.0)."""

import importlib.util
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.customers import bootstrap
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
    firms = [await made(api, "/v1/customers", name=name) for name in "ABC"]
    lead = {**STANDING, "customer_status": [2]}
    await classify(api, firms[2], classifications=lead)
    async with customers.engine.begin() as connection:
        await connection.execute(
            text("UPDATE customer SET updated_at = now(), classifications = '{}' WHERE name = 'A'")
        )
        await connection.execute(
            text(
                "UPDATE customer SET updated_at = now(), classifications = array_remove("
                "classifications, (SELECT key FROM list_value "
                "WHERE list = 'customer_kind' AND number = 1)) WHERE name = 'C'"
            )
        )
    assert customers.prepare is not None
    before = len(await told(customers, "customers.customer-saved.v1"))

    for _ in range(2):
        await customers.prepare()

    assert [await held(api, firm) for firm in firms] == [STANDING, STANDING, lead]
    news = (await told(customers, "customers.customer-saved.v1"))[before:]
    assert [one["name"] for one in news] == ["A", "C"], "once each, and only who lacked something"
    assert [one["classifications"] for one in news] == [STANDING, lead]
    assert news[0]["version"] == firms[0]["version"] + 1


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


@pytest.mark.requirement("LS-02", "LS-08")
async def test_an_upgrade_leaves_one_group_each_and_names_a_default_kind(
    customers: Service, api: httpx.AsyncClient
) -> None:
    spec = importlib.util.spec_from_file_location(
        "upgrade", bootstrap.VERSIONS / "0007_attribute_values.py"
    )
    assert spec is not None and spec.loader is not None
    upgrade = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(upgrade)
    late, early = [
        (await made(api, "/v1/customer-groups", title=title, order=order))["number"]
        for title, order in (("Late", 2), ("Early", 1))
    ]
    two, one = [
        await made(api, "/v1/customers", name=name, classifications={"customer_group": [late]})
        for name in ("Two", "One")
    ]
    async with customers.engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE customer SET updated_at = now(), classifications = classifications || "
                "(SELECT key FROM list_value WHERE list = 'customer_group' AND title = 'Early') "
                "WHERE name = 'Two'"
            )
        )
        await connection.execute(
            text("UPDATE list_value SET facts = facts - 'default' WHERE list = 'customer_kind'")
        )
        await connection.execute(text(upgrade.DEFAULT_KIND))
        await connection.execute(text(upgrade.ONE_GROUP))

    assert await held(api, two) == {**STANDING, "customer_group": [early]}
    assert await held(api, one) == {**STANDING, "customer_group": [late]}
    kinds = (await api.get("/v1/customer-kinds")).json()
    assert [one["number"] for one in kinds if one["default"]] == [1]
