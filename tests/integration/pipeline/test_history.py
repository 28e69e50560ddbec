"""Who changed what of an opportunity, and what an erased person leaves of that: nothing."""

import json
from itertools import permutations
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from services.pipeline.persistence.erasure import TAKE_OUT_OF_HISTORY
from services.pipeline.persistence.tables import metadata
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from shared.contracts.customers import ContactDeleted, ContactSaved, PersonalData, PersonErased
from shared.contracts.types import Contract
from tests.integration.pipeline.selling import PATH, changed, done, recorded, told
from tests.integration.pipeline.world import STAGE, World

CANARY = "Kanarialintu"


async def history(api: httpx.AsyncClient, made: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await api.get(f"{PATH}/{made['opportunity_id']}/history")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def changes(entry: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {one["field"]: (one["before"], one["after"]) for one in entry["changes"]}


def value(name: str, number: int, title: str) -> dict[str, Any]:
    return {"list": name, "number": number, "title": title}


@pytest.mark.requirement("TS-29", "TS-31")
async def test_every_field_is_shown_by_its_name_with_who_and_when(
    api: httpx.AsyncClient, world: World
) -> None:
    first, second = await world.customer("First"), await world.customer("Second")
    contact = await world.contact("Aino Aalto")
    made = await recorded(api, customer_id=str(first), contacts=[str(contact)], type=1)
    await changed(api, made, customer_id=str(second), value=500, type=2, source=1)
    lost = await done(api, {**made, "version": 2}, "loss")
    await api.delete(
        f"{PATH}/{made['opportunity_id']}", headers={"If-Match": f'"{lost["version"]}"'}
    )
    deleted, moved, edited, created = await history(api, made)
    assert [one["what"] for one in (deleted, moved, edited, created)] == [
        "deleted",
        "changed",
        "changed",
        "created",
    ]
    assert (edited["actor"], created["at"]) == ("api-key", made["created_at"])
    shown = changes(edited)
    assert [one["name"] for one in shown.pop("customer")] == ["First", "Second"]
    assert shown == {
        "contacts": ([{"contact_id": str(contact), "name": "Aino Aalto"}], []),
        "source": (None, value("opportunity_source", 1, "Recommendation")),
        "type": (
            value("opportunity_type", 1, "Additional sale"),
            value("opportunity_type", 2, "New sale"),
        ),
        "value": (0, 500),
    }
    assert changes(moved) == {
        "stage": (
            value("stage", STAGE["phone-call"], "Phone call"),
            value("stage", STAGE["lost-customer"], "Lost customer"),
        ),
        "outcome": ("open", "lost"),
        "closed": (False, True),
        "closed_on": (None, lost["closed_on"]),
        "probability": (15, 0),
        "rejection": (None, value("rejection_reason", 2, "Went to competitor")),
    }
    assert (await api.get(f"{PATH}/{new_id()}/history")).status_code == 404


async def test_what_follows_by_itself_is_no_change(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    made = await recorded(api, customer_id=str(await world.customer()))
    async with pipeline.engine.begin() as connection:
        await connection.execute(
            text("UPDATE opportunity SET position = 7, stale_reason = 'no_activity'")
        )
    assert [one["what"] for one in await history(api, made)] == ["created"]


def saved(contact_id: UUID, version: int = 1) -> ContactSaved:
    person = PersonalData(first_name="Aino", last_name=CANARY)
    return ContactSaved(contact_id=contact_id, version=version, person=person)


async def traces(service: Service, sought: str) -> list[str]:
    """Return the tables, but those of messages, in which this is."""
    found = []
    async with service.engine.connect() as connection:
        for name in sorted(set(metadata.tables) - {"inbox", "outbox", "idempotency_key"}):
            rows = (await connection.execute(metadata.tables[name].select())).all()
            if sought in str([tuple(row) for row in rows]):
                found.append(name)
    return found


async def test_an_erased_person_is_taken_off_and_out_of_history(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    customer = str(await world.customer())
    person, other = new_id(), await world.contact("Ville Virta")
    await world.hear(saved(person))
    both = [str(person), str(other)]
    made = await recorded(api, customer_id=customer, contacts=both, memo="Lift by spring")
    once = await recorded(api, customer_id=customer, contacts=[str(person)])
    await changed(api, once, contacts=[str(other)])
    gone = await recorded(api, customer_id=customer, contacts=[str(person)])
    await api.delete(f"{PATH}/{gone['opportunity_id']}", headers={"If-Match": '"1"'})
    assert await traces(pipeline, str(person)) == ["contact", "history", "opportunity"]

    for _ in range(2):
        await world.hear(PersonErased(contact_id=person, version=2))
    assert await traces(pipeline, str(person)) == ["contact"], "that it is erased is remembered"
    assert await traces(pipeline, CANARY) == []
    after = (await api.get(f"{PATH}/{made['opportunity_id']}")).json()
    assert (after["contacts"], after["version"]) == ([str(other)], 2)
    assert after["memo"] == "Lift by spring"
    kind, data = (await told(pipeline, made["opportunity_id"]))[-1]
    assert kind == "saved" and data["contacts"] == [str(other)]
    assert str(person) not in json.dumps(await history(api, made) + await history(api, once))
    back = await api.post(f"{PATH}/{gone['opportunity_id']}/restore", headers={"If-Match": '"3"'})
    assert back.json()["contacts"] == []
    body = {"name": "x", "expected_close": "2099-01-01", "customer_id": customer}
    refused = await api.post(PATH, json={**body, "contacts": [str(person)]})
    assert refused.status_code == 422 and "contacts" in refused.text


async def test_what_was_of_an_erased_person_is_found_without_reading_all_of_history(
    pipeline: Service,
) -> None:
    async with pipeline.engine.begin() as connection:
        await connection.execute(
            text(
                """
                INSERT INTO history (record, record_id, at, before, after)
                SELECT 'opportunity', gen_random_uuid(), now(), '{"value": 1}', '{"value": 2}'
                FROM generate_series(1, 5000)
                """
            )
        )
        await connection.execute(text("ANALYZE history"))
        explained = await connection.execute(
            text(f"EXPLAIN {TAKE_OUT_OF_HISTORY}"), {"ids": [new_id(), new_id()]}
        )
        plan = "\n".join(explained.scalars())
    assert plan.count("ix_history_contacts") == 2, plan


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_order_in_which_it_is_heard_does_not_matter(
    api: httpx.AsyncClient, pipeline: Service, world: World, order: tuple[int, ...]
) -> None:
    """A contact, its merger, the survivor and the erasure of the survivor come in any order."""
    survivor, merged = new_id(), await world.contact(CANARY)
    await recorded(api, customer_id=str(await world.customer()), contacts=[str(merged)])
    events: list[Contract] = [
        saved(merged, version=2),
        ContactDeleted(contact_id=merged, version=3, merged_into=survivor),
        saved(survivor),
        PersonErased(contact_id=survivor, version=2),
    ]
    for place in order:
        await world.hear(events[place])
    assert await traces(pipeline, CANARY) == []
    assert await traces(pipeline, str(merged)) == ["contact"]
