"""User groups: a tree of those who sell together, from when until when."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from services.pipeline.domain.user_groups import Membership
from services.pipeline.handlers.keep_groups import join_group
from shared.chassis.service import Service
from shared.contracts.types import EARLIEST
from tests.integration.locks import waits
from tests.integration.pipeline.standing import problem, send, shown

PATH = "/v1/user-groups"


async def group(api: httpx.AsyncClient, title: str = "Sales", **said: Any) -> str:
    """Add a group; return its path."""
    answer = await api.post(PATH, json={"title": title, **said})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


def member(seller: str, since: str | None = None, until: str | None = None) -> dict[str, Any]:
    return {"seller": seller, "since": since, "until": until}


async def members(api: httpx.AsyncClient, path: str, **asked: Any) -> list[tuple[Any, ...]]:
    answer = await api.get(f"{path}/members", params=asked)
    assert answer.status_code == 200, answer.text
    return [tuple(one.values()) for one in answer.json()["items"]]


async def told(service: Service, path: str) -> list[dict[str, Any]]:
    """Return what was told of a group, in its order."""
    async with service.engine.connect() as connection:
        found = await connection.execute(
            text("SELECT body FROM outbox WHERE subject = :subject ORDER BY seq"),
            {"subject": f"user-group/{id_of(path)}"},
        )
        bodies = [json.loads(bytes(one)) for one in found.scalars()]
    return [one.get("data", one) for one in bodies]


@pytest.mark.requirement("TS-08", "TS-09", "TS-13", "TS-14", "TS-15")
async def test_a_group_has_a_name_a_description_a_kind_and_members(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    path = await group(
        api,
        "Key accounts",
        description="The largest",
        kind="sales",
        members=[member("anna.k", "2026-01-01", "2026-06-30"), member("bo")],
    )
    made = await shown(api, path)
    assert (made["title"], made["description"], made["kind"]) == (
        "Key accounts",
        "The largest",
        "sales",
    )
    assert made["members"] == [member("anna.k", "2026-01-01", "2026-06-30"), member("bo")]
    (event,) = await told(pipeline, path)
    assert (event["title"], event["kind"], event["version"]) == ("Key accounts", "sales", 1)
    assert event["members"] == made["members"]
    assert (await shown(api, await group(api)))["kind"] == "standard"
    refused = await api.post(PATH, json={"title": "G", "kind": "support"})
    assert problem(refused)[:2] == (422, "invalid_request")


@pytest.mark.requirement("TS-10")
async def test_who_sells_is_who_is_in_a_sales_group(api: httpx.AsyncClient) -> None:
    sales = await group(api, "North", kind="sales", members=[member("anna.k")])
    await group(api, "Office", members=[member("carl")])
    found = (await api.get(PATH, params={"kind": "sales"})).json()["items"]
    assert [(one["title"], one["memberships"]) for one in found] == [("North", 1)]
    assert await members(api, sales) == [("anna.k", None, None)]
    his = (await api.get(PATH, params={"seller": "carl"})).json()["items"]
    assert [one["title"] for one in his] == ["Office"]


@pytest.mark.requirement("TS-11", "TS-12", "TS-A11")
async def test_groups_form_a_tree_whose_members_are_found_from_its_top(
    api: httpx.AsyncClient,
) -> None:
    top = await group(
        api, "Sales", kind="sales", members=[member("anna.k", "2026-01-01", "2026-03-31")]
    )
    below = await group(
        api,
        "North",
        parent_id=id_of(top),
        members=[member("anna.k", "2026-03-01", "2026-12-31"), member("bo", "2026-05-01")],
    )
    assert (await shown(api, below))["kind"] == "standard", "no group takes its kind from above"
    directly = (await api.get(PATH, params={"parent_id": id_of(top)})).json()["items"]
    assert [one["title"] for one in directly] == ["North"]

    assert await members(api, top) == [("anna.k", "2026-01-01", "2026-03-31")]
    whole = [("anna.k", "2026-01-01", "2026-12-31"), ("bo", "2026-05-01", None)]
    assert await members(api, top, subtree=True) == whole
    assert await members(api, top, subtree=True, day="2026-04-30") == whole[:1]
    assert await members(api, top, subtree=True, day="2027-01-01") == whole[1:]
    assert await members(api, top, day="2026-03-31") == [("anna.k", "2026-01-01", "2026-03-31")]
    assert await members(api, top, day="2026-04-01") == []


async def test_members_come_in_pages(api: httpx.AsyncClient) -> None:
    names = [f"s{number:02}" for number in range(7)]
    path = await group(api, members=[member(one) for one in names])
    seen: list[str] = []
    cursor = None
    for _ in range(4):
        query = {"limit": 2, "subtree": True, **({"cursor": cursor} if cursor else {})}
        page = (await api.get(f"{path}/members", params=query)).json()
        seen += [one["seller"] for one in page["items"]]
        cursor = page["next"]
    assert (seen, cursor) == (names, None)
    bad = await api.get(f"{path}/members", params={"cursor": "WyJhIiwgImIiXQ"})
    assert problem(bad)[1] == "bad_cursor"


@pytest.mark.requirement("TS-11")
async def test_no_group_is_below_itself_nor_deeper_than_a_tree_may_be(
    api: httpx.AsyncClient,
) -> None:
    deep = [await group(api, "L1")]
    for depth in range(2, 21):
        deep.append(await group(api, f"L{depth}", parent_id=id_of(deep[-1])))
    refused = await api.post(PATH, json={"title": "L21", "parent_id": id_of(deep[-1])})
    assert problem(refused) == (422, "invalid_field", "parent_id")
    assert "'L20'" in refused.json()["detail"]
    for parent in (deep[0], deep[5]):
        ring = await send(api, "PUT", deep[0], {"title": "L1", "parent_id": id_of(parent)})
        assert problem(ring) == (422, "invalid_field", "parent_id")
    top = await group(api, "Top")
    pushed = await send(api, "PUT", deep[0], {"title": "L1", "parent_id": id_of(top)})
    assert problem(pushed) == (422, "invalid_field", "parent_id"), "its subtree is too high"
    unknown = await api.post(
        PATH, json={"title": "G", "parent_id": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"}
    )
    assert problem(unknown) == (422, "invalid_field", "parent_id")


@pytest.mark.requirement("TS-11")
async def test_two_who_put_groups_below_each_other_at_once_make_no_ring(
    api: httpx.AsyncClient,
) -> None:
    for _ in range(5):
        one, other = await group(api, "One"), await group(api, "Other")
        done = await asyncio.gather(
            send(api, "PUT", one, {"title": "One", "parent_id": id_of(other)}),
            send(api, "PUT", other, {"title": "Other", "parent_id": id_of(one)}),
        )
        assert sorted(answer.status_code for answer in done) == [200, 422]


@pytest.mark.requirement("TS-15")
@pytest.mark.parametrize(
    "said",
    [
        [member("anna.k"), member("anna.k", "2026-05-01")],
        [member("anna.k", "2026-01-01", "2026-05-01"), member("anna.k", "2026-05-01")],
        [member("anna.k", "2026-01-01"), member("anna.k", "2026-01-01", "2026-02-01")],
        [member("anna.k", "2026-05-01", "2026-04-30")],
    ],
)
async def test_nobody_is_in_a_group_twice_on_a_day_or_leaves_before_joining(
    api: httpx.AsyncClient, said: list[dict[str, Any]]
) -> None:
    refused = await api.post(PATH, json={"title": "G", "members": said})
    assert problem(refused) == (422, "invalid_field", "members")
    assert "'anna.k'" in refused.json()["detail"]


@pytest.mark.requirement("TS-15")
@pytest.mark.parametrize(
    "said",
    [
        {"seller": "a b"},
        {"seller": ""},
        {"seller": "x" * 101},
        {"seller": "anna.k", "since": "1899-12-31"},
        {"seller": "anna.k", "until": "2200-01-01"},
        {"seller": "anna.k", "until": "soon"},
    ],
)
async def test_a_membership_that_is_none_is_refused(
    api: httpx.AsyncClient, said: dict[str, Any]
) -> None:
    path = await group(api)
    assert problem(await api.post(f"{path}/members", json=said))[:2] == (422, "invalid_request")
    assert await members(api, path) == []


@pytest.mark.requirement("TS-15")
async def test_a_seller_joins_and_leaves_and_may_come_back(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    path = await group(api)
    joined = await api.post(f"{path}/members", json={"seller": "anna.k", "since": "2026-01-01"})
    assert (joined.status_code, joined.headers["etag"]) == (201, '"2"')
    twice = await api.post(f"{path}/members", json={"seller": "anna.k", "since": "2027-01-01"})
    assert problem(twice) == (422, "invalid_field", "since")

    end = f"{path}/members/anna.k/end"
    early = await api.post(end, json={"last_day": "2025-12-31"})
    assert problem(early)[:2] == (404, "not_a_member")
    ended = await api.post(end, json={"last_day": "2026-06-30"})
    assert ended.json()["members"] == [member("anna.k", "2026-01-01", "2026-06-30")]
    again = await api.post(end, json={"last_day": "2026-07-01"})
    assert problem(again)[:2] == (404, "not_a_member")

    back = await api.post(f"{path}/members", json={"seller": "anna.k", "since": "2026-09-01"})
    stretches = [member("anna.k", "2026-01-01", "2026-06-30"), member("anna.k", "2026-09-01")]
    assert back.json()["members"] == stretches
    events = await told(pipeline, path)
    assert [one["version"] for one in events] == [1, 2, 3, 4]
    assert events[-1]["members"] == stretches


@pytest.mark.requirement("TS-15")
async def test_who_joins_twice_at_once_is_in_once(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    path = await group(api)
    late = {"seller": "anna.k", "since": "2026-05-01"}
    async with pipeline.units() as unit:
        await join_group(UUID(id_of(path)), Membership("anna.k", EARLIEST, None), unit)
        joining = asyncio.create_task(api.post(f"{path}/members", json=late))
        await waits(pipeline)
    assert problem(await joining) == (422, "invalid_field", "since")
    assert await members(api, path) == [("anna.k", None, None)]


@pytest.mark.requirement("TS-15")
async def test_a_group_holds_two_thousand_memberships_and_no_more(api: httpx.AsyncClient) -> None:
    path = await group(api, members=[member(f"s{number}") for number in range(2000)])
    assert len((await shown(api, path))["members"]) == 2000
    assert problem(await api.post(f"{path}/members", json={"seller": "bo"}))[0] == 422
    more = {"title": "G", "members": [member(f"s{number}") for number in range(2001)]}
    assert problem(await api.post(PATH, json=more))[:2] == (422, "invalid_request")


@pytest.mark.requirement("TS-13", "TS-15")
async def test_a_change_replaces_what_is_said_and_leaves_members_that_are_not(
    api: httpx.AsyncClient,
) -> None:
    path = await group(api, "Old", description="D", kind="sales", members=[member("anna.k")])
    kept = await send(api, "PUT", path, {"title": "New", "kind": "sales"})
    assert kept.json()["members"] == [member("anna.k")]
    assert (kept.json()["title"], kept.json()["description"]) == ("New", "")
    put = await send(api, "PUT", path, {"title": "New", "members": [member("bo", "2026-01-01")]})
    assert put.json()["members"] == [member("bo", "2026-01-01")]
    emptied = await send(api, "PUT", path, {"title": "New", "members": []})
    assert emptied.json()["members"] == []
    stale = await api.put(path, json={"title": "Newer"}, headers={"If-Match": '"1"'})
    assert problem(stale)[:2] == (412, "stale_version")
    assert problem(await api.put(path, json={"title": "Newer"}))[0] == 428


@pytest.mark.requirement("TS-11", "TS-12")
async def test_a_group_with_groups_below_it_stays(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    top = await group(api, "Top", members=[member("anna.k")])
    below = await group(api, "Below", parent_id=id_of(top))
    refused = await send(api, "DELETE", top)
    assert problem(refused)[:2] == (409, "user_group_in_use")
    assert (refused.json()["count"], refused.json()["groups"]) == (1, ["Below"])

    for path in (below, top):
        assert (await send(api, "DELETE", path)).status_code == 200
    assert problem(await api.get(top))[:2] == (404, "user_group_not_found")
    assert (await api.get(PATH)).json()["items"] == []
    last = (await told(pipeline, top))[-1]
    assert (last["removed"], last["members"], last["version"]) == (True, [], 2)
    for late in (
        await api.post(PATH, json={"title": "G", "parent_id": id_of(top)}),
        await api.post(f"{top}/members", json={"seller": "bo"}),
        await api.put(top, json={"title": "G"}, headers={"If-Match": '"2"'}),
    ):
        assert late.status_code in (404, 422), late.text


@pytest.mark.requirement("TS-13", "TS-15")
async def test_a_group_remembers_what_it_was_called_and_who_was_in_it(
    api: httpx.AsyncClient,
) -> None:
    top = await group(api, "Top")
    path = await group(api, "Old")
    await send(api, "PUT", path, {"title": "New", "parent_id": id_of(top)})
    await api.post(f"{path}/members", json={"seller": "anna.k"})
    await api.post(f"{path}/members/anna.k/end", json={"last_day": "2026-06-30"})
    await send(api, "DELETE", path)

    entries = (await api.get(f"{path}/history")).json()["items"]

    assert [one["what"] for one in entries] == [
        "deleted",
        "changed",
        "changed",
        "changed",
        "changed",
        "created",
    ]
    assert {one["actor"] for one in entries[:-1]} == {"api-key"}
    said = [
        {one["field"]: (one["before"], one["after"]) for one in entry["changes"]}
        for entry in entries
    ]
    always = member("anna.k")
    assert said[2]["memberships"] == ([always], [always | {"until": "2026-06-30"}])
    assert said[3]["memberships"] == ([], [always])
    assert said[4] == {
        "title": ("Old", "New"),
        "parent": (None, {"group_id": id_of(top), "title": "Top"}),
    }


async def test_a_value_of_a_list_remembers_what_it_was(api: httpx.AsyncClient) -> None:
    said = {"title": "Cost", "titles": {}, "order": 10}
    assert (await send(api, "PUT", "/v1/rejection-reasons/1", said)).status_code == 200
    edited, created = (await api.get("/v1/rejection-reasons/1/history")).json()["items"]
    assert ("title", "Price", "Cost") in [tuple(one.values()) for one in edited["changes"]]
    assert (edited["actor"], created["what"]) == ("api-key", "created")
