"""Several records of one customer or contact become one, nothing is lost, and it can be undone."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.messages import Incoming
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import (
    contact_at,
    delete,
    made,
    put_setting,
    restore,
    role,
    url,
)
from tests.integration.customers.erp import customer, document, parked, send, work_off
from tests.integration.customers.test_lists import classify
from tests.integration.customers.test_undo import present, told, undo


async def merge(
    api: httpx.AsyncClient,
    into: dict[str, Any],
    *others: dict[str, Any],
    dry_run: bool = False,
    **fields: dict[str, Any],
) -> httpx.Response:
    kind = "contact" if "contact_id" in into else "customer"
    key = f"{kind}_id"
    versions = {one[key]: (await present(api, one))["version"] for one in (into, *others)}
    return await api.post(
        f"/v1/{kind}-merges",
        params={"dry_run": dry_run},
        json={
            "into": into[key],
            "from": [one[key] for one in others],
            "fields": {name.replace("__", "."): one[key] for name, one in fields.items()},
            "if_match": versions,
        },
    )


async def merged(
    api: httpx.AsyncClient, into: dict[str, Any], *others: dict[str, Any], **fields: Any
) -> dict[str, Any]:
    answer = await merge(api, into, *others, **fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def documents_of(customers: Service, record: dict[str, Any]) -> set[str]:
    async with customers.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT document_id FROM erp_document WHERE customer_id = :id"),
            {"id": record["customer_id"]},
        )
        return set(rows.scalars())


async def erp_customer(
    customers: Service, api: httpx.AsyncClient, ref: str, **fields: Any
) -> dict[str, Any]:
    await send(customers, [customer(ref, **fields)])
    items = (await api.get("/v1/customers")).json()["items"]
    (found,) = [one for one in items if {"source": "/erp/test", "ref": ref} in one["references"]]
    return dict(found)


@pytest.mark.requirement("TS-A9")
async def test_all_that_belongs_to_the_others_belongs_to_the_survivor(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await put_setting(api, "STARTDATE_INVOICE", 1)
    products = [(await made(api, "/v1/products", title=t))["number"] for t in ("A", "B")]
    ann = {"contact_ref": "1", "first_name": "Ann", "email": "ann@example.com"}
    into = await erp_customer(customers, api, "S", email="s@example.com")
    loser = await erp_customer(
        customers, api, "L", email="l@example.com", business_id="0201724-4", contacts=[ann]
    )
    await classify(api, into, email="s@example.com", classifications={"product": products[:1]})
    await classify(
        api,
        loser,
        email="l@example.com",
        business_id="0201724-4",
        headcount=7,
        classifications={"product": products[1:], "customer_type": [2], "customer_status": [2]},
    )
    await api.put(f"{url(loser)}/bans", json={"email": True})
    await send(
        customers,
        [
            document("invoice-posted", "1", "S", "2026-03-03", "2026-03-03T00:00:00Z"),
            document("invoice-posted", "2", "L", "2026-02-02", "2026-02-02T00:00:00Z"),
        ],
    )

    tried = (await merge(api, into, loser, dry_run=True)).json()
    assert (await present(api, loser))["name"] == "Customer L"
    done = await merged(api, into, loser)

    assert tried["operation_id"] is None
    assert {**tried, "operation_id": 0, "dry_run": 0} == {**done, "operation_id": 0, "dry_run": 0}
    assert (done["contacts"], done["documents"], done["references"]) == (1, 1, 1)
    assert done["sources"]["headcount"] == loser["customer_id"]
    now = await present(api, into)
    assert (now["name"], now["email"], now["business_id"], now["headcount"]) == (
        "Customer S",
        "s@example.com",
        "0201724-4",
        7,
    )
    assert now["classifications"]["product"] == products
    assert now["classifications"]["customer_type"] == [2]
    assert now["classifications"]["customer_status"] == [1]
    assert {one["ref"] for one in now["references"]} == {"S", "L"}
    assert now["bans"] == {"email": True, "sms": False, "post": False}
    assert now["relationship"]["started_on"] == "2026-02-02"
    assert await documents_of(customers, into) == {"1", "2"}
    (contact,) = (await api.get(f"/v1/contacts?customer_id={into['customer_id']}")).json()["items"]
    assert [one["customer_id"] for one in contact["customers"]] == [into["customer_id"]]

    gone = await api.get(url(loser))
    assert (gone.status_code, gone.json()["merged_into"]) == (404, into["customer_id"])
    assert (await told(customers, "customer-deleted"))[-1]["merged_into"] == into["customer_id"]
    assert (await told(customers, "customer-saved"))[-1]["bans"]["email"] is True
    moved = (await told(customers, "contact-saved"))[-1]
    assert (moved["version"], moved["contact_id"]) == (contact["version"], contact["contact_id"])
    banned = (await told(customers, "bans-changed"))[-1]
    assert (banned["customer_id"], banned["bans"]["email"]) == (into["customer_id"], True)
    assert (await told(customers, "relationship-started"))[-1]["previously"] == "2026-03-03"
    assert (await told(customers, "first-invoice-posted"))[-1]["document_id"] == "2"
    assert (await told(customers, "operation-completed"))[-1]["deleted"] == 1


async def test_the_map_says_of_whom_a_field_is(api: httpx.AsyncClient) -> None:
    into = await made(api, "/v1/customers", name="Into", classifications={"customer_type": [1]})
    loser = await made(
        api,
        "/v1/customers",
        name="Loser",
        classifications={"customer_type": [2], "customer_status": [5], "end_reason": [1]},
        ended_on="2026-01-01",
    )
    for record, day in ((into, "2020-01-01"), (loser, "2010-01-01")):
        version = (await present(api, record))["version"]
        await api.put(
            f"{url(record)}/relationship-start",
            json={"started_on": day},
            headers={"If-Match": f'"{version}"'},
        )

    await merged(
        api,
        into,
        loser,
        name=loser,
        number=loser,
        relationship=loser,
        classifications__customer_type=loser,
        classifications__customer_status=loser,
    )

    now = await present(api, into)
    assert (now["name"], now["number"], now["ended_on"]) == (
        "Loser",
        loser["number"],
        "2026-01-01",
    )
    assert now["relationship"]["started_on"] == "2010-01-01"
    assert now["relationship"]["source"] == "manual"
    assert now["classifications"] == {
        "customer_type": [2],
        "customer_status": [5],
        "end_reason": [1],
        "customer_kind": [1],
    }


async def test_a_day_set_by_hand_stays_the_survivors(api: httpx.AsyncClient) -> None:
    into, loser = [await made(api, "/v1/customers", name=name) for name in ("Into", "Loser")]
    await api.put(
        f"{url(loser)}/relationship-start",
        json={"started_on": "2010-01-01"},
        headers={"If-Match": '"1"'},
    )

    await merged(api, into, loser)

    assert (await present(api, into))["relationship"] is None


@pytest.mark.requirement("TS-A9")
async def test_what_names_a_merged_customer_reaches_the_survivor(
    customers: Service, api: httpx.AsyncClient
) -> None:
    first = await erp_customer(customers, api, "A", business_id="0201724-4")
    second = await made(api, "/v1/customers", name="Second", number="S2")
    third = await made(api, "/v1/customers", name="Third")
    known = document("invoice-posted", "0", "A", "2026-01-01", document_version=1)
    await send(customers, [known])
    await merged(api, second, first)
    await merged(api, third, second)
    by = {"1": {"erp_ref": "A"}, "2": {"customer_number": "S2"}, "3": {"business_id": "0201724-4"}}
    events = []
    for document_id, named in by.items():
        told_ = document("invoice-posted", document_id, "A", "2026-01-01")
        told_["data"]["customer"] = named
        events.append(told_)
    # What is known is known of the survivor as well, and no other state of the document.
    await send(customers, [*events, {**known, "id": str(uuid4())}])

    assert await documents_of(customers, third) == {"0", "1", "2", "3"}
    assert await parked(customers) == {}
    gone = (await api.get(url(first))).json()
    assert gone["merged_into"] == third["customer_id"]

    await send(customers, [customer("NEW", name="Told", business_id="0201724-4")])
    await send(customers, [customer("NEWER", name="Told anew", customer_number="S2")])
    now = await present(api, third)
    assert now["name"] == "Told anew"
    assert {one["ref"] for one in now["references"]} == {"A", "NEW", "NEWER"}
    assert await parked(customers) == {}


@pytest.mark.requirement("TS-A9")
async def test_a_merge_is_undone_and_bans_stay(customers: Service, api: httpx.AsyncClient) -> None:
    await put_setting(api, "STARTDATE_INVOICE", 1)
    ann = {"contact_ref": "1", "first_name": "Ann"}
    into = await erp_customer(customers, api, "S")
    loser = await erp_customer(customers, api, "L", business_id="0201724-4", contacts=[ann])
    await send(
        customers,
        [
            document("invoice-posted", "1", "S", "2026-03-03"),
            document("invoice-posted", "2", "L", "2026-02-02"),
        ],
    )
    await api.put(f"{url(loser)}/bans", json={"sms": True})
    before = {one["customer_id"]: await present(api, one) for one in (into, loser)}
    done = await merged(api, into, loser)
    await send(customers, [document("invoice-posted", "3", "L", "2026-04-04")])

    undone = await undo(api, done["operation_id"])

    assert (undone["changed_since"], undone["bans_kept"]) == (0, 1)
    for one in (into, loser):
        now, then = await present(api, one), before[one["customer_id"]]
        for name in ("name", "business_id", "number", "references", "classifications"):
            assert now[name] == then[name], name
        assert now["relationship"]["started_on"] == then["relationship"]["started_on"]
        assert now["bans"]["sms"] is True
    assert await documents_of(customers, loser) == {"2"}
    assert await documents_of(customers, into) == {"1", "3"}
    (contact,) = (await api.get("/v1/contacts")).json()["items"]
    assert [one["customer_id"] for one in contact["customers"]] == [loser["customer_id"]]
    assert (await told(customers, "contact-saved"))[-1]["version"] == contact["version"]
    await send(customers, [document("invoice-posted", "2", "L", "2026-02-02", gross_amount="9")])
    assert await documents_of(customers, loser) == {"2"}

    redone = await undo(api, undone["operation_id"])

    assert redone["changed_since"] == 0
    assert (await api.get(url(loser))).json()["merged_into"] == into["customer_id"]
    assert await documents_of(customers, into) == {"1", "2", "3"}
    assert (await present(api, into))["business_id"] == "0201724-4"


@pytest.mark.requirement("TS-A9")
async def test_a_merged_one_whose_key_is_taken_stays_and_the_choices_are_told(
    customers: Service, api: httpx.AsyncClient
) -> None:
    into = await erp_customer(customers, api, "S")
    loser = await erp_customer(
        customers, api, "L", customer_number="N", contacts=[{"contact_ref": "1", "first_name": "A"}]
    )
    await send(customers, [document("invoice-posted", "1", "L", "2026-03-03")])
    done = await merged(api, into, loser)
    await made(api, "/v1/customers", name="Owner", number="N")

    undone = await undo(api, done["operation_id"])

    left = {one["record_id"]: one for one in undone["first_changed_since"]}
    assert left[loser["customer_id"]]["fields"]["deleted_at"] == "taken"
    assert {"number": "new"} in left[loser["customer_id"]]["choices"]
    # What is his stays where it can be seen.
    assert await documents_of(customers, into) == {"1"}
    (contact,) = (await api.get("/v1/contacts")).json()["items"]
    assert [one["customer_id"] for one in contact["customers"]] == [into["customer_id"]]
    assert {one["ref"] for one in (await present(api, into))["references"]} == {"S", "L"}


@pytest.mark.requirement("TS-A9")
async def test_contacts_are_merged_with_their_bans(
    customers: Service, api: httpx.AsyncClient
) -> None:
    ban = await role(api, "NO_EMAIL")
    tick = (await made(api, "/v1/contact-attributes", title="Tick"))["number"]
    firm, other = [await made(api, "/v1/customers", name=name) for name in ("Firm", "Other")]
    into = await contact_at(api, firm, "Ann", attributes=[tick])
    await send(
        customers,
        [customer("X", contacts=[{"contact_ref": "1", "first_name": "A", "email": "a@b.com"}])],
    )
    (twin,) = [
        one for one in (await api.get("/v1/contacts")).json()["items"] if one["email"] == "a@b.com"
    ]
    await api.put(f"{url(twin)}/bans", json={"email": True})

    done = await merged(api, into, twin)

    now = await present(api, into)
    assert (now["first_name"], now["email"]) == ("Ann", "a@b.com")
    assert now["attributes"] == sorted([tick, ban])
    assert len(now["customers"]) == 2
    assert (await api.get(url(twin))).json()["merged_into"] == into["contact_id"]
    banned = (await told(customers, "bans-changed"))[-1]
    assert (banned["contact_id"], banned["email"]) == (into["contact_id"], "a@b.com")
    assert banned["bans"]["email"] is True
    assert (await told(customers, "contact-deleted"))[-1]["merged_into"] == into["contact_id"]
    await send(
        customers,
        [customer("X", contacts=[{"contact_ref": "1", "first_name": "Anna", "bans": []}])],
    )
    assert (await present(api, into))["first_name"] == "Anna"

    undone = await undo(api, done["operation_id"])

    assert undone["bans_kept"] == 1
    assert (await present(api, twin))["attributes"] == [ban]
    assert ban in (await present(api, into))["attributes"]
    assert [one["customer_id"] for one in (await present(api, into))["customers"]] == [
        firm["customer_id"]
    ]
    del other


@pytest.mark.requirement("TS-A9")
async def test_a_ban_that_names_a_merged_record_reaches_its_heir(
    api: httpx.AsyncClient,
) -> None:
    firm, twin = [await made(api, "/v1/customers", name=name) for name in ("Firm", "Twin")]
    ann, also = [await contact_at(api, firm, name) for name in ("Ann", "Also")]
    await merged(api, firm, twin)
    await merged(api, ann, also)

    for record in (twin, also):
        answer = await api.put(f"{url(record)}/bans", json={"email": True})
        assert answer.status_code == 202, answer.text
    assert (await present(api, firm))["bans"]["email"] is True
    assert len((await present(api, ann))["attributes"]) == 1

    for record in (twin, also):
        await api.put(f"{url(record)}/bans", json={"email": False})
    assert (await present(api, firm))["bans"]["email"] is True
    assert len((await present(api, ann))["attributes"]) == 1


@pytest.mark.requirement("TS-A9")
async def test_a_deleted_customer_is_merged_instead_of_restored(
    customers: Service, api: httpx.AsyncClient, restoring: httpx.AsyncClient
) -> None:
    old = await made(api, "/v1/customers", name="Old", business_id="0201724-4", number="OLD")
    await contact_at(api, old, "Ann")
    await api.put(f"{url(old)}/bans", json={"post": True})
    await delete(api, old)
    live = await made(api, "/v1/customers", name="Live", business_id="0201724-4")
    waiting = document("invoice-posted", "1", "-", "2026-01-01")
    waiting["data"]["customer"] = {"customer_number": "OLD"}
    await send(customers, [waiting])

    refused = await restore(restoring, old)
    (conflict,) = refused.json()["conflicts"]
    assert {"merge_into": live["customer_id"]} in conflict["choices"]
    answer = await restore(restoring, old, merge_into=live["customer_id"])
    await work_off(customers)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["customer_id"], answer.json()["name"]) == (live["customer_id"], "Live")
    assert (await present(api, live))["bans"]["post"] is True
    assert await documents_of(customers, live) == {"1"}
    contacts = (await api.get(f"/v1/contacts?customer_id={live['customer_id']}")).json()["items"]
    assert len(contacts) == 1
    assert (await api.get(url(old))).json()["merged_into"] == live["customer_id"]
    operation = (await api.get("/v1/operations")).json()["items"][0]
    await undo(api, operation["operation_id"])
    assert "merged_into" not in (await api.get(url(old))).json()


async def test_merges_that_make_no_sense_are_refused(api: httpx.AsyncClient) -> None:
    one, two, three = [await made(api, "/v1/customers", name=n) for n in ("One", "Two", "Three")]

    async def slug(**body: Any) -> tuple[int, str]:
        whole = {
            "into": one["customer_id"],
            "from": [two["customer_id"]],
            "if_match": {one["customer_id"]: 1, two["customer_id"]: 1},
            **body,
        }
        answer = await api.post("/v1/customer-merges", json=whole)
        assert answer.json()["remedy"]
        return answer.status_code, answer.json()["slug"]

    assert await slug(**{"from": [one["customer_id"]]}) == (422, "invalid_field")
    assert await slug(**{"from": [two["customer_id"]] * 2}) == (422, "invalid_field")
    assert (await slug(**{"from": [str(uuid4()) for _ in range(21)]}))[0] == 422
    assert await slug(**{"from": [str(uuid4())]}) == (404, "customer_not_found")
    assert await slug(if_match={one["customer_id"]: 1}) == (422, "invalid_field")
    stale = {one["customer_id"]: 1, two["customer_id"]: 9}
    assert await slug(if_match=stale) == (412, "stale_version")
    assert await slug(fields={"nothing": one["customer_id"]}) == (422, "invalid_field")
    assert await slug(fields={"name": three["customer_id"]}) == (422, "invalid_field")

    await merged(api, one, two)
    assert await slug() == (404, "customer_not_found")
    # The merged one cannot survive anybody, so chains have an end.
    around = {two["customer_id"]: 1, one["customer_id"]: 2}
    again = await slug(into=two["customer_id"], **{"from": [one["customer_id"]]}, if_match=around)
    assert again == (404, "customer_not_found")


@pytest.mark.requirement("TS-A9")
async def test_merges_and_events_that_race_lose_no_document_and_no_ban(
    customers: Service, api: httpx.AsyncClient
) -> None:
    refs = [f"R{n}" for n in range(6)]
    firms = [await erp_customer(customers, api, ref) for ref in refs]
    versions = {one["customer_id"]: one["version"] for one in firms}
    for one in firms[1:]:
        await api.put(f"{url(one)}/bans", json={"email": one is firms[3]})
    versions = {one["customer_id"]: (await present(api, one))["version"] for one in firms}

    async def merging(into: int, *others: int) -> httpx.Response:
        return await api.post(
            "/v1/customer-merges",
            json={
                "into": firms[into]["customer_id"],
                "from": [firms[n]["customer_id"] for n in others],
                "if_match": {
                    firms[n]["customer_id"]: versions[firms[n]["customer_id"]]
                    for n in (into, *others)
                },
            },
        )

    async def telling(n: int) -> None:
        ann = {"contact_ref": f"C{n}", "first_name": "Ann", "bans": ["NO_SMS"]}
        events = [document("invoice-posted", f"{n}-{ref}", ref, "2026-01-01") for ref in refs] + [
            customer(ref, contacts=[ann]) for ref in refs
        ]
        await customers.inbox.store([Incoming(json.dumps(one).encode(), {}) for one in events])
        for _ in range(50):
            try:
                if not await customers.worker.work_batch():
                    return
            except TimeoutError:
                continue

    answers = await asyncio.gather(
        merging(0, 1, 2), telling(1), merging(1, 0, 3), telling(2), merging(4, 3, 5), telling(3)
    )
    await work_off(customers)

    # Versions may be stale by then; who was merged is merged once, and everybody has an heir.
    assert {one.status_code for one in answers if one is not None} <= {200, 404, 412}
    async with customers.engine.connect() as connection:
        lost = await connection.execute(
            text(
                """
                SELECT (SELECT count(*) FROM erp_document JOIN customer USING (customer_id)
                        WHERE deleted_at IS NOT NULL)
                     + (SELECT count(*) FROM contact_customer JOIN customer USING (customer_id)
                        WHERE deleted_at IS NOT NULL)
                     + (SELECT count(*) FROM customer_reference JOIN customer USING (customer_id)
                        WHERE deleted_at IS NOT NULL)
                """
            )
        )
        assert lost.scalar_one() == 0
        held = await connection.execute(text("SELECT count(*) FROM erp_document"))
        assert held.scalar_one() == 18
        banned = await connection.execute(
            text(
                "SELECT ban_email FROM customer WHERE customer_id = "
                "customer_survivor(CAST(:id AS uuid))"
            ),
            {"id": firms[3]["customer_id"]},
        )
        assert banned.scalar_one() is True
