"""An erased person leaves no trace in tables and on disk, in whatever order that is heard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from services.activities.handlers.on_person_erased import empty_what_they_did
from services.activities.persistence.tables import metadata
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from shared.chassis.testing.waiting import eventually
from shared.contracts.customers import ContactDeleted, ContactSaved, PersonalData, PersonErased
from shared.contracts.types import Contract
from shared.projection.erasure import erase_contacts
from tests.integration.activities.attaching import attached, files
from tests.integration.activities.test_recording import recorded
from tests.integration.activities.world import World

CANARY = "Kanarialintu"
# What comes, goes and is answered is kept there for some days, whatever it is.
PASSING = {"inbox", "outbox", "idempotency_key"}


def saved(contact_id: UUID, version: int = 1) -> ContactSaved:
    person = PersonalData(first_name="Aino", last_name=CANARY)
    return ContactSaved(contact_id=contact_id, version=version, person=person)


async def traces(service: Service) -> list[str]:
    """Return the tables in which the canary is."""
    found = []
    async with service.engine.connect() as connection:
        for name in sorted(set(metadata.tables) - PASSING):
            rows = (await connection.execute(metadata.tables[name].select())).all()
            if CANARY in str([tuple(row) for row in rows]):
                found.append(name)
    return found


@asynccontextmanager
async def cleaning(service: Service) -> AsyncIterator[None]:
    """Let the loop run that removes bytes."""
    loop = asyncio.create_task(dict(service.loops)["attachments"]())
    yield
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def talk(
    api: httpx.AsyncClient, world: World, *contacts: UUID, **said: Any
) -> dict[str, Any]:
    """Record an activity in which these contacts take part."""
    return await recorded(
        api,
        customer_id=str(await world.customer()),
        category=1,
        contacts=[str(one) for one in contacts],
        **{"memo": f"{CANARY} called"} | said,
    )


@pytest.mark.requirement("LE-03")
async def test_an_erased_person_leaves_no_trace(
    api: httpx.AsyncClient, activities: Service, world: World, store: Path
) -> None:
    person, other = new_id(), await world.contact("Ville Virta")
    await world.hear(saved(person))
    body = await talk(api, world, person, other, result=f"{CANARY} buys")
    path = f"/v1/activities/{body['activity_id']}"
    told = {name: body[name] for name in ("customer_id", "category", "contacts")}
    answer = await api.put(
        path, json={**told, "subject": CANARY, "memo": "later"}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    made = await attached(api, path, CANARY.encode(), f"{CANARY}.pdf")
    gone = await attached(api, path, b"deleted", f"{CANARY}-2.pdf")
    await api.delete(f"{path}/attachments/{gone['attachment_id']}", headers={"If-Match": '"1"'})
    bystander = await talk(api, world, other, memo="Another matter")
    elsewhere = f"/v1/activities/{bystander['activity_id']}"
    shared = await attached(api, elsewhere, b"price list", "prices.pdf")
    await attached(api, path, b"price list", "prices.pdf")
    deleted = await talk(api, world, person)
    await api.delete(f"/v1/activities/{deleted['activity_id']}", headers={"If-Match": '"1"'})
    assert await traces(activities) == ["activity", "attachment", "contact", "history"]

    async with cleaning(activities):
        await world.hear(PersonErased(contact_id=person, version=2))
        await eventually(lambda: files(store) == [shared["sha256"]])
    assert await traces(activities) == []
    after = (await api.get(path)).json()
    assert (after["subject"], after["memo"], after["result"]) == ("", "", "")
    assert after["version"] == 3 and after["contacts"] == sorted([str(person), str(other)])
    assert (await api.get(made["content"])).status_code == 404
    assert (await api.get(f"{path}/attachments")).json()["items"] == []
    assert (await api.get(shared["content"])).content == b"price list"
    assert (await api.get(elsewhere)).json()["memo"] == "Another matter"
    async with activities.engine.connect() as connection:
        last = await connection.execute(
            text(
                "SELECT convert_from(body, 'UTF8') FROM outbox "
                "WHERE subject = :subject ORDER BY seq DESC LIMIT 1"
            ),
            {"subject": f"activity/{body['activity_id']}"},
        )
        told_last = last.scalar_one()
    assert '"version":3' in told_last.replace(" ", "") and CANARY not in told_last


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_order_in_which_it_is_heard_does_not_matter(
    api: httpx.AsyncClient, activities: Service, world: World, order: tuple[int, ...]
) -> None:
    """A contact, its merger, the survivor and the erasure of the survivor come in any order."""
    survivor, merged = new_id(), await world.contact(CANARY)
    await talk(api, world, merged)
    told: list[Contract] = [
        saved(merged, version=2),
        ContactDeleted(contact_id=merged, version=3, merged_into=survivor),
        saved(survivor),
        PersonErased(contact_id=survivor, version=2),
    ]
    for place in order:
        await world.hear(told[place])
    assert await traces(activities) == []
    await world.hear(saved(survivor, version=9), saved(merged, version=9))
    assert await traces(activities) == [], "whatever is told later brings no name back"


async def test_an_erasure_told_again_changes_nothing(
    api: httpx.AsyncClient, activities: Service, world: World
) -> None:
    person = await world.contact(CANARY)
    body = await talk(api, world, person)
    for _ in range(3):
        await world.hear(PersonErased(contact_id=person, version=2))
    assert (await api.get(f"/v1/activities/{body['activity_id']}")).json()["version"] == 2
    async with activities.engine.connect() as connection:
        told = await connection.execute(
            text("SELECT count(*) FROM outbox WHERE type = 'activities.activity-saved.v1'")
        )
        assert told.scalar_one() == 2


async def test_nothing_new_is_said_of_an_erased_person(
    api: httpx.AsyncClient, world: World
) -> None:
    person = await world.contact()
    body = await talk(api, world, person)
    await world.hear(PersonErased(contact_id=person, version=2))
    said = {"category": 1, "memo": "Call", "contacts": [str(person)]}
    refused = await api.post(
        "/v1/activities", json={**said, "customer_id": str(await world.customer())}
    )
    assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")
    late = await api.post(
        f"/v1/activities/{body['activity_id']}/attachments",
        params={"name": "a.pdf"},
        content=b"sent before, come after",
    )
    assert (late.status_code, late.json()["slug"]) == (409, "person_erased")


async def test_what_is_recorded_while_a_person_is_erased_is_emptied_or_refused(
    api: httpx.AsyncClient, activities: Service, world: World
) -> None:
    for _ in range(8):
        person = await world.contact(CANARY)
        customer_id = str(await world.customer())
        said = {"customer_id": customer_id, "category": 1, "memo": CANARY}

        async def erase(contact_id: UUID = person) -> None:
            async with activities.units() as unit:
                persons = await erase_contacts(unit.connection, [contact_id])
                await empty_what_they_did(persons, unit, lambda: None)

        told = {**said, "contacts": [str(person)]}
        answers = await asyncio.gather(
            *(api.post("/v1/activities", json=told) for _ in range(2)),
            erase(),
            *(api.post("/v1/activities", json=told) for _ in range(2)),
        )
        assert {one.status_code for one in answers if one is not None} <= {201, 422}
        assert await traces(activities) == []
