"""Where customers are, and in which order their contacts are taken for a document."""

import csv
import io

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import addressees, contact_at, made, role, url
from tests.integration.customers.erp import customer, send, told
from tests.integration.customers.test_lists import classify

HOME = {"street": "Rantatie 1", "postal_code": "90100", "city": "Oulu", "country": "FI"}
BLANK = dict.fromkeys(HOME)


async def test_the_address_of_a_customer_is_kept_told_exported_and_history(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="F", address=HOME)
    assert firm["address"] == HOME

    moved = await classify(api, firm, address={**HOME, "street": "Satama 2"})

    assert moved.json()["address"]["street"] == "Satama 2"
    assert [
        one["address"]["street"] for one in await told(customers, "customers.customer-saved.v1")
    ] == [
        "Rantatie 1",
        "Satama 2",
    ]
    (entry, _) = (await api.get(f"{url(firm)}/history")).json()["items"]
    assert entry["changes"] == [{"field": "street", "before": "Rantatie 1", "after": "Satama 2"}]
    exported = await api.post("/v1/customers/export", json={})
    (row,) = csv.DictReader(io.StringIO(exported.text))
    assert (row["street"], row["city"], row["country"]) == ("Satama 2", "Oulu", "FI")
    gone = await classify(api, firm)
    assert gone.json()["address"] == BLANK
    wrong = await api.post("/v1/customers", json={"name": "G", "address": {"country": "Finland"}})
    assert wrong.status_code == 422


async def test_an_erp_tells_phone_and_address_and_its_silence_changes_neither(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(customers, [customer("A", phone="040 1234567", address=HOME)])
    await send(customers, [customer("B")])
    (one, other) = (await api.get("/v1/customers")).json()["items"]
    assert (one["phone"], one["address"]) == ("+358401234567", HOME)
    assert (other["phone"], other["address"]) == (None, BLANK)
    await classify(api, other, phone="+358407654321", address=HOME)

    await send(customers, [customer("B", email="b@example.com")])
    await send(customers, [customer("A", phone="", address={"city": "Kemi"})])

    (one, other) = (await api.get("/v1/customers")).json()["items"]
    assert (other["email"], other["phone"], other["address"]) == (
        "b@example.com",
        "+358407654321",
        HOME,
    )
    assert (one["phone"], one["address"]) == (None, {**BLANK, "city": "Kemi"})


@pytest.mark.requirement("LS-A8", "LS-19")
async def test_contacts_of_one_attribute_are_taken_in_their_order(
    customers: Service, api: httpx.AsyncClient
) -> None:
    number = await role(api, "CONTACT_NUMBER")
    firm, other = [await made(api, "/v1/customers", name=name) for name in "FG"]
    people = [
        await contact_at(api, firm, name, email=f"{name}@example.com", attributes=[number])
        for name in ("a", "b", "c")
    ]
    assert people[0]["customers"][0]["position"] == 0

    for person, position in zip(people, (3, 1, 2), strict=True):
        present = await api.get(url(person))
        place = {"customer_id": firm["customer_id"], "role": "buyer", "position": position}
        kept = {"first_name": person["first_name"], "email": person["email"]}
        changed = await api.put(
            url(person),
            json={**kept, "customers": [place, {"customer_id": other["customer_id"]}]},
            headers={"If-Match": present.headers["etag"]},
        )
        assert changed.status_code == 200, changed.text
        assert {(one["role"], one["position"]) for one in changed.json()["customers"]} == {
            ("buyer", position),
            (None, 0),
        }

    wanted = [f"{name}@example.com" for name in "bca"]
    assert await addressees(api, firm, "invoice") == wanted
    said = (await told(customers, "customers.contact-saved.v1"))[-1]["customers"]
    assert {one["position"] for one in said} == {2, 0}

    present = await api.get(url(people[1]))
    silent = [{"customer_id": firm["customer_id"]}]
    body = {"first_name": "b", "email": "b@example.com", "customers": silent}
    headers = {"If-Match": present.headers["etag"]}
    kept_ = await api.put(url(people[1]), json=body, headers=headers)
    assert kept_.json()["customers"][0]["position"] == 1, "left out, it stays"
    assert await addressees(api, firm, "invoice") == wanted
    for wrong in (-1, 2**31, "first"):
        refused = await api.post(
            "/v1/contacts", json={"customers": [{**silent[0], "position": wrong}]}
        )
        assert refused.status_code == 422
