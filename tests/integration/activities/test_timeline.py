"""Timelines of customers and contacts: who, what about and when, and what became of it."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event, text

from shared.chassis.service import Service
from shared.contracts.customers import (
    ClassificationSaved,
    CustomerDeleted,
    CustomerSaved,
    FirstInvoicePosted,
    Relationship,
)
from shared.projection.store import (
    ContactRow,
    CustomerRow,
    save_contacts,
    save_customers,
)
from tests.integration.activities.hearing import hear, told
from tests.integration.activities.test_recording import recorded
from tests.integration.activities.world import CATEGORY, World

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def hour(number: int) -> str:
    return (NOON + timedelta(hours=number)).isoformat()


async def whole(api: httpx.AsyncClient, path: str, **asked: Any) -> list[dict[str, Any]]:
    """Return all entries, asked for by pages."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = await api.get(path, params={**asked, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if (cursor := answer.json()["next"]) is None:
            return found


def of(customer_id: UUID | str) -> str:
    return f"/v1/customers/{customer_id}/timeline"


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [
        one["activity"]["subject"] if one["activity"] else one["milestone"]["kind"]
        for one in entries
    ]


def saved(customer_id: UUID, version: int, **said: Any) -> CustomerSaved:
    return CustomerSaved(
        **{"customer_id": customer_id, "version": version, "number": "7", "name": "Kauppa Oy"},
        **said,
    )


@pytest.mark.requirement("LE-01", "LE-02")
async def test_a_timeline_tells_who_was_in_contact_and_what_about(
    api: httpx.AsyncClient, world: World
) -> None:
    customer_id, contact_id = await world.customer(), await world.contact("Aino Aalto")
    await world.seller("anna.k", name="Anna Koski")
    await world.seller("ville.s", name="Ville Salo")
    made = await recorded(
        api,
        customer_id=str(customer_id),
        category=CATEGORY["customer-visit"],
        memo="Wants an offer.",
        contacts=[str(contact_id)],
        seller="anna.k",
        participants=["ville.s"],
        attributes=[2],
        starts_at=hour(0),
    )
    (entry,) = await whole(api, of(customer_id), language="fi")
    shown = entry["activity"]
    assert (entry["what"], entry["customer_name"], entry["milestone"]) == (
        "activity",
        "Kauppa Oy",
        None,
    )
    assert datetime.fromisoformat(entry["at"]) == NOON
    assert (shown["activity_id"], shown["subject"]) == (made["activity_id"], "Wants an offer.")
    assert shown["seller"] == {"seller": "anna.k", "name": "Anna Koski"}
    assert shown["participants"] == [{"seller": "ville.s", "name": "Ville Salo"}]
    assert shown["contacts"] == [{"contact_id": str(contact_id), "name": "Aino Aalto"}]
    category = (await api.get(f"/v1/activity-categories/{shown['category']['number']}")).json()
    assert shown["category"]["label"] == category["titles"]["fi"] != category["title"]
    assert [one["number"] for one in shown["attributes"]] == [2]
    assert shown["attachments"] == 0
    assert await whole(api, f"/v1/contacts/{contact_id}/timeline", language="fi") == [entry]


@pytest.mark.requirement("LE-01")
async def test_milestones_stand_between_activities_by_time(
    api: httpx.AsyncClient, activities: Service
) -> None:
    customer_id = uuid4()
    began = Relationship(started_on=date(2026, 3, 1), source="invoice", document_id="I1")
    invoice = FirstInvoicePosted(
        customer_id=customer_id,
        version=1,
        document_source="/erp",
        document_id="I1",
        document_date=date(2026, 3, 1),
        recorded_at=NOON,
    )
    status = [{"classifications": {"customer_status": [number]}} for number in (1, 2)]
    titled = [
        ClassificationSaved(
            list_name="customer_status",
            value_id=uuid4(),
            version=1,
            number=number,
            title=title,
            titles={"fi": f"{title} (fi)"},
        )
        for number, title in ((1, "New"), (2, "Loyal"))
    ]
    await hear(
        activities,
        [
            told(invoice),
            *map(told, titled),
            told(saved(customer_id, 1, relationship=began, **status[0])),
            told(saved(customer_id, 2, relationship=began, saved_at=NOON, **status[1])),
        ],
    )
    for number in (-1, 0, 1):
        said = {"memo": f"Call {number}", "starts_at": hour(number)}
        await recorded(api, customer_id=str(customer_id), category=1, **said)

    # At the same moment a milestone stands above what was done then.
    wanted = ["Call 1", "status_changed", "Call 0", "Call -1"]
    wanted += ["relationship_started", "first_invoice"]
    for limit in (1, 2, 3, 50):
        found = await whole(api, of(customer_id), limit=limit, language="fi")
        assert names(found) == wanted
    changed = found[1]["milestone"]
    assert changed["status_before"] == {"number": 1, "title": "New", "label": "New (fi)"}
    assert changed["status_after"]["title"] == "Loyal"
    assert found[5]["milestone"]["document_id"] == "I1"
    assert found[5]["milestone"]["day"] == "2026-03-01"

    assert names(await whole(api, of(customer_id), only="activities")) == [
        "Call 1",
        "Call 0",
        "Call -1",
    ]
    assert len(await whole(api, of(customer_id), only="milestones")) == 3
    assert await whole(api, of(customer_id), only="milestones", category=1) == []


async def test_a_timeline_is_narrowed(api: httpx.AsyncClient, world: World) -> None:
    customer_id = await world.customer()
    for key in ("anna.k", "ville.s"):
        await world.seller(key)
    said = {"customer_id": str(customer_id)}
    days = ["2026-03-01T21:59:00Z", "2026-03-01T22:00:00Z", "2026-03-02T22:00:00Z"]
    first = await recorded(
        api, **said, category=1, memo="First", seller="anna.k", starts_at=days[0]
    )
    await recorded(
        api, **said, category=4, memo="Second", participants=["anna.k"], starts_at=days[1]
    )
    await recorded(api, **said, category=3, memo="Third", seller="ville.s", starts_at=days[2])

    async def found(**asked: Any) -> list[str]:
        return names(await whole(api, of(customer_id), **asked))

    assert await found(category=[1, 3]) == ["Third", "First"]
    assert await found(category=[99]) == []
    assert await found(kind=[first["kind"]]) == ["First"]
    assert await found(type=[first["type"]], category=[4]) == []
    assert await found(seller="anna.k") == ["Second", "First"]
    # Days are those of the installation, two hours ahead.
    assert await found(since="2026-03-02", until="2026-03-02") == ["Second"]
    assert await found(until="2026-03-01") == ["First"]
    assert await found(since="2026-03-03") == ["Third"]


async def test_what_is_merged_is_shown_with_its_survivor(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    last = await world.customer("Last Oy")
    middle, first = uuid4(), uuid4()
    began = Relationship(started_on=date(2026, 1, 1), source="manual")
    person, double = await world.contact("Aino"), await world.contact("Aino A.")
    await hear(activities, [told(saved(one, 1, relationship=began)) for one in (middle, first)])
    for customer_id, memo in ((first, "Oldest"), (middle, "Older"), (last, "Newest")):
        await recorded(
            api,
            customer_id=str(customer_id),
            category=1,
            memo=memo,
            contacts=[str(person), str(double)],
            starts_at=hour(["Oldest", "Older", "Newest"].index(memo)),
        )
    gone = [(first, middle), (middle, last)]
    await hear(
        activities,
        [
            told(CustomerDeleted(customer_id=one, version=2, merged_into=into, deleted_at=NOON))
            for one, into in gone
        ],
    )
    async with activities.units() as unit:
        merged = ContactRow(double, version=2, deleted=True, merged_into=person)
        await save_contacts(unit.connection, [merged])

    for limit in (1, 2, 50):
        found = await whole(api, of(last), limit=limit)
        # The start of a survivor covers those of all that were merged into it.
        assert names(found) == [
            "Newest",
            "Older",
            "customer_merged",
            "customer_merged",
            "Oldest",
        ]
        merges = [one for one in found if one["milestone"]]
        assert {one["customer_id"] for one in merges} == {str(first), str(middle)}
        # With both of one person, an activity is shown once.
        contacts = await whole(api, f"/v1/contacts/{person}/timeline", limit=limit)
        assert names(contacts) == ["Newest", "Older", "Oldest"]
    # A customer that was merged shows its own, as before.
    assert names(await whole(api, of(first))) == [
        "customer_merged",
        "Oldest",
        "relationship_started",
    ]


async def test_a_deleted_customer_is_readable_and_an_unknown_one_is_not_found(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    customer_id = await world.customer()
    made = await recorded(api, customer_id=str(customer_id), category=1, memo="Call")
    await recorded(api, customer_id=str(customer_id), category=1, memo="Visit")
    path = f"/v1/activities/{made['activity_id']}"
    assert (await api.delete(path, headers={"If-Match": '"1"'})).status_code == 200
    async with activities.units() as unit:
        await save_customers(unit.connection, [CustomerRow(customer_id, 2, deleted=True)])
    assert names(await whole(api, of(customer_id))) == ["Visit"]

    for record in ("customer", "contact"):
        answer = await api.get(f"/v1/{record}s/{uuid4()}/timeline")
        assert (answer.status_code, answer.json()["slug"]) == (404, f"{record}_not_found")
        assert answer.json()["remedy"]


@pytest.mark.parametrize(
    "asked",
    [
        {"category": 0},
        {"seller": "a b"},
        {"since": "1000-01-01"},
        {"only": "all"},
        {"limit": 501},
        {"cursor": "AAAA"},
        {"cursor": "WyJ4IiwgIiIsICIiLCAiIl0"},
    ],
)
async def test_what_cannot_be_asked_is_refused(
    api: httpx.AsyncClient, world: World, asked: dict[str, Any]
) -> None:
    answer = await api.get(of(await world.customer()), params=asked)
    assert answer.status_code == 422, answer.text
    assert answer.json()["remedy"]


async def test_pages_hold_everything_once_in_one_order(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    """Many at the same few moments, of a family of customers: a page may begin in any of them."""
    chance = random.Random(4)
    survivor = await world.customer()
    family = [survivor, *[await world.customer(merged_into=survivor) for _ in range(3)]]
    async with activities.engine.begin() as connection:
        for number in range(60):
            values = {
                "customer": chance.choice(family),
                "at": NOON + timedelta(hours=chance.randrange(4)),
                "kind": chance.choice(["status_changed", "opportunity_won"]),
                "key": str(number),
            }
            await connection.execute(
                text(
                    "INSERT INTO milestone (customer_id, kind, key, version, at) "
                    "VALUES (:customer, :kind, :key, 1, :at)"
                ),
                values,
            )
    for number in range(40):
        said = {"memo": str(number), "starts_at": hour(chance.randrange(4))}
        await recorded(api, customer_id=str(survivor), category=1, **said)

    at_once = (await api.get(of(survivor), params={"limit": 500})).json()["items"]
    assert len(at_once) == 100
    assert [one["at"] for one in at_once] == sorted((one["at"] for one in at_once), reverse=True)
    for limit in (1, 3, 7, 50):
        assert await whole(api, of(survivor), limit=limit) == at_once


async def test_a_page_takes_a_constant_number_of_statements(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    customer_id, contact_id = await world.customer(), await world.contact()
    await world.seller("anna.k")
    said = {"customer_id": str(customer_id), "category": 1, "seller": "anna.k"}
    for number in range(12):
        await recorded(api, **said, memo=str(number), contacts=[str(contact_id)])
    asked: list[str] = []
    engine = activities.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *it: asked.append(it[2]))
    counts = []
    for limit in (1, 12):
        asked.clear()
        assert (await api.get(of(customer_id), params={"limit": limit})).status_code == 200
        counts.append(len(asked))
    assert counts == [2, 2]
