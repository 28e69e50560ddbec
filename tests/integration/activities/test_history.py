"""Who changed what of an activity, or of a value of its lists, from what to what."""

from typing import Any

import httpx
import pytest

from tests.integration.activities.test_recording import flagged, recorded
from tests.integration.activities.world import CATEGORY, World


async def history(api: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await api.get(f"{path}/history")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def changes(entry: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {one["field"]: (one["before"], one["after"]) for one in entry["changes"]}


def value(name: str, number: int, title: str) -> dict[str, Any]:
    return {"list": name, "number": number, "title": title}


@pytest.mark.requirement("LE-02")
async def test_every_field_is_shown_by_its_name_with_who_and_when(
    api: httpx.AsyncClient, world: World
) -> None:
    first, second = await world.customer("First"), await world.customer("Second")
    contact = str(await world.contact("Aino Aalto"))
    said = {"customer_id": str(first), "category": CATEGORY["lead"], "memo": "Call"}
    made = await recorded(api, **said, attributes=[1], contacts=[contact])
    path = f"/v1/activities/{made['activity_id']}"
    changed = await api.put(
        path,
        json={
            **said,
            "customer_id": str(second),
            "category": CATEGORY["crm-event"],
            "attributes": [1, 2],
            "seller": await world.seller(),
        },
        headers={"If-Match": '"1"'},
    )
    assert changed.status_code == 200, changed.text

    edited, created = await history(api, path)
    assert (edited["actor"], edited["what"]) == ("api-key", "changed")
    assert (edited["at"], created["at"]) == (changed.json()["updated_at"], made["created_at"])
    feedback = value("activity_attribute", 1, "Customer feedback")
    shown = changes(edited)
    customers = [one["name"] for one in shown.pop("customer")]
    assert customers == ["First", "Second"]
    assert shown == {
        "category": (
            value("activity_category", 2, "Lead"),
            value("activity_category", 1, "CRM event"),
        ),
        "kind": (value("activity_kind", 2, "Sales"), value("activity_kind", 1, "Events")),
        "type": (value("activity_type", 2, "Leads"), value("activity_type", 1, "CRM events")),
        "attributes": ([feedback], [feedback, value("activity_attribute", 2, "Commercial")]),
        "contacts": ([{"contact_id": contact, "name": "Aino Aalto"}], []),
        "seller": (None, "anna.k"),
    }
    assert (created["what"], created["changes"]) == ("created", [])

    await api.delete(path, headers={"If-Match": '"2"'})
    assert [one["what"] for one in await history(api, path)] == ["deleted", "changed", "created"]
    await api.post(f"{path}/restore", headers={"If-Match": '"3"'})
    assert (await history(api, path))[0]["what"] == "restored"


async def test_history_comes_in_pages_and_is_of_what_there_is(
    api: httpx.AsyncClient, world: World
) -> None:
    said = {"customer_id": str(await world.customer()), "category": 1}
    made = await recorded(api, **said, memo="0")
    path = f"/v1/activities/{made['activity_id']}"
    for version in range(1, 4):
        await api.put(
            path, json={**said, "memo": str(version)}, headers={"If-Match": f'"{version}"'}
        )
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await api.get(f"{path}/history", params=query)).json()
        seen += [one["what"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ["changed"] * 3 + ["created"]
    unknown = await api.get("/v1/activities/01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10/history")
    assert (unknown.status_code, unknown.json()["slug"]) == (404, "activity_not_found")


@pytest.mark.requirement("LE-05")
async def test_a_category_remembers_what_it_steered_to(api: httpx.AsyncClient) -> None:
    await flagged(api, CATEGORY["lead"], kind=3, sales_target=True)
    edited, created = await history(api, f"/v1/activity-categories/{CATEGORY['lead']}")
    before, after = changes(edited)["facts"]
    assert before["kind"] == value("activity_kind", 2, "Sales")
    assert after["kind"] == value("activity_kind", 3, "Marketing")
    assert (before["sales_target"], after["sales_target"]) == (False, True)
    assert created["what"] == "created"
