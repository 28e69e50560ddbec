"""Sales targets over HTTP: set, carried forward, excepted, progressed, told (LE-16, LE-17)."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.activities.targets import (
    LONG_AGO,
    VISIT,
    mark,
    progress,
    save_group,
    say,
    target,
    told,
    visit,
)
from tests.integration.activities.world import World


@pytest.mark.requirement("LE-16")
async def test_only_a_category_marked_as_sales_target_can_have_one(
    api: httpx.AsyncClient, world: World
) -> None:
    seller = await world.seller()
    refused = await target(api, "2026-06-03", 5, seller=seller, status=422)
    assert "Customer visit" in refused["detail"]
    await mark(api)
    made = await target(api, "2026-06-03", 5, seller=seller)
    assert (made["first_day"], made["last_day"]) == ("2026-06-01", None)
    assert (await target(api, "2026-06-07", 6, seller=seller, status=409))["slug"] == (
        "target_exists"
    )


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "seller"),
        ({"seller": "anna.k", "group_id": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"}, "seller"),
        ({"seller": "nobody"}, "seller"),
        ({"group_id": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"}, "group_id"),
        ({"seller": "anna.k", "category": 99}, "category"),
        ({"seller": "anna.k", "wanted": 1_000_001}, "wanted"),
        ({"seller": "anna.k", "wanted": -1}, "wanted"),
        ({"seller": "anna.k", "period": "year"}, "period"),
        ({"seller": "anna.k", "first_day": "2300-01-01"}, "first_day"),
    ],
)
async def test_what_cannot_be_wanted_is_refused_by_field(
    api: httpx.AsyncClient, world: World, said: dict[str, Any], field: str
) -> None:
    await world.seller("anna.k")
    await mark(api)
    body = {"category": VISIT, "period": "week", "first_day": "2026-06-01", "wanted": 5, **said}
    refused = await say(api, "POST", "/v1/targets", body, status=422)
    assert field in str(refused)
    assert refused["remedy"]


@pytest.mark.requirement("LE-16")
async def test_a_target_is_carried_forward_until_another_one_begins(
    api: httpx.AsyncClient, world: World
) -> None:
    await mark(api)
    seller = await world.seller()
    first = await target(api, "2026-06-01", 5, seller=seller)
    second = await target(api, "2026-06-22", 8, seller=seller)
    await target(api, "2026-07-06", 0, seller=seller)

    assert await progress(api, seller=seller, day="2026-07-10", periods=7) == [
        ("2026-W23", 0, 5),
        ("2026-W24", 0, 5),
        ("2026-W25", 0, 5),
        ("2026-W26", 0, 8),
        ("2026-W27", 0, 8),
    ]
    shown = await say(api, "GET", f"/v1/targets/{first['target_id']}", status=200)
    assert shown["last_day"] == "2026-06-21"
    held = await say(api, "GET", "/v1/targets?day=2026-06-30", status=200)
    assert [one["target_id"] for one in held["items"]] == [second["target_id"]]

    await say(api, "DELETE", f"/v1/targets/{second['target_id']}", status=200)
    assert await progress(api, seller=seller, day="2026-06-30") == [("2026-W27", 0, 5)]


@pytest.mark.requirement("LE-A6", "LE-17")
async def test_weeks_and_months_stand_side_by_side(api: httpx.AsyncClient, world: World) -> None:
    await mark(api)
    seller, customer = await world.seller(), await world.customer()
    await target(api, "2026-01-01", 5, seller=seller)
    await target(api, "2026-01-01", 20, seller=seller, period="month")
    # One week, two months.
    await visit(api, customer, seller, "2026-09-30")
    await visit(api, customer, seller, "2026-10-01")
    assert await progress(api, seller=seller, day="2026-09-30") == [
        ("2026-W40", 2, 5),
        ("2026-09", 1, 20),
    ]
    assert await progress(api, seller=seller, day="2026-10-01") == [
        ("2026-W40", 2, 5),
        ("2026-10", 1, 20),
    ]


@pytest.mark.requirement("LE-17", "LE-A4")
async def test_an_event_counts_on_its_day_where_the_installation_is(
    api: httpx.AsyncClient, world: World
) -> None:
    await mark(api)
    seller, customer = await world.seller(), await world.customer()
    await target(api, "2020-12-01", 5, seller=seller)
    # Sunday of week 53 in Greenwich, Monday of week 1 in Helsinki.
    await visit(api, customer, seller, "2021-01-03T22:30:00Z")
    await visit(api, customer, seller, "2021-01-03T21:30:00Z")
    assert await progress(api, seller=seller, day="2021-01-04", periods=2) == [
        ("2020-W53", 1, 5),
        ("2021-W01", 1, 5),
    ]


@pytest.mark.requirement("LE-16")
async def test_a_group_is_all_below_it_and_each_member_once_a_day(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await mark(api)
    customer = await world.customer()
    anna, ville = await world.seller("anna.k"), await world.seller("ville.s")
    top = await save_group(activities, [(anna, LONG_AGO, date(2026, 6, 3))])
    below = await save_group(
        activities, [(anna, LONG_AGO, None), (ville, date(2026, 6, 4), None)], parent_id=top
    )
    # A circle, as it may be told.
    await save_group(
        activities, [(anna, LONG_AGO, date(2026, 6, 3))], group_id=top, parent_id=below
    )
    await target(api, "2026-06-01", 10, group_id=str(top))
    for seller in (anna, ville):
        for day in ("2026-06-02", "2026-06-05"):
            await visit(api, customer, seller, day)
    # Ville joined between his two visits; Anna is in both groups on one day.
    assert await progress(api, group_id=str(top), day="2026-06-05") == [("2026-W23", 3, 10)]


@pytest.mark.requirement("LE-16")
async def test_the_most_specific_exception_holds_and_is_rounded_up(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await mark(api)
    seller = await world.seller()
    top = await save_group(activities, [])
    near = await save_group(activities, [(seller, LONG_AGO, None)], parent_id=top)
    await target(api, "2026-06-01", 5, seller=seller)

    async def excepted(percent: int, **whose: str) -> str:
        body = {"period": "week", "first_day": "2026-06-17", "percent": percent, **whose}
        made = await say(api, "POST", "/v1/target-exceptions", body, status=201)
        return f"/v1/target-exceptions/{made['exception_id']}"

    async def wanted() -> list[int]:
        lines = await progress(api, seller=seller, day="2026-06-22", periods=3)
        return [each for _, _, each in lines]

    await excepted(80)
    assert await wanted() == [5, 4, 5]
    await excepted(20, group_id=str(top))
    assert await wanted() == [5, 1, 5]
    await excepted(50, group_id=str(near))
    assert await wanted() == [5, 3, 5]
    own = await excepted(0, seller=seller)
    assert await wanted() == [5, 0, 5]
    await say(api, "DELETE", own, status=200)
    assert await wanted() == [5, 3, 5]
    again = {"period": "week", "first_day": "2026-06-15", "percent": 1}
    refused = await say(api, "POST", "/v1/target-exceptions", again, status=409)
    assert refused["slug"] == "target_exception_exists"


@pytest.mark.requirement("LE-16")
async def test_targets_are_copied_to_many_sellers(api: httpx.AsyncClient, world: World) -> None:
    await mark(api)
    await mark(api, 2)
    anna, ville, otto = [await world.seller(one) for one in ("anna.k", "ville.s", "otto.m")]
    await target(api, "2026-06-01", 5, seller=anna)
    await target(api, "2026-06-01", 2, seller=anna, category=2)
    await target(api, "2026-07-06", 9, seller=ville)
    body = {
        "seller": anna,
        "period": "week",
        "day": "2026-06-30",
        "to": [ville, otto],
        "first_day": "2026-07-08",
    }
    copied = await say(api, "POST", "/v1/targets/copies", body, status=200)
    assert len(copied["targets"]) == 4
    for seller in (ville, otto):
        shown = await progress(api, seller=seller, day="2026-07-08")
        assert shown == [("2026-W28", 0, 2), ("2026-W28", 0, 5)]
    refused = await say(api, "POST", "/v1/targets/copies", body | {"seller": "x"}, status=422)
    assert refused["slug"] == "no_targets_to_copy"


@pytest.mark.requirement("LE-17")
async def test_progress_and_reaching_are_told_once_and_in_order(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await mark(api)
    seller, customer = await world.seller(), await world.customer()
    group = await save_group(activities, [(seller, LONG_AGO, None)])
    mine = await target(api, "2026-06-01", 2, seller=seller)
    await target(api, "2026-06-01", 10, group_id=str(group), period="month")
    made = [await visit(api, customer, seller, f"2026-06-0{day}") for day in (1, 2, 3)]
    path = f"/v1/activities/{made[0]['activity_id']}"
    # The same pieces on another day of the week are no progress.
    moved = made[0]["said"] | {"starts_at": "2026-06-04T12:00:00Z"}
    await say(api, "PUT", path, moved, status=200)
    for one in made[:2]:
        await say(api, "DELETE", f"/v1/activities/{one['activity_id']}", status=200)
    await visit(api, customer, seller, "2026-06-05")

    week = [one for one in await told(activities) if one["first_day"] == "2026-06-01"]
    own = [one for one in week if one["target_id"] == mine["target_id"]]
    assert [one["done"] for one in own] == [0, 1, 2, 3, 2, 1, 2]
    assert [one["version"] for one in own] == list(range(1, 8))
    assert [one["done"] for one in week if one["group_id"]] == [0, 1, 2, 3, 2, 1, 2]
    reached = await told(activities, "target-reached")
    assert [(one["version"], one["done"]) for one in reached] == [(3, 2), (7, 2)]

    await say(api, "DELETE", f"/v1/targets/{mine['target_id']}", status=200)
    assert (await told(activities))[-1]["wanted"] == 0


@pytest.mark.requirement("LE-17")
async def test_leaders_are_sorted_by_the_part_that_is_done(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await mark(api)
    customer = await world.customer()
    for seller, wanted, done in (("a", 4, 2), ("b", 2, 2), ("c", 6, 3), ("d", 4, 2), ("e", 1, 0)):
        await world.seller(seller)
        await target(api, "2026-06-01", wanted, seller=seller)
        for _ in range(done):
            await visit(api, customer, seller, "2026-06-02")
    group = await save_group(activities, [("a", LONG_AGO, None), ("e", LONG_AGO, None)])
    asked = {"category": VISIT, "period": "week", "day": "2026-06-03", "limit": 2}

    found: list[tuple[int, str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get("/v1/target-leaderboard", params=asked | cursor)).json()
        found += [(one["place"], one["seller"]) for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == [(1, "b"), (2, "c"), (3, "a"), (3, "d"), (5, "e")]
    ours = await api.get("/v1/target-leaderboard", params=asked | {"group_id": str(group)})
    assert [one["seller"] for one in ours.json()["items"]] == ["a", "e"]


@pytest.mark.requirement("LE-17")
async def test_a_forecast_goes_by_the_pace_so_far(api: httpx.AsyncClient, world: World) -> None:
    await mark(api)
    seller, customer = await world.seller(), await world.customer()
    await target(api, "2026-06-01", 21, seller=seller, period="month")
    for day in range(1, 9):
        if date(2026, 6, day).weekday() < 5:
            await visit(api, customer, seller, f"2026-06-0{day}")

    async def outlook(day: str) -> dict[str, Any]:
        asked = {"seller": seller, "day": day}
        answer = await api.get("/v1/target-forecast", params=asked)
        (month,) = answer.json()["months"]
        return dict(month)

    assert (await outlook("2026-06-03"))["forecast"] is None
    found = await outlook("2026-06-09")
    assert (found["working_days_passed"], found["working_days_left"]) == (6, 16)
    assert found["forecast"]["expected"] == 23
    assert 0 < found["forecast"]["chance_percent"] < 100
    body = {"period": "week", "first_day": "2026-06-22", "percent": 0}
    await say(api, "POST", "/v1/target-exceptions", body, status=201)
    assert (await outlook("2026-06-09"))["working_days_left"] == 11


@pytest.mark.requirement("LE-A5")
async def test_flags_are_taken_over_only_by_an_explicit_recount(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    seller, customer = await world.seller(), await world.customer()
    for day in ("2026-06-01", "2026-06-08"):
        await visit(api, customer, seller, day)
    await mark(api)
    await target(api, "2026-06-01", 5, seller=seller)
    asked = {"seller": seller, "day": "2026-06-08", "periods": 2}
    assert [done for _, done, _ in await progress(api, **asked)] == [0, 0]

    nothing = await say(api, "POST", "/v1/target-recounts", {}, status=200)
    changed = ("days_changed", "flags_changed", "places_mended")
    assert [nothing[one] for one in changed] == [0, 0, 0]
    body = {"reflag": True, "first_day": "2026-06-02", "last_day": "2026-06-30"}
    done = await say(api, "POST", "/v1/target-recounts", body, status=200)
    assert [done[one] for one in changed] == [0, 1, 0]
    assert [done for _, done, _ in await progress(api, **asked)] == [0, 1]
    assert (await told(activities, "activity-saved"))[-1]["counts_to_target"] is True
    again = await say(api, "POST", "/v1/target-recounts", body, status=200)
    assert [again[one] for one in changed] == [0, 0, 0]
    await say(api, "POST", "/v1/target-recounts", {"reflag": True}, status=422)


@pytest.mark.requirement("LE-A4")
async def test_a_recount_follows_the_zone_and_mends_what_was_broken(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await mark(api)
    seller, customer = await world.seller(), await world.customer()
    await target(api, "2026-06-01", 5, seller=seller)
    await visit(api, customer, seller, "2026-06-07T21:30:00Z")
    asked = {"seller": seller, "day": "2026-06-08", "periods": 2}
    assert [done for _, done, _ in await progress(api, **asked)] == [0, 1]
    async with activities.units() as unit:
        # As it was recorded where the sun sets later, and by a fault of ours counted twice.
        await unit.connection.execute(text("UPDATE activity SET day = day - 1"))
        await unit.connection.execute(text("UPDATE tally SET day = day - 1, done = 2"))
    done = await say(api, "POST", "/v1/target-recounts", {}, status=200)
    assert (done["days_changed"], done["places_mended"]) == (1, 1)
    assert [done for _, done, _ in await progress(api, **asked)] == [0, 1]


@pytest.mark.requirement("LE-A9")
async def test_a_category_takes_its_targets_along_or_stays(
    api: httpx.AsyncClient, world: World
) -> None:
    await mark(api)
    anna, ville = await world.seller("anna.k"), await world.seller("ville.s")
    customer = await world.customer()
    await target(api, "2026-06-01", 5, seller=anna)
    await target(api, "2026-06-01", 6, seller=ville)
    path = f"/v1/activity-categories/{VISIT}"
    for one in (2, 3):
        card = await api.get(f"/v1/seller-cards/{one}")
        assert card.status_code == 200
    refused = await say(api, "DELETE", path, status=409)
    assert refused["slug"] == "list_value_in_use"
    for seller in (anna, ville):
        await visit(api, customer, seller, "2026-06-03")
    etag = (await api.get(path)).headers["etag"]
    unmarked = await api.delete(f"{path}?move_to=2", headers={"If-Match": etag})
    assert unmarked.status_code == 422, unmarked.text
    await mark(api, 2)
    await target(api, "2026-06-08", 9, seller=ville, category=2)
    etag = (await api.get(path)).headers["etag"]
    merged = await api.delete(f"{path}?move_to=2", headers={"If-Match": etag})
    assert merged.status_code == 200, merged.text
    assert await progress(api, seller=anna, day="2026-06-03") == [("2026-W23", 1, 5)]
    assert await progress(api, seller=ville, day="2026-06-08", periods=2) == [("2026-W24", 0, 9)]


async def test_a_target_of_days_to_come_is_not_told_yet(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await mark(api)
    later = date.today() + timedelta(days=60)
    await target(api, later.isoformat(), 5, seller=await world.seller())
    assert await told(activities) == []
