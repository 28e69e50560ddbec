"""Contacts picked for documents, and the three marketing bans with their gapless numbers."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.customers.handlers.change_bans import SetBans, ban_contact
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import (
    addressees,
    contact_at,
    made,
    put_setting,
    role,
    setting,
)
from tests.integration.customers.erp import customer, event, send, told

CHANGED, SAVED = "customers.bans-changed.v1", "customers.contact-saved.v1"
ADDRESS = {"street": "Hauptstraße  1", "postal_code": "10115", "city": "Berlin", "country": "DE"}


async def ban(api: httpx.AsyncClient, contact: dict[str, Any], **channels: bool) -> int:
    answer = await api.put(f"/v1/contacts/{contact['contact_id']}/bans", json=channels)
    assert answer.status_code == 202, answer.text
    assert answer.json()["fence"] == "accepted"
    return int(answer.json()["consent_seq"])


async def change(api: httpx.AsyncClient, contact: dict[str, Any], **fields: Any) -> dict[str, Any]:
    url = f"/v1/contacts/{contact['contact_id']}"
    present = await api.get(url)
    body = {
        name: value
        for name, value in present.json().items()
        if name not in ("contact_id", "version", "created_at", "updated_at")
    }
    answer = await api.put(
        url, json={**body, **fields}, headers={"If-Match": present.headers["etag"]}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def probe(service: Service) -> dict[str, Any]:
    await send(
        service,
        [event("", {"nonce": str(uuid4())}, type="mailing.consent-probed.v1", source="/mailing")],
    )
    return (await told(service, "customers.consent-confirmed.v1"))[-1]


@pytest.mark.requirement("LS-18", "LS-19", "LS-23", "LS-24", "LS-25")
async def test_each_document_goes_to_the_contact_with_its_attribute(
    api: httpx.AsyncClient,
) -> None:
    firm = await made(api, "/v1/customers", name="Firm", email="office@example.com")
    for name, purpose in (
        ("CONTACT_NUMBER", "invoice"),
        ("CONTACT_PURCHASE", "purchase_order"),
        ("CONTACT_SALES", "sales_order"),
    ):
        assert await addressees(api, firm, purpose) == ["office@example.com"]
        number = await role(api, name)
        await contact_at(api, firm, name, email=f"{purpose}@example.com", attributes=[number])

    assert await addressees(api, firm, "invoice") == ["invoice@example.com"]
    assert await addressees(api, firm, "purchase_order") == ["purchase_order@example.com"]
    assert await addressees(api, firm, "sales_order") == ["sales_order@example.com"]


@pytest.mark.requirement("LS-20")
async def test_a_reminder_goes_to_the_e_mail_invoice_contact(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="Firm", email="office@example.com")
    number = await role(api, "CONTACT_NUMBER")
    await contact_at(api, firm, "Bill", email="bill@example.com", attributes=[number])

    assert await addressees(api, firm, "reminder") == ["bill@example.com"]


@pytest.mark.requirement("LS-A7")
async def test_a_ban_on_e_mail_keeps_no_invoice_from_its_contact(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="Firm", email="office@example.com")
    number = await role(api, "CONTACT_NUMBER")
    bill = await contact_at(api, firm, "Bill", email="bill@example.com", attributes=[number])
    await ban(api, bill, email=True)

    assert await addressees(api, firm, "invoice") == ["bill@example.com"]
    assert await addressees(api, firm, "reminder") == ["bill@example.com"]


@pytest.mark.requirement("LS-A8")
async def test_several_are_in_order_none_is_the_customer_itself_and_else_a_gap(
    api: httpx.AsyncClient,
) -> None:
    number = await role(api, "CONTACT_NUMBER")
    firm = await made(api, "/v1/customers", name="Firm", email="office@example.com")
    silent = await made(api, "/v1/customers", name="Silent")
    await contact_at(api, silent, "Mute", attributes=[number])
    await contact_at(api, silent, "Other", email="not-for-invoices@example.com")
    await contact_at(api, firm, "No address", attributes=[number])
    assert await addressees(api, firm, "invoice") == ["office@example.com"]

    for name in ("first", "second", "third"):
        await contact_at(api, firm, name, email=f"{name}@example.com", attributes=[number])
    assert await addressees(api, firm, "invoice") == [
        "first@example.com",
        "second@example.com",
        "third@example.com",
    ]
    assert await addressees(api, silent, "invoice") == []
    gaps = (await api.get("/v1/customers/document-gaps?purpose=invoice")).json()["items"]
    assert [gap["name"] for gap in gaps] == ["Silent"]


@pytest.mark.requirement("LS-21", "LS-22")
async def test_attributes_have_numbers_of_their_own_and_make_target_groups(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    given = await made(api, "/v1/contact-attributes", title="Golfers", number=77)
    counted = await made(api, "/v1/contact-attributes", title="Anglers")
    assert given["number"] == 77
    assert counted["number"] not in (77, None)
    taken = await api.post("/v1/contact-attributes", json={"title": "Again", "number": 77})
    assert (taken.status_code, taken.json()["slug"]) == (409, "list_number_taken")
    unknown = await api.post("/v1/contacts", json={"first_name": "X", "attributes": [4711]})
    assert unknown.status_code == 422
    assert "4711" in unknown.json()["detail"]

    ticked = sorted([77, counted["number"]])
    await contact_at(api, firm, "Ann", attributes=[*ticked, 77])

    assert (await told(customers, SAVED))[-1]["attributes"] == ticked
    names = [one["title"] for one in await told(customers, "customers.classification-saved.v1")]
    assert {"Golfers", "Anglers"} <= set(names)


async def test_the_number_after_the_highest_possible_is_a_free_one(api: httpx.AsyncClient) -> None:
    await made(api, "/v1/contact-attributes", title="Last", number=2**31 - 1)

    next_one = await made(api, "/v1/contact-attributes", title="Next")

    assert 0 < next_one["number"] < 2**31 - 1


async def test_attributes_created_at_the_same_time_all_get_a_number(
    api: httpx.AsyncClient,
) -> None:
    made_ones = await asyncio.gather(
        *(made(api, "/v1/contact-attributes", title=f"T{n}") for n in range(6))
    )

    assert len({one["number"] for one in made_ones}) == 6


@pytest.mark.requirement("LS-22", "LS-23", "LS-27")
@pytest.mark.parametrize("name", ["CONTACT_NUMBER", "CONTACT_PURCHASE", "CONTACT_SALES", "NO_SMS"])
async def test_a_setting_takes_only_the_number_of_an_attribute_that_was_created_first(
    api: httpx.AsyncClient, name: str
) -> None:
    answer = await put_setting(api, name, 999)
    assert answer.status_code == 422
    assert "Create the attribute first" in answer.json()["remedy"]

    await made(api, "/v1/contact-attributes", title="Now it is there", number=999)
    assert (await put_setting(api, name, 999)).status_code == 200
    assert (await setting(api, name))["value"] == 999


@pytest.mark.requirement("LS-26", "LS-27", "LS-28", "LS-A5")
async def test_three_bans_are_installed_in_a_group_and_their_numbers_are_in_the_settings(
    api: httpx.AsyncClient,
) -> None:
    groups = (await api.get("/v1/contact-groups")).json()
    assert [group["title"] for group in groups] == ["Marketing bans"]
    grouped = {
        one["number"]: one["title"]
        for one in (await api.get("/v1/contact-attributes")).json()
        if one["parent"] == groups[0]["number"]
    }
    found = {
        name: grouped[(await setting(api, name))["value"]]
        for name in ("NO_MARKETING", "NO_SMS", "NO_EMAIL")
    }

    assert found == {
        "NO_MARKETING": "No letter post",
        "NO_SMS": "No text messages",
        "NO_EMAIL": "No e-mail",
    }


@pytest.mark.requirement("LS-28")
async def test_a_ban_is_linked_to_a_group_that_was_created_first(api: httpx.AsyncClient) -> None:
    body = {"title": "No faxes", "parent": 4711}
    refused = await api.post("/v1/contact-attributes", json=body)
    assert refused.status_code == 422
    assert refused.json()["remedy"] == "Create it first: POST /v1/contact-groups."

    group = await made(api, "/v1/contact-groups", title="My bans")
    linked = await made(api, "/v1/contact-attributes", title="No faxes", parent=group["number"])
    assert linked["parent"] == group["number"]
    again = await api.post("/v1/contact-groups", json={"title": "My bans"})
    assert (again.status_code, again.json()["slug"]) == (409, "list_title_taken")


@pytest.mark.requirement("LS-26", "LS-A4")
@pytest.mark.parametrize(
    ("name", "channel"), [("NO_MARKETING", "post"), ("NO_SMS", "sms"), ("NO_EMAIL", "email")]
)
async def test_each_ban_forbids_its_own_channel_and_no_other(
    customers: Service, api: httpx.AsyncClient, name: str, channel: str
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    number = (await setting(api, name))["value"]
    ann = await contact_at(api, firm, "Ann", attributes=[number])
    bob = await contact_at(api, firm, "Bob")
    await ban(api, bob, **{channel: True})

    only = {"email": False, "sms": False, "post": False, channel: True}
    changed = await told(customers, CHANGED)
    assert [(one["contact_id"], one["bans"]) for one in changed] == [
        (ann["contact_id"], only),
        (bob["contact_id"], only),
    ]
    assert (await api.get(f"/v1/contacts/{bob['contact_id']}")).json()["attributes"] == [number]


@pytest.mark.requirement("LS-A4")
async def test_all_channels_are_banned_only_when_all_are_named(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann")
    await ban(api, ann, email=True, sms=True, post=True)
    await ban(api, ann, sms=False)

    assert [one["bans"] for one in await told(customers, CHANGED)] == [
        {"email": True, "sms": True, "post": True},
        {"email": True, "sms": False, "post": True},
    ]


@pytest.mark.requirement("LS-A5", "LS-27")
async def test_a_ban_without_a_number_is_told_to_be_not_configured(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann")
    assert (await probe(customers))["configured"] == {"email": True, "sms": True, "post": True}

    assert (await put_setting(api, "NO_SMS", None)).status_code == 200

    assert (await probe(customers))["configured"] == {"email": True, "sms": False, "post": True}
    refused = await api.put(f"/v1/contacts/{ann['contact_id']}/bans", json={"sms": True})
    assert (refused.status_code, refused.json()["slug"]) == (409, "ban_not_configured")


@pytest.mark.requirement("LS-A6")
async def test_a_ban_on_the_customer_is_told_with_its_id(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    await contact_at(api, firm, "Ann", email="ann@example.com")

    answer = await api.put(f"/v1/customers/{firm['customer_id']}/bans", json={"email": True})

    assert answer.status_code == 202
    (changed,) = await told(customers, CHANGED)
    assert changed["customer_id"] == firm["customer_id"]
    assert changed["contact_id"] is None
    assert changed["bans"] == {"email": True, "sms": False, "post": False}
    assert changed["consent_seq"] == answer.json()["consent_seq"] == 1
    assert (await told(customers, "customers.customer-saved.v1"))[-1]["bans"]["email"] is True


@pytest.mark.requirement("LS-A6")
async def test_an_address_banned_at_mailing_bans_everybody_who_has_it(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    for name in ("Ann", "Bob"):
        await contact_at(
            api, firm, name, email="Shared@Example.com", mobile="040 1234567", address=ADDRESS
        )
    await contact_at(api, firm, "Else", email="else@example.com")
    for channel, address in (
        ("email", "shared@example.com"),
        ("sms", "+358401234567"),
        ("post", "hauptstrasse 1|10115|berlin|de"),
    ):
        data = {"ban_id": str(uuid4()), "channel": channel, "address": address}
        data |= {"source": "link", "at": "2026-01-01T00:00:00Z"}
        news = event("", data, type="mailing.contact-unsubscribed.v1", source="/mailing")
        again = {**news, "id": str(uuid4())}
        await send(customers, [news, again])

    changed = await told(customers, CHANGED)
    assert [one["consent_seq"] for one in changed] == [1, 2, 3, 4, 5, 6]
    assert all(one["bans"] == {"email": True, "sms": True, "post": True} for one in changed[4:])
    assert {one["post"] for one in changed} == {"hauptstrasse 1|10115|berlin|de"}


@pytest.mark.requirement("LS-A6")
async def test_a_banned_contact_takes_its_ban_along_to_a_new_address(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann", email="old@example.com")
    await ban(api, ann, email=True)
    await change(api, ann, email="New@example.com")

    old, new = await told(customers, CHANGED)
    assert (old["email"], new["email"]) == ("old@example.com", "new@example.com")
    assert new["bans"] == old["bans"]
    assert new["consent_seq"] == 2


async def test_an_unbanned_contact_who_moves_is_no_news_of_bans(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann", email="old@example.com")
    await change(api, ann, email="new@example.com")

    assert await told(customers, CHANGED) == []


@pytest.mark.requirement("LS-26", "LS-A6")
async def test_an_import_sets_bans_and_never_lifts_one(
    customers: Service, api: httpx.AsyncClient
) -> None:
    person = {"contact_ref": "p", "first_name": "Ann", "email": "ann@example.com"}
    await send(customers, [customer("A", contacts=[{**person, "bans": ["NO_SMS"]}])])
    (ann,) = (await api.get("/v1/contacts")).json()["items"]
    await ban(api, ann, email=True)

    await send(customers, [customer("A", contacts=[person])])
    await send(customers, [customer("A", contacts=[{**person, "email": "moved@example.com"}])])

    changed = await told(customers, CHANGED)
    assert [one["bans"] for one in changed] == [
        {"email": False, "sms": True, "post": False},
        {"email": True, "sms": True, "post": False},
        {"email": True, "sms": True, "post": False},
    ]
    assert changed[-1]["email"] == "moved@example.com"


async def test_a_ban_counts_whichever_event_of_a_batch_brings_it(
    customers: Service, api: httpx.AsyncClient
) -> None:
    person = {"contact_ref": "p", "first_name": "Ann", "email": "ann@example.com"}
    await send(
        customers,
        [
            customer("A", version=1, contacts=[{**person, "bans": ["NO_SMS"]}]),
            customer("A", version=2, contacts=[person]),
            customer("B", contacts=[{**person, "bans": ["NO_EMAIL"]}]),
            customer("C", contacts=[person]),
        ],
    )

    (ann,) = (await api.get("/v1/contacts")).json()["items"]
    assert len(ann["customers"]) == 3
    (changed,) = await told(customers, CHANGED)
    assert changed["bans"] == {"email": True, "sms": True, "post": False}


async def test_an_import_keeps_the_role_that_a_person_gave(
    customers: Service, api: httpx.AsyncClient
) -> None:
    saved = customer("A", contacts=[{"contact_ref": "p", "first_name": "Ann"}])
    await send(customers, [saved])
    (ann,) = (await api.get("/v1/contacts")).json()["items"]
    await change(api, ann, customers=[{**ann["customers"][0], "role": "CFO"}])

    await send(customers, [{**saved, "id": "again"}])

    (ann,) = (await api.get("/v1/contacts")).json()["items"]
    assert [place["role"] for place in ann["customers"]] == ["CFO"]


@pytest.mark.requirement("LS-27")
async def test_a_ban_setting_that_moves_shows_and_then_moves_the_bans(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    held = (await setting(api, "NO_EMAIL"))["value"]
    other = (await made(api, "/v1/contact-attributes", title="Other ban"))["number"]
    freed = await contact_at(api, firm, "Freed", attributes=[held])
    both = await contact_at(api, firm, "Both", attributes=[held, other])
    newly = await contact_at(api, firm, "Newly", attributes=[other])
    before = await told(customers, CHANGED)

    shown = await put_setting(api, "NO_EMAIL", other, dry_run=True)
    assert shown.json()["effect"]["contacts_with_changed_bans"] == 2
    assert shown.json()["setting"]["value"] == held
    assert await told(customers, CHANGED) == before

    real = await put_setting(api, "NO_EMAIL", other)
    assert real.json()["effect"]["contacts_with_changed_bans"] == 2
    news = (await told(customers, CHANGED))[len(before) :]
    assert {one["contact_id"]: one["bans"]["email"] for one in news} == {
        freed["contact_id"]: False,
        newly["contact_id"]: True,
    }
    assert both["contact_id"] not in {one["contact_id"] for one in news}
    assert [one["consent_seq"] for one in news] == [len(before) + 1, len(before) + 2]


@pytest.mark.requirement("LS-27")
async def test_two_bans_cannot_share_an_attribute(api: httpx.AsyncClient) -> None:
    sms = (await setting(api, "NO_SMS"))["value"]

    answer = await put_setting(api, "NO_EMAIL", sms)

    assert answer.status_code == 422
    assert "NO_SMS" in answer.json()["detail"]


class _Undone(Exception):
    pass


@pytest.mark.requirement("LS-26")
async def test_consent_numbers_have_no_gap_under_concurrent_changes_and_rollbacks(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    people = [await contact_at(api, firm, f"P{n}") for n in range(8)]

    async def undone(contact: dict[str, Any]) -> None:
        with pytest.raises(_Undone):
            async with customers.units() as unit:
                await ban_contact(UUID(contact["contact_id"]), SetBans(post=True), unit)
                raise _Undone

    async def toggle(contact: dict[str, Any]) -> list[int]:
        numbers = []
        for banned in (True, False, True):
            numbers.append(await ban(api, contact, email=banned))
            await undone(contact)
        return numbers

    answered = [number for some in await asyncio.gather(*map(toggle, people)) for number in some]

    stored = [one["consent_seq"] for one in await told(customers, CHANGED)]
    assert sorted(stored) == sorted(answered) == list(range(1, 25))
    assert (await probe(customers))["consent_seq"] == 24
    newest = {one["contact_id"]: one["bans"] for one in await told(customers, CHANGED)}
    assert all(bans == {"email": True, "sms": False, "post": False} for bans in newest.values())


async def test_a_ban_set_again_is_no_news_and_is_covered_by_the_present_number(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann")

    assert [await ban(api, ann, sms=True), await ban(api, ann, sms=True)] == [1, 1]
    assert len(await told(customers, CHANGED)) == 1


@pytest.mark.requirement("LS-26")
async def test_a_change_that_names_no_attributes_lifts_no_ban(api: httpx.AsyncClient) -> None:
    made = await api.post("/v1/contacts", json={"email": "a@example.com"})
    url = made.headers["location"]
    await api.put(f"{url}/bans", json={"email": True})
    held = await api.get(url)

    changed = await api.put(
        url,
        json={"first_name": "Aino", "email": "b@example.com"},
        headers={"If-Match": held.headers["etag"]},
    )

    assert changed.status_code == 200, changed.text
    assert changed.json()["attributes"] == held.json()["attributes"] != []
