"""Activities over HTTP: recorded, steered by their category, changed, deleted, restored."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.activities.world import CATEGORY, World


async def recorded(api: httpx.AsyncClient, **said: Any) -> dict[str, Any]:
    """Record an activity; return it."""
    answer = await api.post("/v1/activities", json=said)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def flagged(api: httpx.AsyncClient, number: int, **facts: Any) -> None:
    """Change the settings of a category."""
    present = await api.get(f"/v1/activity-categories/{number}")
    kept = ("title", "titles", "order", "kind", "type", "allow_selection", "sales_target")
    body = {name: present.json()[name] for name in kept} | facts
    answer = await api.put(
        f"/v1/activity-categories/{number}",
        json=body,
        headers={"If-Match": present.headers["etag"]},
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.requirement("LE-01", "LE-11", "LE-18", "LE-A1", "LE-A7")
async def test_customer_category_and_memo_are_enough(api: httpx.AsyncClient, world: World) -> None:
    customer_id = await world.customer()
    body = await recorded(
        api,
        customer_id=str(customer_id),
        category=CATEGORY["customer-visit"],
        memo="Wants an offer.\nBy Friday.",
    )
    assert body["subject"] == "Wants an offer."
    assert body["state"] == "done"
    kind = (await api.get(f"/v1/activity-kinds/{body['kind']}")).json()
    type_ = (await api.get(f"/v1/activity-types/{body['type']}")).json()
    assert (kind["title"], type_["title"]) == ("Sales", "Customer visits")


@pytest.mark.requirement("LE-15")
async def test_no_activity_is_recorded_without_a_category(
    api: httpx.AsyncClient, world: World
) -> None:
    said = {"customer_id": str(await world.customer()), "memo": "Visit"}
    answer = await api.post("/v1/activities", json=said)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == ["body.category"]
    assert (await recorded(api, **said, category=1))["category"] == 1


@pytest.mark.requirement("LE-04", "LE-07", "LE-10", "LE-12", "LE-14")
@pytest.mark.parametrize(
    ("path", "titles"),
    [
        ("activity-kinds", ["Events", "Sales", "Marketing"]),
        ("activity-types", ["CRM events", "Leads", "Sales actions", "Customer visits"]),
        ("activity-attributes", ["Customer feedback", "Commercial", "Advice"]),
        ("activity-categories", ["CRM event", "Lead", "Sales action", "Customer visit"]),
        ("seller-cards", ["CRM events", "Leads", "Sales actions", "Customer visits"]),
    ],
)
async def test_defaults_are_installed_in_four_languages(
    api: httpx.AsyncClient, path: str, titles: list[str]
) -> None:
    values = (await api.get(f"/v1/{path}")).json()
    assert [one["title"] for one in values] == titles
    assert all(set(one["titles"]) == {"fi", "sv", "hu", "en"} for one in values)


@pytest.mark.requirement("LE-19", "LE-A2")
async def test_a_locked_kind_is_refused_and_an_equal_one_accepted(
    api: httpx.AsyncClient, world: World
) -> None:
    said = {
        "customer_id": str(await world.customer()),
        "category": CATEGORY["customer-visit"],
        "memo": "Visit",
    }
    steered = await recorded(api, **said)
    other = next(number for number in (1, 2, 3) if number != steered["kind"])

    refused = await api.post("/v1/activities", json={**said, "kind": other})
    assert refused.status_code == 422
    assert refused.json()["slug"] == "category_locked"
    assert "Customer visit" in refused.json()["detail"]
    assert (await recorded(api, **said, kind=steered["kind"]))["kind"] == steered["kind"]

    await flagged(api, CATEGORY["customer-visit"], allow_selection=True)
    assert (await recorded(api, **said, kind=other))["kind"] == other


@pytest.mark.requirement("LE-A3", "LE-A5")
async def test_a_changed_category_leaves_what_is_recorded(
    api: httpx.AsyncClient, world: World
) -> None:
    said = {"customer_id": str(await world.customer()), "category": 1, "memo": "Call"}
    before = await recorded(api, **said)
    await flagged(api, 1, kind=3, sales_target=True)

    answer = await api.put(
        f"/v1/activities/{before['activity_id']}",
        json={**said, "memo": "Call, mended"},
        headers={"If-Match": '"1"'},
    )
    assert answer.status_code == 200, answer.text
    kept = ("kind", "type", "counts_to_target", "starts_at")
    assert {one: answer.json()[one] for one in kept} == {one: before[one] for one in kept}
    after = await recorded(api, **said)
    assert (after["kind"], after["counts_to_target"]) == (3, True)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"category": 99}, "category"),
        ({"attributes": [99]}, "attributes"),
        ({"seller": "nobody"}, "seller"),
        ({"participants": ["nobody"]}, "participants"),
        ({"contacts": ["01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"]}, "contacts"),
        ({"customer_id": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"}, "customer_id"),
        ({"state": "open"}, "due_at"),
        ({"memo": "a\x07b"}, "memo"),
        ({"starts_at": "2026-01-02T10:00:00Z", "ends_at": "2026-01-02T09:00:00Z"}, "ends_at"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(
    api: httpx.AsyncClient, world: World, said: dict[str, Any], field: str
) -> None:
    body = {"customer_id": str(await world.customer()), "category": 1, "memo": "Call", **said}
    answer = await api.post("/v1/activities", json=body)
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert answer.json()["remedy"]


async def test_a_seller_who_left_gets_nothing_after_his_last_day(
    api: httpx.AsyncClient, world: World
) -> None:
    left = await world.seller(left_on=date(2026, 6, 30))
    said = {"customer_id": str(await world.customer()), "category": 1, "memo": "Call"}
    refused = await api.post(
        "/v1/activities", json={**said, "seller": left, "starts_at": "2026-07-01T12:00:00Z"}
    )
    assert refused.status_code == 422
    assert "left on 2026-06-30" in refused.json()["detail"]
    await recorded(api, **said, seller=left, starts_at="2026-06-30T12:00:00Z")


@pytest.mark.requirement("LE-17", "LE-A4")
async def test_the_tally_follows_edits_deletion_and_restore(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await flagged(api, 4, sales_target=True)
    said = {
        "customer_id": str(await world.customer()),
        "category": 4,
        "memo": "Visit",
        "seller": await world.seller("anna.k"),
        "starts_at": (datetime.now(UTC) - timedelta(days=9)).isoformat(),
    }
    other = await world.seller("ville.s")
    made = await recorded(api, **said)
    path = f"/v1/activities/{made['activity_id']}"

    async def tally() -> dict[str, int]:
        async with activities.engine.connect() as connection:
            rows = await connection.execute(text("SELECT seller, done FROM tally WHERE done <> 0"))
            return {row.seller: row.done for row in rows}

    assert await tally() == {"anna.k": 1}
    moved = await api.put(path, json={**said, "seller": other}, headers={"If-Match": '"1"'})
    assert moved.status_code == 200, moved.text
    assert await tally() == {"ville.s": 1}
    assert (await api.delete(path, headers={"If-Match": '"2"'})).status_code == 200
    assert await tally() == {}
    assert (await api.get(path)).status_code == 404
    back = await api.post(f"{path}/restore", headers={"If-Match": '"3"'})
    assert back.status_code == 200, back.text
    assert await tally() == {"ville.s": 1}
