"""Deleted records: gone for everybody, kept with their bans, and brought back as they were."""

import asyncio
from datetime import datetime

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import (
    STANDING,
    addressees,
    contact_at,
    delete,
    made,
    restore,
    role,
    url,
)
from tests.integration.customers.erp import SOURCE, customer, document, send, told, work_off
from tests.integration.customers.test_banned_addresses import unsubscribed

SAVED, DELETED = "customers.customer-saved.v1", "customers.customer-deleted.v1"


@pytest.mark.requirement("VF-04", "TS-24")
async def test_a_deleted_customer_is_gone_for_everybody(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm", number="77", business_id="B-1")
    stale = await api.delete(url(firm), headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["slug"]) == (412, "stale_version")
    assert (await api.delete(url(firm))).status_code == 428

    gone = await delete(api, firm)

    assert gone["version"] > firm["version"]
    deleted = (await told(customers, DELETED))[-1]
    assert deleted == {
        "customer_id": firm["customer_id"],
        "version": gone["version"],
        "merged_into": None,
        "deleted_at": deleted["deleted_at"],
    }
    assert datetime.fromisoformat(deleted["deleted_at"]) == datetime.fromisoformat(
        gone["deleted_at"]
    )
    fetched = await api.get(url(firm))
    assert (fetched.status_code, fetched.json()["slug"]) == (404, "customer_not_found")
    assert "/v1/deleted-customers" in fetched.json()["remedy"]
    assert (await api.get("/v1/customers")).json()["items"] == []
    assert (await api.get("/v1/customers/document-gaps")).json()["items"] == []
    for path in ("addressees?purpose=invoice", "eligibility?purpose=project"):
        assert (await api.get(f"{url(firm)}/{path}")).status_code == 404
    for path in ("history", "status-times"):
        assert (await api.get(f"{url(firm)}/{path}")).status_code == 404
    for method in (api.put, api.delete):
        again = await method(
            url(firm),
            headers={"If-Match": f'"{gone["version"]}"'},
            **({"json": {"name": "X"}} if method == api.put else {}),
        )
        assert again.status_code == 404
    heir = await made(api, "/v1/customers", name="Heir", number="77", business_id="B-1")
    assert heir["number"] == "77"


async def test_a_deletion_is_repeated_safely(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    headers = {"If-Match": f'"{firm["version"]}"', "Idempotency-Key": "once"}

    first = await api.delete(url(firm), headers=headers)
    second = await api.delete(url(firm), headers=headers)

    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"


@pytest.mark.requirement("LS-19", "TS-A9")
async def test_a_deleted_contact_is_picked_for_nothing_and_keeps_its_place(
    customers: Service, restoring: httpx.AsyncClient
) -> None:
    api = restoring
    number = await role(api, "CONTACT_NUMBER")
    firm = await made(api, "/v1/customers", name="Firm")
    bill = await contact_at(api, firm, "Bill", email="bill@example.com", attributes=[number])

    await delete(api, bill)

    assert await addressees(api, firm, "invoice") == []
    gaps = (await api.get("/v1/customers/document-gaps")).json()["items"]
    assert [gap["customer_id"] for gap in gaps] == [firm["customer_id"]]
    fetched = await api.get(url(bill))
    assert fetched.status_code == 404
    assert "/v1/deleted-contacts" in fetched.json()["remedy"]
    assert (await api.get("/v1/contacts")).json()["items"] == []
    (shown,) = (await api.get("/v1/deleted-contacts")).json()["items"]
    assert (shown["contact_id"], shown["first_name"]) == (bill["contact_id"], "Bill")

    back = (await restore(api, bill)).json()

    same = {"customers", "attributes", "email", "first_name"}
    assert {name: back[name] for name in same} == {name: bill[name] for name in same}
    assert await addressees(api, firm, "invoice") == ["bill@example.com"]
    (news,) = await told(customers, "customers.contact-deleted.v1")
    saved = (await told(customers, "customers.contact-saved.v1"))[-1]
    assert bill["version"] < news["version"] < saved["version"] == back["version"]


async def test_a_contact_stays_at_a_deleted_customer_and_none_comes_to_it(
    api: httpx.AsyncClient,
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann")
    await delete(api, firm)

    present = await api.get(url(ann))
    kept = await api.put(
        url(ann),
        json={"first_name": "Anna", "customers": present.json()["customers"]},
        headers={"If-Match": present.headers["etag"]},
    )
    refused = await api.post("/v1/contacts", json={"customers": present.json()["customers"]})

    assert kept.json()["customers"] == ann["customers"] != []
    assert (refused.status_code, refused.json()["slug"]) == (404, "customer_not_found")


@pytest.mark.requirement("TS-22", "TS-A8")
async def test_restore_is_off_until_the_deployment_activates_it(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann")
    for record in (ann, firm):
        await delete(api, record)
        answer = await restore(api, record)
        assert (answer.status_code, answer.json()["slug"]) == (403, "restore_not_activated")
        assert "SUHDE_RESTORE_ENABLED" in answer.json()["remedy"]
    for kind in ("customers", "contacts"):
        assert (await api.get(f"/v1/deleted-{kind}")).status_code == 403


@pytest.mark.requirement("TS-23", "TS-25")
async def test_the_deleted_list_shows_all_of_them_the_last_first(
    restoring: httpx.AsyncClient,
) -> None:
    firms = [await made(restoring, "/v1/customers", name=f"F{n}") for n in range(5)]
    for firm in firms:
        await delete(restoring, firm)

    shown: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = (await restoring.get("/v1/deleted-customers", params={"limit": 2, **cursor})).json()
        shown += [one["name"] for one in page["items"]]
        cursor = {"cursor": page["next"]}

    assert shown == ["F4", "F3", "F2", "F1", "F0"]
    assert page["next"] is None
    foreign = await restoring.get("/v1/deleted-customers", params={"cursor": "WyJhIiwiYiJd"})
    assert foreign.json()["slug"] == "bad_cursor"


@pytest.mark.requirement("TS-24", "TS-26", "LS-A9")
async def test_a_restored_customer_is_as_it_was_at_a_higher_version(
    customers: Service, restoring: httpx.AsyncClient
) -> None:
    firm = await made(
        restoring,
        "/v1/customers",
        name="Firm",
        business_id="B-1",
        references=[{"source": "/erp/main", "ref": "9"}],
        classifications={"customer_status": [5], "end_reason": [1], "customer_type": [2]},
        ended_on="2024-02-03",
    )
    await restoring.put(f"{url(firm)}/bans", json={"sms": True})
    before = (await restoring.get(url(firm))).json()
    gone = await delete(restoring, firm)

    back = await restore(restoring, firm)

    assert back.status_code == 200, back.text
    changing = {"version": gone["version"] + 1, "updated_at": back.json()["updated_at"]}
    assert back.json() == {**before, **changing}
    assert back.headers["etag"] == f'"{changing["version"]}"'
    news = (await told(customers, SAVED))[-1]
    assert (news["number"], news["version"]) == (firm["number"], changing["version"])
    assert news["classifications"] == firm["classifications"]
    assert news["bans"]["sms"]
    assert (await restoring.get(url(firm))).json() == back.json()
    again = await restore(restoring, firm)
    assert (again.status_code, again.json()["slug"]) == (404, "deleted_record_not_found")


@pytest.mark.requirement("VF-A2")
async def test_a_value_that_only_the_deleted_hold_is_archived_and_comes_back_with_them(
    restoring: httpx.AsyncClient,
) -> None:
    firm = await made(
        restoring, "/v1/customers", name="Firm", classifications={"customer_status": [2]}
    )
    await delete(restoring, firm)
    status = await restoring.get("/v1/customer-statuses/2")
    gone = await restoring.delete(
        "/v1/customer-statuses/2", headers={"If-Match": status.headers["etag"]}
    )
    assert gone.json()["archived"]

    back = (await restore(restoring, firm)).json()

    assert back["classifications"] == {**STANDING, "customer_status": [2]}


@pytest.mark.requirement("TS-A9")
async def test_a_key_that_a_live_customer_owns_by_now_is_a_conflict_with_choices(
    restoring: httpx.AsyncClient,
) -> None:
    firm = await made(restoring, "/v1/customers", name="Old", number="77", business_id="B-1")
    await delete(restoring, firm)
    number = await made(restoring, "/v1/customers", name="Number", number="77")
    business = await made(restoring, "/v1/customers", name="Business", business_id="B-1")

    refused = await restore(restoring, firm)

    assert (refused.status_code, refused.json()["slug"]) == (409, "restore_conflict")
    conflicts = {one["field"]: one for one in refused.json()["conflicts"]}
    assert conflicts["number"]["customer_id"] == number["customer_id"]
    assert conflicts["number"]["choices"] == [
        {"number": "new"},
        {"merge_into": number["customer_id"]},
    ]
    assert conflicts["business_id"]["customer_id"] == business["customer_id"]
    half = await restore(restoring, firm, number="new")
    assert [one["field"] for one in half.json()["conflicts"]] == ["business_id"]
    chosen = await restore(restoring, firm, number="new", business_id=None)
    assert chosen.status_code == 200, chosen.text
    assert chosen.json()["number"] not in ("77", number["number"], business["number"])
    assert chosen.json()["business_id"] is None


@pytest.mark.requirement("TS-A9")
async def test_restores_that_race_for_one_key_have_one_winner(
    restoring: httpx.AsyncClient,
) -> None:
    firms = []
    for n in range(4):
        firms.append(await made(restoring, "/v1/customers", name=f"F{n}", business_id="B-1"))
        await delete(restoring, firms[-1])

    answers = await asyncio.gather(*(restore(restoring, firm) for firm in firms))

    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]


@pytest.mark.requirement("TS-A9", "LS-26")
async def test_bans_reach_the_deleted_and_are_there_when_they_come_back(
    customers: Service, restoring: httpx.AsyncClient
) -> None:
    firm = await made(restoring, "/v1/customers", name="Firm")
    ann = await contact_at(restoring, firm, "Ann", email="ann@example.com")
    await delete(restoring, ann)
    await delete(restoring, firm)

    await send(customers, [unsubscribed("email", "ann@example.com")])
    by_hand = await restoring.put(f"{url(ann)}/bans", json={"sms": True})
    of_firm = await restoring.put(f"{url(firm)}/bans", json={"post": True})

    assert (by_hand.status_code, of_firm.status_code) == (202, 202)
    assert (await restoring.get(url(ann))).status_code == 404
    newest = (await told(customers, "customers.contact-deleted.v1"))[-1]
    assert newest["version"] > ann["version"] + 1
    bans = [
        one["bans"]
        for one in await told(customers, "customers.bans-changed.v1")
        if one["contact_id"] == ann["contact_id"]
    ]
    assert bans[-1] == {"email": True, "sms": True, "post": False}
    assert len((await restore(restoring, ann)).json()["attributes"]) == 2
    assert (await restore(restoring, firm)).json()["bans"]["post"]


@pytest.mark.requirement("TS-24", "LS-29")
async def test_an_erp_keeps_a_deleted_customer_up_to_date_and_deleted(
    customers: Service, restoring: httpx.AsyncClient
) -> None:
    api = restoring
    person = {"contact_ref": "p", "email": "p@example.com", "bans": ["NO_SMS"]}
    await send(customers, [customer("A", business_id="B-1", contacts=[person])])
    firm = (await api.get("/v1/customers")).json()["items"][0]
    contact = (await api.get("/v1/contacts")).json()["items"][0]
    for record in (firm, contact):
        await delete(api, record)
    await made(api, "/v1/customers", name="Heir", business_id="B-1")

    moved = {**person, "email": "new@example.com", "bans": []}
    await send(
        customers,
        [
            customer("A", name="Renamed", business_id="B-1", contacts=[moved]),
            document("invoice-posted", "1", "A", "2024-05-06", "2024-05-06T00:00:00Z"),
        ],
    )

    assert (await api.get(url(firm))).status_code == 404
    assert (await api.get("/v1/contacts")).json()["items"] == []
    assert len(await told(customers, "customers.document-recorded.v1")) == 1
    assert (await api.get("/v1/inboxes/customers/parked")).json().get("items", []) == []
    conflict = await restore(api, firm)
    assert conflict.json()["slug"] == "restore_conflict"
    back = (await restore(api, firm, business_id=None)).json()
    assert (back["name"], back["relationship"]["started_on"]) == ("Renamed", "2024-05-06")
    person_back = (await restore(api, contact)).json()
    assert (person_back["email"], len(person_back["attributes"])) == ("new@example.com", 1)


@pytest.mark.requirement("TS-24")
async def test_documents_that_name_a_deleted_customer_by_number_wait_for_its_restore(
    customers: Service, restoring: httpx.AsyncClient
) -> None:
    firm = await made(restoring, "/v1/customers", name="Firm", number="77")
    await delete(restoring, firm)
    invoice = document("invoice-posted", "1", "-", "2024-05-06", customer={"customer_number": "77"})
    await send(customers, [invoice])
    assert await told(customers, "customers.document-recorded.v1") == []

    await restore(restoring, firm)
    await work_off(customers)

    assert len(await told(customers, "customers.document-recorded.v1")) == 1


@pytest.mark.requirement("TS-A9")
async def test_a_reference_of_a_deleted_customer_can_be_given_to_a_live_one(
    customers: Service, restoring: httpx.AsyncClient
) -> None:
    reference = {"source": SOURCE, "ref": "A"}
    old = await made(restoring, "/v1/customers", name="Old", references=[reference])
    taken = await restoring.post("/v1/customers", json={"name": "New", "references": [reference]})
    assert (taken.status_code, taken.json()["slug"]) == (409, "customer_key_taken")
    new_twice = [{**reference, "ref": "B"}] * 2
    twice = await restoring.post("/v1/customers", json={"name": "N", "references": new_twice})
    assert twice.status_code == 409
    await delete(restoring, old)

    new = await made(restoring, "/v1/customers", name="New", references=[reference])

    await send(customers, [document("invoice-posted", "1", "A", "2024-05-06")])
    (recorded,) = await told(customers, "customers.document-recorded.v1")
    assert recorded["customer_id"] == new["customer_id"]
    assert (await restore(restoring, old)).json()["references"] == []
