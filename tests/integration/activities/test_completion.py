"""What is open is completed, and what follows from what is done is planned (LE-A7)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.activities.test_recording import flagged, recorded
from tests.integration.activities.world import CATEGORY, World

NOW = datetime.now(UTC).replace(microsecond=0)
VERSION_1 = {"If-Match": '"1"'}


async def opened(api: httpx.AsyncClient, world: World, **said: Any) -> dict[str, Any]:
    """Record an open visit of Anna's, due tomorrow."""
    body = {
        "customer_id": str(await world.customer()),
        "category": CATEGORY["customer-visit"],
        "memo": "Visit",
        "seller": await world.seller(),
        "state": "open",
        "due_at": (NOW + timedelta(days=1)).isoformat(),
        **said,
    }
    return await recorded(api, **body)


async def tallied(service: Service) -> dict[date, int]:
    async with service.engine.connect() as connection:
        rows = await connection.execute(text("SELECT day, done FROM tally WHERE done <> 0"))
        return {row.day: row.done for row in rows}


@pytest.mark.requirement("LE-A7", "LE-A4")
async def test_what_is_completed_counts_on_the_day_it_was_done(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await flagged(api, CATEGORY["customer-visit"], sales_target=True)
    made = await opened(api, world)
    path = f"/v1/activities/{made['activity_id']}/completion"
    assert await tallied(activities) == {}

    at = NOW - timedelta(days=3)
    said = {"starts_at": at.isoformat(), "duration_minutes": 30, "result": "Sold"}
    done = await api.post(path, json=said, headers=VERSION_1)
    assert done.status_code == 200, done.text
    body = done.json()
    assert (body["state"], body["result"], body["due_at"]) == ("done", "Sold", made["due_at"])
    assert datetime.fromisoformat(body["starts_at"]) == at
    assert datetime.fromisoformat(body["ends_at"]) == at + timedelta(minutes=30)
    assert list((await tallied(activities)).values()) == [1]

    again = await api.post(path, json={}, headers={"If-Match": done.headers["etag"]})
    assert (again.status_code, again.json()["slug"]) == (409, "activity_done")


@pytest.mark.requirement("LE-A7")
async def test_it_is_done_now_if_nothing_is_said_and_never_in_the_future(
    api: httpx.AsyncClient, world: World
) -> None:
    made = await opened(api, world)
    path = f"/v1/activities/{made['activity_id']}/completion"
    later = {"starts_at": (NOW + timedelta(hours=1)).isoformat()}
    future = await api.post(path, json=later, headers=VERSION_1)
    assert (future.status_code, "future" in future.json()["detail"]) == (422, True)
    assert (await api.post(path, json={})).status_code == 428
    assert (await api.post(path, json={}, headers={"If-Match": '"9"'})).status_code == 412

    done = (await api.post(path, json={}, headers=VERSION_1)).json()
    assert abs(datetime.fromisoformat(done["starts_at"]) - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.requirement("LE-A7")
async def test_a_follow_up_is_open_and_has_the_same_people(
    api: httpx.AsyncClient, world: World
) -> None:
    contact, gone = str(await world.contact()), await world.contact("Gone")
    done = await recorded(
        api,
        customer_id=str(await world.customer()),
        contacts=[contact, str(gone)],
        category=CATEGORY["lead"],
        subject="Fair",
        seller=await world.seller(),
    )
    await world.contact_is_deleted(gone)
    path = f"/v1/activities/{done['activity_id']}/follow-up"
    due_at = (NOW + timedelta(days=7)).isoformat()

    made = await api.post(path, json={"due_at": due_at, "memo": "Call back"})
    assert made.status_code == 201, made.text
    body = made.json()
    kept = ("customer_id", "category", "kind", "type", "seller", "subject")
    assert {one: body[one] for one in kept} == {one: done[one] for one in kept}
    assert (body["state"], body["contacts"], body["memo"]) == ("open", [contact], "Call back")
    assert body["follows"] == done["activity_id"]

    undated = await api.post(path, json={})
    assert (undated.status_code, undated.json()["slug"]) == (422, "invalid_field")
    of_open = await api.post(
        f"/v1/activities/{body['activity_id']}/follow-up", json={"due_at": due_at}
    )
    assert (of_open.status_code, of_open.json()["slug"]) == (409, "activity_open")


async def test_what_follows_from_a_merged_customer_is_for_its_survivor(
    api: httpx.AsyncClient, world: World
) -> None:
    first = await world.customer("First")
    done = await recorded(api, customer_id=str(first), category=1, memo="Call")
    second = await world.customer("Second")
    third = await world.customer("Third")
    await world.customer_is_merged(first, into=second)
    await world.customer_is_merged(second, into=third)
    made = await api.post(
        f"/v1/activities/{done['activity_id']}/follow-up",
        json={"due_at": (NOW + timedelta(days=7)).isoformat()},
    )
    assert made.status_code == 201, made.text
    assert made.json()["customer_id"] == str(third)
