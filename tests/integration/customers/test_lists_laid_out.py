"""Scopes that are narrowed, fields that are retired, and how a list is laid out."""

from typing import Any

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import contact_at, delete, made, restore, url
from tests.integration.customers.attributes import outlaws
from tests.integration.customers.erp import told
from tests.integration.customers.test_lists import put_value, value
from tests.integration.customers.test_operations import held


async def narrow(
    api: httpx.AsyncClient, number: int, scope: str, *, force: bool = False
) -> httpx.Response:
    version = (await value(api, "categories", number))["version"]
    return await api.put(
        f"/v1/categories/{number}?force={str(force).lower()}",
        json={"title": "Fair", "scope": scope},
        headers={"If-Match": f'"{version}"'},
    )


@pytest.mark.requirement("TS-A10", "TS-04")
@pytest.mark.parametrize("scope", ["customer", "contact"])
async def test_a_scope_in_use_is_not_narrowed_unless_by_force_as_one_operation(
    customers: Service, restoring: httpx.AsyncClient, scope: str
) -> None:
    api = restoring
    number = (await made(api, "/v1/categories", title="Fair"))["number"]
    chosen = {"category": [number]}
    firms = [await made(api, "/v1/customers", name=n, classifications=chosen) for n in "AB"]
    people = [await contact_at(api, firms[0], n, categories=[number]) for n in "CD"]
    for record in (firms[1], people[1]):
        await delete(api, record)
    left_out = "contact" if scope == "customer" else "customer"

    refused = await narrow(api, number, scope)

    assert (refused.status_code, refused.json()["slug"]) == (409, "scope_in_use")
    body = refused.json()
    assert (body[f"{left_out}s"], body[f"deleted_{left_out}s"]) == (1, 1)
    first = (firms if left_out == "customer" else people)[0]
    assert body["blockers"] == [first[f"{left_out}_id"]]
    assert "force" in body["remedy"]
    assert (await value(api, "categories", number))["scope"] == "both"

    forced = await narrow(api, number, scope, force=True)

    assert (forced.status_code, forced.json()["scope"]) == (200, scope)
    assert ("category" in await held(api, firms[0])) == (scope == "customer")
    ann = (await api.get(url(people[0]))).json()
    assert ann["categories"] == ([number] if scope == "contact" else [])
    saved = (await told(customers, f"customers.{left_out}-saved.v1"))[-1]
    assert "category" not in saved["classifications"]
    (operation,) = (await api.get("/v1/operations")).json()["items"]
    assert (operation["customers"], operation["deleted"]) == (
        (1, 1) if left_out == "customer" else (0, 0)
    )
    assert operation["request"][f"deleted_{left_out}s"] == 1
    entries = (await api.get(f"{url(first)}/history")).json()["items"]
    assert entries[0]["operation_id"] == operation["operation_id"]
    for record in (firms[1], people[1]):
        assert (await restore(api, record)).status_code == 200
    undone = await api.post(f"/v1/operations/{operation['operation_id']}/undo")
    assert undone.json()["reverted"] == 0, "the scope still leaves them out"
    assert await outlaws(customers) == []
    again = await narrow(api, number, scope)
    assert again.status_code == 200, "nobody is left out any more"


@pytest.mark.requirement("VF-09", "VF-A9")
@pytest.mark.parametrize("code", ["A1", 7, None, ["x"]])
async def test_the_code_of_a_status_is_accepted_and_never_returned(
    customers: Service, api: httpx.AsyncClient, code: Any
) -> None:
    made_ = await api.post("/v1/customer-statuses", json={"title": "Lead", "code": code})

    assert made_.status_code == 201, made_.text
    number = made_.json()["number"]
    changed = await put_value(api, "customer-statuses", number, title="Leads", code=code)
    assert changed.status_code == 200, changed.text
    listed = (await api.get("/v1/customer-statuses")).json()
    for answer in (made_.json(), changed.json(), *listed):
        assert "code" not in answer
    assert "code" not in (await told(customers, "customers.classification-saved.v1"))[-1]["facts"]
    other = await api.post("/v1/customer-types", json={"title": "X", "code": "1"})
    assert other.status_code == 422, "of statuses only"


@pytest.mark.requirement("TS-01", "TS-02")
@pytest.mark.parametrize("name", ["contact_origin", "product", "customer_source"])
async def test_additional_information_may_show_as_a_tab_of_its_own(
    api: httpx.AsyncClient, name: str
) -> None:
    before = {one["name"]: one for one in (await api.get("/v1/lists")).json()}
    assert {one["own_tab"] for one in before.values()} == {False}
    etag = (await api.get(f"/v1/lists/{name}")).headers["etag"]

    changed = await api.put(f"/v1/lists/{name}", json={"own_tab": True}, headers={"If-Match": etag})

    assert (changed.status_code, changed.json()["own_tab"]) == (200, True)
    assert changed.headers["etag"] != etag
    after = {one["name"]: one["own_tab"] for one in (await api.get("/v1/lists")).json()}
    assert [one for one, own in after.items() if own] == [name]
    stale = await api.put(f"/v1/lists/{name}", json={"own_tab": False}, headers={"If-Match": etag})
    assert stale.status_code == 412
    assert (await api.put(f"/v1/lists/{name}", json={"own_tab": False})).status_code == 428


async def test_only_additional_information_has_tabs(api: httpx.AsyncClient) -> None:
    headers = {"If-Match": '"1"'}
    for name, status in (("industry", 422), ("shoe_size", 404), ("x" * 41, 422)):
        answer = await api.put(f"/v1/lists/{name}", json={"own_tab": True}, headers=headers)
        assert answer.status_code == status, name
    assert (await api.get("/v1/lists/shoe_size")).status_code == 404
