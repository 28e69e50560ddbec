"""User groups as they are told: the newest version holds, and a group means its subtree."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.activities.persistence.groups import MEMBERSHIPS
from shared.chassis.service import Service
from shared.contracts.pipeline import Membership, UserGroupSaved
from tests.integration.activities import targets
from tests.integration.activities.hearing import hear, rows, told
from tests.integration.activities.world import World

FIRST = date(2026, 1, 1)
MEMBERS = f"""
    WITH RECURSIVE {MEMBERSHIPS}
    SELECT seller, lower(days), upper(days) - 1 FROM membership WHERE group_id = :id
"""  # noqa: S608
GROUPS = [UUID(int=n) for n in range(1, 5)]


def group(number: int, version: int = 1, **said: Any) -> UserGroupSaved:
    return UserGroupSaved(
        group_id=GROUPS[number], version=version, **{"title": f"Group {number}", **said}
    )


async def members(service: Service, group_id: UUID) -> set[tuple[Any, ...]]:
    found = await rows(service, MEMBERS, id=group_id)
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.requirement("LE-16")
async def test_groups_are_shown_with_their_members(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    await world.seller("anna.k", name="Anna Koski")
    north = group(0, kind="sales", members=[Membership(seller="anna.k", since=FIRST)])
    city = group(1, parent_id=GROUPS[0], members=[Membership(seller="nobody.yet")])
    await hear(activities, [told(city), told(north), told(group(2)), told(north)])
    await hear(activities, [told(group(2, 2, removed=True)), told(group(2, title="Late"))])

    first = (await api.get("/v1/seller-groups", params={"limit": 1})).json()
    rest = (await api.get("/v1/seller-groups", params={"cursor": first["next"]})).json()
    (shown_north,), (shown_city,) = first["items"], rest["items"]
    assert shown_north["members"] == [
        {"seller": "anna.k", "name": "Anna Koski", "since": "2026-01-01", "until": None}
    ]
    assert shown_city["parent_id"] == shown_north["group_id"]
    assert shown_city["members"][0]["name"] is None
    assert rest["next"] is None


@pytest.mark.requirement("LE-A4")
async def test_who_joins_or_leaves_a_group_changes_its_progress_and_that_is_told(
    api: httpx.AsyncClient, world: World, activities: Service
) -> None:
    anna = Membership(seller=await world.seller("anna.k"), since=FIRST)
    await targets.mark(api)
    await targets.visit(api, await world.customer(), anna.seller, "2026-06-03")
    await hear(activities, [told(group(0)), told(group(1, parent_id=GROUPS[0]))])
    await targets.target(api, "2026-06-01", 1, group_id=str(GROUPS[0]))

    async def done() -> list[int]:
        week = [one for one in await targets.told(activities) if one["first_day"] == "2026-06-01"]
        return [one["done"] for one in week]

    assert await done() == [0]
    await hear(activities, [told(group(1, 2, parent_id=GROUPS[0], members=[anna]))])
    assert await done() == [0, 1]
    assert len(await targets.told(activities, "target-reached")) == 1
    await hear(activities, [told(group(1, 3, members=[anna]))])
    assert await done() == [0, 1, 0], "the group that it was below of is told too"
    await hear(activities, [told(group(0, 2, members=[anna]))])
    assert await done() == [0, 1, 0, 1]


async def test_a_ring_of_groups_is_walked_once(activities: Service) -> None:
    ring = [
        group(n, parent_id=GROUPS[(n + 1) % 3], members=[Membership(seller=str(n), since=FIRST)])
        for n in range(3)
    ]
    await hear(activities, map(told, ring))
    assert await members(activities, GROUPS[0]) == {(str(n), FIRST, None) for n in range(3)}


async def test_what_is_below_a_removed_group_is_below_nothing_above_it(
    activities: Service,
) -> None:
    anna = Membership(seller="anna.k", since=FIRST)
    chain = [group(0), group(1, parent_id=GROUPS[0]), group(2, parent_id=GROUPS[1], members=[anna])]
    await hear(activities, map(told, chain))
    assert await members(activities, GROUPS[0]) == {("anna.k", FIRST, None)}
    await hear(activities, [told(group(1, 2, parent_id=GROUPS[0], removed=True))])
    assert await members(activities, GROUPS[0]) == set()
    assert await members(activities, GROUPS[2]) == {("anna.k", FIRST, None)}


stretches = st.builds(
    lambda seller, since, length: Membership(
        seller=seller,
        since=None if since is None else FIRST + timedelta(since),
        until=None if length is None else FIRST + timedelta((since or 0) + length),
    ),
    st.sampled_from("ab"),
    st.none() | st.integers(0, 9),
    st.none() | st.integers(-3, 9),
)
saved = st.builds(
    lambda number, version, parent, held, removed: group(
        number,
        version,
        parent_id=None if parent is None else GROUPS[parent],
        members=held,
        removed=removed,
    ),
    st.integers(0, 3),
    st.integers(1, 4),
    st.none() | st.integers(0, 3),
    st.lists(stretches, max_size=3),
    st.sampled_from([False, False, False, True]),
)


@pytest.mark.requirement("LE-16")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(saved, max_size=8, unique_by=lambda one: (one.group_id, one.version)), st.data())
async def test_a_subtree_counts_each_seller_once_on_each_of_his_days(
    activities: Service, told_groups: list[UserGroupSaved], data: st.DataObject
) -> None:
    async with activities.engine.begin() as connection:
        await connection.exec_driver_sql("TRUNCATE user_group, user_group_member, inbox")
    order = data.draw(st.permutations([*told_groups, *told_groups[:2]]))
    await hear(activities, map(told, order))

    newest: dict[UUID, UserGroupSaved] = {}
    for one in sorted(told_groups, key=lambda one: one.version):
        newest[one.group_id] = one
    live = {one.group_id: one for one in newest.values() if not one.removed}

    def below(top: UUID, seen: frozenset[UUID] = frozenset()) -> set[UUID]:
        if top not in live or top in seen:
            return set()
        children = [one.group_id for one in live.values() if one.parent_id == top]
        return {top}.union(*(below(child, seen | {top}) for child in children))

    days = [FIRST + timedelta(n) for n in range(-2, 22)]
    for top in GROUPS:
        found = await members(activities, top)
        for day in days:
            wanted = {
                place.seller
                for one in below(top)
                for place in live[one].members
                if (place.since is None or place.since <= day)
                and (place.until is None or day <= place.until)
            }
            there = [who for who, since, until in found if since <= day <= (until or date.max)]
            assert sorted(there) == sorted(wanted), (top, day)
