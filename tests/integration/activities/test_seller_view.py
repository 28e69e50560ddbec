"""The seller view: cards count what their lists list, and neglected customers are found."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.activities.scattered import ZONE, scattered
from tests.integration.activities.world import CATEGORY, World

WHENS = ("all", "today", "week", "open", "overdue")


async def view(api: httpx.AsyncClient, seller: str, **asked: Any) -> dict[str, Any]:
    answer = await api.get("/v1/seller-view", params={"seller": seller, **asked})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def pages(
    api: httpx.AsyncClient, path: str, limit: int = 7, **asked: Any
) -> list[dict[str, Any]]:
    """Return all items of a list, read page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await api.get(path, params={"limit": limit, **asked, **cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            return found
        cursor = {"cursor": answer.json()["next"]}


async def on_card(
    api: httpx.AsyncClient, number: int, seller: str, when: str
) -> list[dict[str, Any]]:
    path = f"/v1/seller-view/cards/{number}/activities"
    return await pages(api, path, seller=seller, when=when)


def meant(when: str, row: dict[str, Any], now: datetime) -> bool:
    """Tell by itself whether a count counts an activity."""
    today = now.astimezone(ZONE).date()
    monday = today - timedelta(days=today.weekday())
    match when:
        case "today":
            return bool(row["day"] == today)
        case "week":
            return bool(monday <= row["day"] <= monday + timedelta(days=6))
        case "open":
            return bool(row["state"] == "open")
        case "overdue":
            return bool(row["state"] == "open" and row["due_at"] < now)
    return True


async def add_card(api: httpx.AsyncClient, title: str, **said: Any) -> int:
    answer = await api.post("/v1/seller-cards", json={"title": title, "order": 100, **said})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


@pytest.mark.requirement("LE-21", "LE-22", "LE-23", "LE-09", "LE-A8")
async def test_counts_and_lists_of_cards_agree_with_a_recount(
    api: httpx.AsyncClient, activities: Service, world: World
) -> None:
    made = await scattered(activities, world, count=300, days=20)
    await add_card(api, "A: everything")
    await add_card(api, "B: sales", kind=2)
    await add_card(api, "C: visits and leads that are sales", members=[2, 4], kind=2)
    numbers = {key: place + 1 for place, key in enumerate(made.categories)}
    filters: dict[int, tuple[set[int], int | None]] = {
        **{number: ({number}, None) for number in range(1, 5)},
        5: (set(), None),
        6: (set(), made.kinds[1]),
        7: ({2, 4}, made.kinds[1]),
    }
    for seller in made.sellers:
        shown = await view(api, seller)
        now = datetime.fromisoformat(shown["as_of"])
        today = now.astimezone(ZONE).date()
        monday = today - timedelta(days=today.weekday())
        assert shown["week"] == [str(monday), str(monday + timedelta(days=6))]
        assert [one["number"] for one in shown["cards"]] == list(filters)
        for card in shown["cards"]:
            categories, kind = filters[card["number"]]
            for when in WHENS:
                expected = {
                    str(row["activity_id"])
                    for row in made.rows
                    if row["seller"] == seller
                    and (not categories or numbers[row["category"]] in categories)
                    and kind in (None, row["kind"])
                    and meant(when, row, now)
                }
                listed = await on_card(api, card["number"], seller, when)
                assert card["counts"][when] == len(expected) == len(listed), (card, when)
                assert {one["activity_id"] for one in listed} == expected
                column = "due_at" if when in ("open", "overdue") else "starts_at"
                order = [datetime.fromisoformat(one[column]) for one in listed]
                assert order == sorted(order, reverse=column == "starts_at")


async def test_next_actions_begin_with_what_is_overdue(
    api: httpx.AsyncClient, activities: Service, world: World
) -> None:
    made = await scattered(activities, world, count=100, sellers=1, state="open")
    shown = (await view(api, made.sellers[0]))["next_actions"]
    mine = sorted(row["due_at"] for row in made.rows if row["seller"] == made.sellers[0])
    assert [datetime.fromisoformat(one["due_at"]) for one in shown] == mine[:10]
    assert shown[0]["overdue"] is True


@pytest.mark.requirement("LE-23", "LE-A8")
async def test_a_category_added_later_is_on_a_card_when_somebody_says_so(
    api: httpx.AsyncClient, world: World
) -> None:
    seller = await world.seller()
    added = await api.post(
        "/v1/activity-categories", json={"title": "Webinar", "kind": 3, "type": 1}
    )
    number = added.json()["number"]
    said = {"customer_id": str(await world.customer()), "category": number, "memo": "Hello"}
    await api.post("/v1/activities", json={**said, "seller": seller})
    before = await view(api, seller)
    assert [one["counts"]["all"] for one in before["cards"]] == [0, 0, 0, 0]

    card = await add_card(api, "Webinars", members=[number], titles={"fi": "Webinaarit"})
    after = await view(api, seller, language="fi")
    assert after["cards"][-1]["label"] == "Webinaarit"
    assert after["cards"][-1]["counts"]["all"] == 1
    listed = await on_card(api, card, seller, "all")
    assert [one["subject"] for one in listed] == ["Hello"]


async def test_who_left_is_shown_and_who_is_unknown_is_not(
    api: httpx.AsyncClient, world: World
) -> None:
    left = await world.seller("old.hand", left_on=date(2026, 1, 31))
    assert (await view(api, left))["seller"]["left_on"] == "2026-01-31"
    for path in ("", "/cards/1/activities", "/neglected-customers"):
        unknown = await api.get(f"/v1/seller-view{path}", params={"seller": "nobody"})
        assert (unknown.status_code, unknown.json()["slug"]) == (404, "seller_not_found")
        assert unknown.json()["remedy"]
    card = await api.get("/v1/seller-view/cards/99/activities", params={"seller": left})
    assert (card.status_code, card.json()["slug"]) == (404, "seller_card_not_found")


@pytest.mark.parametrize("cursor", ["x", "WyIyMDI2LTAxLTAxIiwieCJd", "WyIwMDAxLTAxLTAxIiwieCJd"])
async def test_a_foreign_cursor_is_refused(
    api: httpx.AsyncClient, world: World, cursor: str
) -> None:
    seller = await world.seller()
    for path in ("cards/1/activities", "neglected-customers"):
        asked = {"seller": seller, "cursor": cursor}
        answer = await api.get(f"/v1/seller-view/{path}", params=asked)
        assert (answer.status_code, answer.json()["slug"]) == (422, "bad_cursor")


async def set_customer(
    service: Service,
    customer_id: UUID,
    *,
    merged_into: UUID | None = None,
    deleted: bool = False,
    ended_on: date | None = None,
) -> None:
    async with service.units() as unit:
        await unit.connection.execute(
            text(
                "UPDATE customer SET merged_into = :into, deleted = :deleted, ended_on = :ended "
                "WHERE customer_id = :id"
            ),
            {"id": customer_id, "into": merged_into, "deleted": deleted, "ended": ended_on},
        )


@pytest.mark.requirement("LE-21")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_neglected_customers_are_those_of_a_recount_through_merges(
    api: httpx.AsyncClient, activities: Service, world: World, seed: int
) -> None:
    made = await scattered(
        activities, world, count=60, customers=30, sellers=2, days=100, seed=seed
    )
    ids = made.customers
    # Two into one, one of them with one of its own; one ended, one is to end, one is deleted.
    stands_for = {ids[1]: ids[0], ids[2]: ids[0], ids[3]: ids[2], ids[5]: ids[4]}
    for merged, survivor in stands_for.items():
        await set_customer(activities, merged, merged_into=survivor, deleted=True)
    today = datetime.now(ZONE).date()
    await set_customer(activities, ids[6], ended_on=today)
    await set_customer(activities, ids[7], ended_on=today + timedelta(days=1))
    await set_customer(activities, ids[8], deleted=True)
    gone = {ids[6], ids[8], *stands_for}

    def survivor(customer_id: UUID) -> UUID:
        while customer_id in stands_for:
            customer_id = stands_for[customer_id]
        return customer_id

    for by in ("seller", "anybody"):
        last: dict[UUID, date] = {}
        for row in made.rows:
            if row["state"] == "done" and (by == "anybody" or row["seller"] == made.sellers[0]):
                who = survivor(row["customer_id"])
                last[who] = max(row["day"], last.get(who, date.min))
        there = [one for one in ids if one not in gone]
        before = today - timedelta(days=30)
        lapsed = Counter(
            (str(one), str(last[one])) for one in there if one in last and last[one] < before
        )
        never = {str(one) for one in there if one not in last}

        asked = {"seller": made.sellers[0], "days": 30, "by": by}
        found = await pages(api, "/v1/seller-view/neglected-customers", limit=3, **asked)
        contacted = [one for one in found if one["last_contact"] is not None]
        assert Counter((one["customer_id"], one["last_contact"]) for one in contacted) == lapsed
        assert [one["last_contact"] for one in contacted] == sorted(day for _, day in lapsed)
        assert {one["customer_id"] for one in found[len(contacted) :]} == never
        assert len(found) == len(lapsed) + len(never)
        if by == "seller":
            counts = (await view(api, made.sellers[0], days=30))["neglected"]
            assert counts["lapsed"] == {"customers": len(lapsed), "exact": True}
            assert counts["never"] == {"customers": len(never), "exact": True}


async def test_a_contact_that_is_deleted_was_none(api: httpx.AsyncClient, world: World) -> None:
    seller, customer = await world.seller(), str(await world.customer())
    said = {"customer_id": customer, "category": CATEGORY["lead"], "memo": "Call", "seller": seller}
    ago = (datetime.now(UTC) - timedelta(days=200)).isoformat()
    await api.post("/v1/activities", json={**said, "starts_at": ago})
    fresh = (await api.post("/v1/activities", json=said)).json()
    path = "/v1/seller-view/neglected-customers"
    assert await pages(api, path, seller=seller) == []
    await api.delete(f"/v1/activities/{fresh['activity_id']}", headers={"If-Match": '"1"'})
    assert [one["customer_id"] for one in await pages(api, path, seller=seller)] == [customer]
