"""Who changed what and when, how long each status lasted, and what a status allows."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import contact_at, delete, made, restore, url
from tests.integration.customers.erp import customer, document, parked, send, told
from tests.integration.customers.test_lists import classify, put_value
from tests.integration.customers.test_lists import delete as delete_value


async def history(api: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await api.get(f"{path}/history")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def changes(entry: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {one["field"]: (one["before"], one["after"]) for one in entry["changes"]}


def ref(list_: str, number: int, title: str) -> dict[str, Any]:
    return {"list": list_, "number": number, "title": title}


@pytest.mark.requirement("VF-A1")
async def test_every_field_is_shown_with_who_when_before_and_after(
    api: httpx.AsyncClient,
) -> None:
    firm = await made(api, "/v1/customers", name="Firm", email="a@example.com")
    await classify(api, firm, email="b@example.com", classifications={"customer_type": [2]})

    typed, mailed, created = await history(api, url(firm))

    assert {one["actor"] for one in (typed, mailed)} == {"api-key"}
    assert changes(mailed) == {"email": ("a@example.com", "b@example.com")}
    status = ref("customer_status", 1, "Customer")
    kind = ref("customer_kind", 1, "Customer")
    assert changes(typed) == {
        "classifications": ([kind, status], [kind, status, ref("customer_type", 2, "B")])
    }
    present = (await api.get(url(firm))).json()
    assert (typed["at"], created["at"]) == (present["updated_at"], present["created_at"])
    assert (created["what"], created["actor"], created["changes"]) == ("created", None, [])


async def test_history_comes_in_bounded_pages_and_ends_with_the_creation(
    api: httpx.AsyncClient,
) -> None:
    firm = await made(api, "/v1/customers", name="0")
    for n in range(1, 5):
        await classify(api, {**firm, "name": str(n)}, email=f"{n}@example.com")

    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    for _ in range(3):
        page = (await api.get(f"{url(firm)}/history", params=query)).json()
        assert len(page["items"]) <= 2
        seen += [
            one["what"] if not one["changes"] else changes(one)["email"][1] for one in page["items"]
        ]
        query["cursor"] = page["next"]

    assert seen == [f"{n}@example.com" for n in (4, 3, 2, 1)] + ["created"]
    assert page["next"] is None


@pytest.mark.requirement("TS-24")
async def test_deletion_and_restore_are_history(
    restoring: httpx.AsyncClient,
) -> None:
    firm = await made(restoring, "/v1/customers", name="Firm")
    ann = await contact_at(restoring, firm, "Ann")
    for record in (firm, ann):
        await delete(restoring, record)
        await restore(restoring, record)
        found = await history(restoring, url(record))
        assert [one["what"] for one in found] == ["restored", "deleted", "created"]


async def test_attributes_of_contacts_are_shown_by_title(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann")
    await api.put(f"{url(ann)}/bans", json={"email": True})

    banned, _ = await history(api, url(ann))

    ((before, after),) = changes(banned).values()
    assert (before, [one["list"] for one in after]) == ([], ["contact_attribute"])
    assert after[0]["title"]


async def test_the_sources_of_events_are_who_acted(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(customers, [customer("A"), {**customer("B"), "source": "/erp/other"}])
    firms = (await api.get("/v1/customers")).json()["items"]
    await send(customers, [customer("A", name="New")])
    many = [{**customer("A", name=str(n)), "source": f"/erp/{n}"} for n in range(4)]
    await send(customers, [*many, customer("A", name="Newest")])

    (named,) = [one for one in firms if one["references"][0]["source"] == "/erp/test"]
    newest, new, _ = await history(api, url(named))

    assert (new["actor"], newest["actor"]) == ("/erp/test", "events")


async def test_a_value_has_a_history_and_its_title_outlives_it(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="F", classifications={"customer_type": [1]})
    await put_value(api, "customer-types", 1, title="Alpha", order=5)
    edited, _ = await history(api, "/v1/customer-types/1")
    assert changes(edited)["title"] == ("A", "Alpha")
    assert changes(edited)["order"][1] == 5
    assert (await api.get("/v1/customer-types/99/history")).status_code == 404

    await delete_value(api, "customer-types", 1, move_to=2)

    moved = (await history(api, url(firm)))[0]
    before, after = changes(moved)["classifications"]
    assert ref("customer_type", 1, "Alpha") in before
    assert ref("customer_type", 2, "B") in after


@pytest.mark.requirement("VF-37", "VF-A1")
async def test_times_in_each_status_are_those_of_the_changes(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="F", classifications={"customer_status": [2]})
    await classify(api, firm, classifications={"customer_type": [1]})
    await classify(api, firm, classifications={"customer_status": [5], "end_reason": [1]})
    await classify(api, firm, classifications={"customer_status": [1]})

    present, ended, first = (await api.get(f"{url(firm)}/status-times")).json()

    assert [one["status"]["number"] for one in (present, ended, first)] == [1, 5, 2]
    assert first["from"] == firm["created_at"]
    assert first["to"] == ended["from"]
    assert ended["to"] == present["from"]
    assert present["to"] is None
    reasons = [
        value["list"]
        for entry in await history(api, url(firm))
        for one in entry["changes"]
        if one["field"] == "classifications"
        for value in one["before"]
    ]
    assert "end_reason" in reasons


async def test_a_status_given_at_an_upgrade_begins_then(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="F")
    async with customers.engine.begin() as connection:
        await connection.execute(text("TRUNCATE history"))
        await connection.execute(text("UPDATE customer SET classifications = '{}'"))
        await connection.execute(text("TRUNCATE history"))
    assert customers.prepare is not None
    await customers.prepare()

    (only,) = (await api.get(f"{url(firm)}/status-times")).json()

    assert only["from"] > firm["created_at"]


@pytest.mark.requirement("VF-11", "VF-12", "VF-13", "VF-17", "VF-A5", "VF-A6", "TS-32")
async def test_eligibility_names_the_rule(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="F", classifications={"customer_status": [2]})

    async def ask(purpose: str) -> dict[str, Any]:
        answer = await api.get(f"{url(firm)}/eligibility", params={"purpose": purpose})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    refused = await ask("project")
    assert not refused["allowed"]
    assert refused["rule"] == "selectable_in_project"
    assert refused["status"] == {"number": 2, "title": "Potential customer"}
    assert "Potential customer" in refused["detail"]
    for purpose in ("supplier", "subcontract"):
        verdict = await ask(purpose)
        assert (verdict["allowed"], verdict["rule"]) == (False, "selectable_as_supplier")
    opportunity = await ask("opportunity")
    assert (opportunity["allowed"], opportunity["rule"]) == (True, "any_customer")

    await classify(api, firm, classifications={"customer_status": [1]})

    assert [(await ask(one))["allowed"] for one in ("project", "supplier")] == [True, True]
    unknown = await api.get(f"{url(firm)}/eligibility?purpose=party")
    assert unknown.status_code == 422


@pytest.mark.requirement("VF-A6")
async def test_an_order_of_an_ended_customer_breaks_no_rule_and_is_recorded(
    customers: Service, api: httpx.AsyncClient
) -> None:
    """
    VF-11 and VF-13 block projects and picks as supplier; no rule forbids a sale to a customer of
    any status (see decision 0009): the order is recorded like any other, never dropped.
    """
    await send(customers, [customer("A")])
    (firm,) = (await api.get("/v1/customers")).json()["items"]
    await classify(api, firm, classifications={"customer_status": [5]})

    await send(customers, [document("sales-order-posted", "1", "A", "2024-05-06")])

    (recorded,) = await told(customers, "customers.document-recorded.v1")
    assert recorded["customer_id"] == firm["customer_id"]
    assert await told(customers, "customers.rule-violated.v1") == []
    assert await parked(customers) == {}


async def test_a_change_of_many_names_its_operation(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="F", classifications={"customer_type": [1]})
    moved = await api.post(
        "/v1/customer-moves", json={"list": "customer_type", "from_number": 1, "to_number": 2}
    )

    newest = (await history(api, url(firm)))[0]

    assert newest["operation_id"] == moved.json()["operation_id"] is not None
