"""Records that may be one are suggested, with the reason, until they are dismissed."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.customers.domain.duplicates import LEGAL_WORDS, folded_name
from services.customers.handlers.find_duplicates import find_duplicates
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import contact_at, delete, made, url
from tests.integration.customers.erp import customer, send

NAMES = [
    "Kauppa Oy",
    "OY KAUPPA AB",
    "Kauppa, O.Y.",
    "Ékezetes Kft.",
    "Straße & Söhne GmbH & Co. KG",
    "Łódź Ørsted Æble",
    "Oy Ab",
    "  ",
    "L'Oréal S.A.",
    "Company of Heroes Inc",
    "Ąć-ž (test)",
]


async def suggested(api: httpx.AsyncClient, path: str = "customer", **query: Any) -> Any:
    answer = await api.get(f"/v1/{path}-duplicates", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def seen(groups: list[dict[str, Any]]) -> list[tuple[str, set[str]]]:
    return [(one["reason"], {record["id"] for record in one["records"]}) for one in groups]


@pytest.mark.parametrize("name", NAMES)
async def test_names_are_folded_alike_here_and_in_the_database(
    customers: Service, name: str
) -> None:
    async with customers.engine.connect() as connection:
        result = await connection.execute(
            text("SELECT folded_name(CAST(:name AS text))"), {"name": name}
        )
        assert result.scalar_one() == folded_name(name)


async def test_the_database_strips_the_same_legal_forms(customers: Service) -> None:
    async with customers.engine.connect() as connection:
        result = await connection.execute(
            text(
                "SELECT form FROM unnest(CAST(:forms AS text[])) AS form "
                "WHERE folded_name('Firm ' || form) <> 'firm'"
            ),
            {"forms": sorted(LEGAL_WORDS)},
        )
        assert result.scalars().all() == []
    assert folded_name("Kauppa Oy") == folded_name("OY KAUPPA, O.Y.") == "kauppa"


async def test_each_reason_finds_its_twins_and_pages_show_each_once(
    customers: Service, api: httpx.AsyncClient
) -> None:
    async def firm(name: str, **fields: Any) -> dict[str, Any]:
        return await made(api, "/v1/customers", name=name, **fields)

    by_id = [
        await firm("One", business_id="0201724-4"),
        await firm("Two", business_id="FI02017244"),
    ]
    by_email = [await firm(name, email="boss@firm.fi") for name in ("Three", "Four")]
    by_phone = [await firm(name, phone="+358401234567") for name in ("Five", "Six")]
    by_name = [await firm(name) for name in ("Kauppa Oy", "KAUPPA")]
    near = [await firm(name) for name in ("Pihta Oy", "Oy Píhta Ab")]
    for one in near:
        address = {"street": "Kuja 1", "postal_code": "00100"}
        await contact_at(api, one, "Ann", address=address)
    for n in range(11):
        await firm(f"Client {n}x", email="invoices@operator.fi")

    wanted = [
        ("business_id", {one["customer_id"] for one in by_id}),
        ("email", {one["customer_id"] for one in by_email}),
        ("phone", {one["customer_id"] for one in by_phone}),
        ("name", {one["customer_id"] for one in by_name}),
        ("name_and_address", {one["customer_id"] for one in near}),
    ]
    whole = await suggested(api)
    assert seen(whole["items"]) == wanted
    assert whole["next"] is None
    paged: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = await suggested(api, **query)
        paged += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen(paged) == wanted

    (twin,) = (await api.get(f"{url(near[0])}/duplicates")).json()
    assert (twin["id"], twin["score"]) == (near[1]["customer_id"], 0.9)
    created = await firm("Kauppa Ab", email="boss@firm.fi")
    assert [one["reasons"] for one in created["possible_duplicates"]] == [
        ["email"],
        ["email"],
        ["name"],
        ["name"],
    ]


async def test_what_is_dismissed_is_suggested_no_more(api: httpx.AsyncClient) -> None:
    one, two = [await made(api, "/v1/customers", name="Kauppa") for _ in range(2)]
    pair = {"one": two["customer_id"], "other": one["customer_id"]}

    for _ in range(2):
        answer = await api.post("/v1/customer-duplicates/dismissals", json=pair)
        assert (answer.status_code, answer.json()["actor"]) == (200, "api-key")

    assert (await suggested(api))["items"] == []
    assert (await api.get(f"{url(one)}/duplicates")).json() == []
    three = await made(api, "/v1/customers", name="Kauppa")
    assert len(three["possible_duplicates"]) == 2
    (group,) = (await suggested(api))["items"]
    assert group["count"] == 3
    same = await api.post(
        "/v1/customer-duplicates/dismissals",
        json={"one": one["customer_id"], "other": one["customer_id"]},
    )
    assert (same.status_code, same.json()["slug"]) == (422, "invalid_field")


async def test_a_deleted_customer_with_the_same_business_id_is_suggested(
    api: httpx.AsyncClient,
) -> None:
    old = await made(api, "/v1/customers", name="Old", business_id="0201724-4")
    await delete(api, old)
    live = await made(api, "/v1/customers", name="Live", business_id="0201724-4")

    (group,) = (await suggested(api))["items"]
    assert [(one["id"], one["deleted"]) for one in group["records"]] == [
        (live["customer_id"], False),
        (old["customer_id"], True),
    ]


async def test_contacts_agree_in_name_and_address(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann, also = [
        await contact_at(api, firm, first, last_name="Ek", email="ek@firm.fi")
        for first in ("Ann", "ANN")
    ]
    await contact_at(api, firm, "Bob", last_name="Ek", email="ek@firm.fi")

    (group,) = (await suggested(api, "contact"))["items"]
    assert (group["reason"], {one["id"] for one in group["records"]}) == (
        "name_and_email",
        {ann["contact_id"], also["contact_id"]},
    )
    (twin,) = (await api.get(f"{url(ann)}/duplicates")).json()
    assert twin["id"] == also["contact_id"]


async def test_folding_is_no_history(customers: Service, api: httpx.AsyncClient) -> None:
    await send(customers, [customer("A", business_id="0201724-4")])
    await send(customers, [customer("A", name="Other", business_id="FI02017244")])
    async with customers.engine.connect() as connection:
        (after,) = (await connection.execute(text("SELECT after FROM history"))).scalars().all()
        assert set(after) <= {"name", "business_id"}
        groups, more = await find_duplicates(connection, "customer", after=None, limit=5)
        assert (groups, more) == ([], None)
