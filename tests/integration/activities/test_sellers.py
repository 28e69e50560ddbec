"""Sellers: added, changed, left, deleted if nothing names them; races end in one winner."""

import asyncio
from datetime import date
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from shared.chassis.service import Service
from shared.contracts.pipeline import Membership, UserGroupSaved
from tests.integration.activities.hearing import hear, rows, told
from tests.integration.activities.world import World


async def put(
    api: httpx.AsyncClient, seller: str, etag: str | None = None, **said: Any
) -> httpx.Response:
    headers = {} if etag is None else {"If-Match": etag}
    return await api.put(f"/v1/sellers/{quote(seller)}", json=said, headers=headers)


async def test_a_seller_is_added_without_if_match_and_changed_with_it(
    api: httpx.AsyncClient,
) -> None:
    made = await put(api, "anna.k", name="Anna", email="anna@example.com")
    assert (made.status_code, made.headers["location"]) == (201, "/v1/sellers/anna.k")
    again = await put(api, "anna.k", name="Another Anna")
    assert (again.status_code, again.json()["slug"]) == (409, "seller_exists")

    changed = await put(api, "anna.k", made.headers["etag"], name="Anna Koski")
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    stale = await put(api, "anna.k", made.headers["etag"], name="Late")
    assert (stale.status_code, stale.json()["slug"]) == (412, "stale_version")
    unknown = await put(api, "ville.s", '"1"', name="Ville")
    assert (unknown.status_code, unknown.json()["slug"]) == (404, "seller_not_found")
    assert (await put(api, "anna.k", "what", name="A")).status_code == 428

    shown = await api.get("/v1/sellers/anna.k")
    assert (shown.json()["name"], shown.headers["etag"]) == ("Anna Koski", '"2"')


async def test_of_those_who_add_or_change_a_seller_at_once_one_wins(
    api: httpx.AsyncClient,
) -> None:
    async def outcomes(etag: str | None) -> list[int]:
        answers = await asyncio.gather(*(put(api, "a", etag, name=str(n)) for n in range(4)))
        return sorted(one.status_code for one in answers)

    assert await outcomes(None) == [201, 409, 409, 409]
    assert await outcomes('"1"') == [200, 412, 412, 412]
    assert (await api.get("/v1/sellers/a")).json()["version"] == 2


@pytest.mark.parametrize("key", ["a b", "a/b", "a" * 101])
async def test_a_key_that_is_no_key_is_refused(api: httpx.AsyncClient, key: str) -> None:
    assert (await put(api, key, name="A")).status_code in (404, 422)


async def test_sellers_are_listed_by_pages_and_by_who_is_there(
    api: httpx.AsyncClient, world: World
) -> None:
    for key, left_on in (("a", None), ("b", date(2026, 6, 30)), ("c", date(2026, 7, 1))):
        await world.seller(key, left_on=left_on)

    async def keys(**asked: Any) -> list[str]:
        found, cursor = [], None
        while True:
            params = {**asked, "limit": 1, **({"cursor": cursor} if cursor else {})}
            page = (await api.get("/v1/sellers", params=params)).json()
            found += [one["seller"] for one in page["items"]]
            if (cursor := page["next"]) is None:
                return found

    assert await keys() == ["a", "b", "c"]
    assert await keys(present_on="2026-06-30") == ["a", "b", "c"]
    assert await keys(present_on="2026-07-01") == ["a", "c"]
    assert await keys(present_on="2026-07-02") == ["a"]


async def test_a_seller_who_is_named_is_not_deleted(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    said = {"customer_id": str(await world.customer()), "category": 1, "memo": "Call"}
    for key in ("free", "assigned", "took.part", "member"):
        await world.seller(key)
    for named in ({"seller": "assigned"}, {"participants": ["took.part"]}):
        made = await api.post("/v1/activities", json={**said, **named})
        path = f"/v1/activities/{made.json()['activity_id']}"
        # Deleted ones may come back, and then they name him still.
        assert (await api.delete(path, headers={"If-Match": '"1"'})).status_code == 200
    group = UserGroupSaved(
        group_id=uuid4(), version=1, title="North", members=[Membership(seller="member")]
    )
    await hear(activities, [told(group)])

    async def deleted(key: str) -> httpx.Response:
        return await api.delete(f"/v1/sellers/{key}", headers={"If-Match": '"1"'})

    for key, naming in (("assigned", "activities"), ("took.part", "activities")):
        refused = await deleted(key)
        assert (refused.status_code, refused.json()["slug"]) == (409, "seller_in_use")
        assert naming in refused.json()["detail"]
    assert "groups" in (await deleted("member")).json()["detail"]
    assert (await deleted("free")).status_code == 200
    assert (await deleted("free")).status_code == 404


async def test_a_seller_is_not_deleted_beneath_an_activity_that_names_him(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    """A participant is held by no foreign key: the lock alone keeps him."""
    said = {"customer_id": str(await world.customer()), "category": 1, "memo": "Call"}
    for turn in range(8):
        key = await world.seller(f"s{turn}")
        await asyncio.gather(
            api.post("/v1/activities", json={**said, "participants": [key]}),
            api.delete(f"/v1/sellers/{key}", headers={"If-Match": '"1"'}),
        )
    orphans = await rows(
        activities,
        "SELECT one FROM activity, unnest(participants) AS one "
        "WHERE one NOT IN (SELECT seller FROM seller)",
    )
    assert orphans == []
