"""Revenue targets: one of a seller, a group or all for each month and quarter."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.pipeline.handlers.keep_groups import remove_group
from shared.chassis.service import Service
from tests.integration.locks import waits
from tests.integration.pipeline.standing import problem, send, shown
from tests.integration.pipeline.test_user_groups import group, id_of

PATH = "/v1/revenue-targets"


async def target(api: httpx.AsyncClient, **said: Any) -> httpx.Response:
    return await api.post(PATH, json={"period": "2026-11", "amount": 100_000} | said)


async def listed(api: httpx.AsyncClient, **asked: Any) -> list[tuple[str, int]]:
    answer = await api.get(PATH, params=asked)
    assert answer.status_code == 200, answer.text
    return [(one["period"], one["amount"]) for one in answer.json()["items"]]


@pytest.mark.requirement("TS-30")
async def test_targets_are_of_a_seller_a_group_or_all_by_month_and_quarter(
    api: httpx.AsyncClient,
) -> None:
    group_id = id_of(await group(api))
    made = [
        await target(api, seller="anna.k"),
        await target(api, group_id=group_id, amount=2),
        await target(api, amount=3, currency="SEK"),
        await target(api, seller="anna.k", period="2026-Q4", amount=4),
    ]
    assert [one.status_code for one in made] == [201] * 4
    assert [one.json()["currency"] for one in made] == ["EUR", "EUR", "SEK", "EUR"]
    assert made[3].json()["first_day"] == "2026-10-01"
    assert await shown(api, made[0].headers["location"]) == made[0].json()
    assert await listed(api, seller="anna.k") == [("2026-11", 100_000), ("2026-Q4", 4)]
    assert await listed(api, group_id=group_id) == [("2026-11", 2)]
    assert await listed(api, of_all=True) == [("2026-11", 3)]
    assert await listed(api, kind="quarter") == [("2026-Q4", 4)]
    assert [amount for _, amount in await listed(api, period="2026-11")] == [100_000, 2, 3]
    first = (await api.get(PATH, params={"limit": 3})).json()
    assert await listed(api, limit=3, cursor=first["next"]) == [("2026-Q4", 4)]


@pytest.mark.parametrize("of", ["seller", "group", "all"])
async def test_there_is_one_of_a_subject_and_period(api: httpx.AsyncClient, of: str) -> None:
    who = {
        "seller": {"seller": "anna.k"},
        "group": {"group_id": id_of(await group(api))},
        "all": {},
    }[of]
    done = await asyncio.gather(*(target(api, **who) for _ in range(3)))
    assert sorted(answer.status_code for answer in done) == [201, 409, 409]
    refused = next(one for one in done if one.status_code == 409)
    assert problem(refused)[1] == "revenue_target_exists"
    assert "2026-11" in refused.json()["detail"]
    assert (await target(api, **who, period="2026-12")).status_code == 201


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("body.amount", {"amount": 0}),
        ("body.amount", {"amount": -1}),
        ("body.amount", {"amount": 10**15 + 1}),
        ("body.amount", {"amount": 1.5}),
        ("body.currency", {"currency": "euro"}),
        ("body.seller", {"seller": ""}),
        ("body.period", {"period": "2026-011"}),
        ("period", {"period": "2026-13"}),
        ("period", {"period": "2026-Q5"}),
        ("period", {"period": "1899-12"}),
        ("period", {"period": "2200-Q1"}),
        ("group_id", {"group_id": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"}),
        ("seller", {"seller": "anna.k", "group_id": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"}),
    ],
)
async def test_a_target_that_is_none_is_refused_by_field(
    api: httpx.AsyncClient, field: str, said: dict[str, Any]
) -> None:
    status, _, at_fault = problem(await target(api, **said))
    assert (status, at_fault) == (422, field)
    assert await listed(api) == []


async def test_a_target_is_changed_and_taken_back(api: httpx.AsyncClient) -> None:
    path = str((await target(api, seller="anna.k")).headers["location"])
    changed = await send(api, "PUT", path, {"amount": 5, "currency": "SEK"})
    assert changed.headers["etag"] == '"2"'
    assert (changed.json()["amount"], changed.json()["currency"]) == (5, "SEK")
    stale = await api.put(path, json={"amount": 6}, headers={"If-Match": '"1"'})
    assert problem(stale)[:2] == (412, "stale_version")
    assert problem(await api.delete(path, headers={"If-Match": '"1"'}))[1] == "stale_version"
    assert (await send(api, "DELETE", path)).json()["amount"] == 5
    assert problem(await api.get(path))[:2] == (404, "revenue_target_not_found")
    assert (await target(api, seller="anna.k")).status_code == 201, "there is room again"


async def test_a_group_with_a_target_stays(api: httpx.AsyncClient) -> None:
    path = await group(api, "North")
    made = await target(api, group_id=id_of(path))
    refused = await send(api, "DELETE", path)
    assert problem(refused)[:2] == (409, "user_group_in_use")
    assert refused.json()["revenue_targets"] == [made.json()["target_id"]]
    await send(api, "DELETE", made.headers["location"])
    assert (await send(api, "DELETE", path)).status_code == 200


async def test_no_target_is_set_for_a_group_that_just_goes(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    path = await group(api)
    async with pipeline.units() as unit:
        await remove_group(UUID(id_of(path)), unit, expected=1)
        setting = asyncio.create_task(target(api, group_id=id_of(path)))
        await waits(pipeline)
    assert problem(await setting) == (422, "invalid_field", "group_id")
