"""The lists of activities: in use, merged, archived, and what a change of them would do."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.ids import new_id
from shared.chassis.service import Service
from tests.integration.activities.test_recording import flagged, recorded
from tests.integration.activities.world import CATEGORY, World

VISIT, LEAD = CATEGORY["customer-visit"], CATEGORY["lead"]
DAY = "2026-03-02"


async def delete(
    api: httpx.AsyncClient, path: str, number: int, *, move_to: int | None = None
) -> httpx.Response:
    present = await api.get(f"/v1/{path}/{number}")
    return await api.delete(
        f"/v1/{path}/{number}",
        params={} if move_to is None else {"move_to": move_to},
        headers={"If-Match": present.headers["etag"]},
    )


async def added(api: httpx.AsyncClient, path: str, **said: Any) -> int:
    answer = await api.post(f"/v1/{path}", json=said)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


async def visited(
    api: httpx.AsyncClient, world: World, category: int = VISIT, **said: Any
) -> dict[str, Any]:
    """Record something of Anna's on the same day."""
    return await recorded(
        api,
        customer_id=str(await world.customer()),
        category=category,
        memo="Visit",
        seller=await world.seller(),
        starts_at=f"{DAY}T12:00:00Z",
        **said,
    )


async def target(service: Service, seller: str, category: int, period: str, wanted: int) -> str:
    """Set a target as if it had been asked for; return its id."""
    target_id = new_id()
    async with service.engine.begin() as connection:
        await connection.execute(
            text(
                """
                INSERT INTO target (target_id, version, seller, category, period, first_day, wanted,
                                    created_at, updated_at)
                SELECT :id, 1, :seller, key, :period, '2026-03-02', :wanted, now(), now()
                FROM list_value WHERE list = 'activity_category' AND number = :category
                """
            ),
            {
                "id": target_id,
                "seller": seller,
                "category": category,
                "period": period,
                "wanted": wanted,
            },
        )
    return str(target_id)


async def tallied(service: Service) -> dict[int, int]:
    """Return what is counted by number of category."""
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT number, sum(done) AS done FROM tally JOIN list_value ON key = category "
                "GROUP BY number HAVING sum(done) <> 0"
            )
        )
        return {row.number: row.done for row in rows}


@pytest.mark.requirement("LE-A9", "LE-05")
async def test_a_value_in_use_is_refused_with_who_uses_it(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    made = [(await visited(api, world, attributes=[1]))["activity_id"] for _ in range(2)]
    for path, number in (
        ("activity-categories", VISIT),
        ("activity-kinds", 2),
        ("activity-types", 4),
        ("activity-attributes", 1),
    ):
        refused = await delete(api, path, number)
        assert refused.status_code == 409, path
        body = refused.json()
        assert (body["slug"], body["count"]) == ("list_value_in_use", 2)
        assert sorted(body["blockers"]) == sorted(made)
        assert "move_to" in body["remedy"] and "archive" in body["remedy"]

    steering = await delete(api, "activity-kinds", 1)
    assert (steering.status_code, steering.json()["blockers"]) == (409, ["CRM event"])
    shown = await delete(api, "activity-categories", LEAD)
    assert (shown.status_code, shown.json()["held_by"]) == (409, "seller_card")
    assert shown.json()["blockers"] == ["Leads"]

    wanted = await added(api, "activity-categories", title="Calls", kind=2, type=3)
    aim = await target(activities, await world.seller(), wanted, "week", 5)
    aimed = await delete(api, "activity-categories", wanted)
    assert (aimed.status_code, aimed.json()["blockers"]) == (409, [aim])


@pytest.mark.requirement("LE-A9")
async def test_what_only_deleted_activities_hold_is_archived_and_the_unused_is_gone(
    api: httpx.AsyncClient, world: World
) -> None:
    held = await added(api, "activity-categories", title="Fair", kind=3, type=1)
    made = await visited(api, world, held)
    path = f"/v1/activities/{made['activity_id']}"
    await api.delete(path, headers={"If-Match": '"1"'})
    assert (await delete(api, "activity-categories", held)).json()["archived"] is True
    assert (await api.post(f"{path}/restore", headers={"If-Match": '"2"'})).status_code == 200

    refused = await api.post("/v1/activities", json={**_said(made), "category": held})
    assert (refused.status_code, "archived" in refused.json()["detail"]) == (422, True)
    unused = await added(api, "activity-attributes", title="Unused")
    assert (await delete(api, "activity-attributes", unused)).json()["archived"] is False


def _said(made: dict[str, Any]) -> dict[str, Any]:
    return {"customer_id": made["customer_id"], "memo": "Again"}


@pytest.mark.requirement("LE-A9", "LE-A3", "LE-A5")
async def test_a_merged_category_takes_activities_counts_and_targets_along(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    for number in (VISIT, LEAD):
        await flagged(api, number, sales_target=True)
    visits = [await visited(api, world) for _ in range(2)]
    await visited(api, world, LEAD)
    gone = await visited(api, world)
    await api.delete(f"/v1/activities/{gone['activity_id']}", headers={"If-Match": '"1"'})
    seller = await world.seller()
    kept = await target(activities, seller, LEAD, "week", 7)
    lost = await target(activities, seller, VISIT, "week", 5)
    moved = await target(activities, seller, VISIT, "month", 20)
    assert await tallied(activities) == {VISIT: 2, LEAD: 1}

    answer = await delete(api, "activity-categories", VISIT, move_to=LEAD)
    assert answer.json() == {"archived": False, "moved_activities": 3}, answer.text
    assert await tallied(activities) == {LEAD: 3}
    now = (await api.get(f"/v1/activities/{visits[0]['activity_id']}")).json()
    assert (now["category"], now["version"]) == (LEAD, 2)
    assert (now["kind"], now["type"]) == (visits[0]["kind"], visits[0]["type"])
    async with activities.engine.connect() as connection:
        rows = await connection.execute(text("SELECT target_id, wanted FROM target"))
        assert {str(row.target_id): row.wanted for row in rows} == {kept: 7, moved: 20}
        told = await connection.execute(
            text("SELECT count(*) FROM outbox WHERE type = 'activities.activity-saved.v1'")
        )
        assert told.scalar_one() == 4 + 2
    assert lost not in (kept, moved)
    cards = (await api.get("/v1/seller-cards")).json()
    assert [one["members"] for one in cards] == [[1], [LEAD], [3], [LEAD]]

    back = await api.post(
        f"/v1/activities/{gone['activity_id']}/restore", headers={"If-Match": '"3"'}
    )
    assert (back.status_code, back.json()["category"]) == (200, LEAD)
    assert await tallied(activities) == {LEAD: 4}


@pytest.mark.requirement("LE-A9")
async def test_a_merged_kind_is_followed_by_categories_and_cards(
    api: httpx.AsyncClient, world: World
) -> None:
    made = await visited(api, world)
    answer = await delete(api, "activity-kinds", made["kind"], move_to=3)
    assert answer.json() == {"archived": False, "moved_activities": 1}
    assert (await api.get(f"/v1/activities/{made['activity_id']}")).json()["kind"] == 3
    assert (await api.get(f"/v1/activity-categories/{VISIT}")).json()["kind"] == 3


async def test_an_attribute_is_merged_once_into_one_that_is_ticked_too(
    api: httpx.AsyncClient, world: World
) -> None:
    made = await visited(api, world, attributes=[1, 2])
    await delete(api, "activity-attributes", 1, move_to=2)
    assert (await api.get(f"/v1/activities/{made['activity_id']}")).json()["attributes"] == [2]


@pytest.mark.requirement("LE-06")
async def test_the_impact_of_a_change_is_shown_before_and_is_what_happens(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await flagged(api, VISIT, sales_target=True)
    made = await visited(api, world)
    gone = await visited(api, world)
    await api.delete(f"/v1/activities/{gone['activity_id']}", headers={"If-Match": '"1"'})
    await target(activities, await world.seller(), VISIT, "week", 5)

    impact = (await api.get(f"/v1/activity-categories/{VISIT}/impact")).json()
    assert impact["held"] == {
        "live": 1,
        "deleted": 1,
        "open": 0,
        "counting": 1,
        "first_at": f"{DAY}T12:00:00Z",
        "last_at": f"{DAY}T12:00:00Z",
    }
    assert [one["title"] for one in impact["cards"]] == ["Customer visits"]
    assert (impact["targets"], impact["categories"]) == (1, [])
    effects = {one["change"]: one for one in impact["effects"]}
    assert {"kind", "type", "sales_target", "allow_selection", "move_to"} <= effects.keys()
    assert "refused" in effects["delete"]["does"]
    assert (await delete(api, "activity-categories", VISIT)).status_code == 409

    # What it says of kind and flag holds: what is recorded keeps both.
    await flagged(api, VISIT, kind=1, sales_target=False)
    kept = (await api.get(f"/v1/activities/{made['activity_id']}")).json()
    assert (kept["kind"], kept["counts_to_target"]) == (made["kind"], True)
    assert effects["kind"]["activities_kept"] == effects["sales_target"]["activities_kept"] == 1
    assert "of 1 in it 1 count" in effects["sales_target"]["does_not"]


@pytest.mark.requirement("LE-06", "LE-08", "LE-09")
async def test_the_impact_of_a_kind_names_the_categories_and_cards_that_go_by_it(
    api: httpx.AsyncClient,
) -> None:
    await added(api, "seller-cards", title="All sales", kind=2)
    impact = (await api.get("/v1/activity-kinds/2/impact")).json()
    assert [one["title"] for one in impact["categories"]] == [
        "Lead",
        "Sales action",
        "Customer visit",
    ]
    assert [one["title"] for one in impact["cards"]] == ["All sales"]
    assert (impact["held"]["live"], impact["held"]["first_at"]) == (0, None)
    for path in ("activity-types", "activity-attributes"):
        assert (await api.get(f"/v1/{path}/1/impact")).status_code == 200
    unknown = await api.get("/v1/activity-kinds/99/impact")
    assert (unknown.status_code, unknown.json()["slug"]) == (404, "list_value_not_found")


@pytest.mark.requirement("LE-05")
async def test_values_are_renamed_ordered_and_archived_freely(
    api: httpx.AsyncClient, world: World
) -> None:
    made = await visited(api, world, attributes=[1])
    present = await api.get("/v1/activity-attributes/1")
    body = {"title": "Praise", "order": 99, "archived": True}
    headers = {"If-Match": present.headers["etag"]}
    assert (
        await api.put("/v1/activity-attributes/1", json=body, headers=headers)
    ).status_code == 200
    live = (await api.get("/v1/activity-attributes")).json()
    every = (await api.get("/v1/activity-attributes", params={"archived": True})).json()
    assert ([one["number"] for one in live], [one["number"] for one in every]) == (
        [2, 3],
        [2, 3, 1],
    )
    again = await api.put(
        f"/v1/activities/{made['activity_id']}",
        json={**_said(made), "category": VISIT, "attributes": [1]},
        headers={"If-Match": '"1"'},
    )
    assert again.status_code == 200, again.text
    usage = (await api.get("/v1/activity-attributes/usage")).json()
    assert {one["number"]: one["activities"] for one in usage} == {1: 1, 2: 0, 3: 0}
