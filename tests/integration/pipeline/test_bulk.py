"""Many opportunities move at once: all of them or none, and rehearsed if asked."""

import asyncio
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import text

from services.pipeline.domain import bulk
from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.opportunity import Rules
from services.pipeline.handlers.move_opportunity import (
    Move,
    move_opportunity,
    settle_opportunity,
)
from services.pipeline.persistence.opportunities import fetch_opportunities
from shared.chassis.service import Service
from tests.integration.locks import waits
from tests.integration.pipeline.selling import PATH, done, recorded, told
from tests.integration.pipeline.world import World

MOVES = "/v1/opportunity-moves"


async def three(api: httpx.AsyncClient, world: World) -> list[dict[str, Any]]:
    customer = str(await world.customer())
    return [
        await recorded(api, customer_id=customer, name=name, expected_close="2099-01-31")
        for name in "abc"
    ]


async def standing(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await api.get(PATH, params={"sort": "created"})).json()["items"])


@pytest.mark.requirement("TS-29", "TS-31")
async def test_all_that_match_change_in_one_operation(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    made = await three(api, world)
    await done(api, made[1], "stage", stage=2)
    to = {"stage": 2, "seller": "anna.k", "shift_days": 28}
    answer = await api.post(MOVES, json={"filter": {"outcome": ["open"]}, "to": to})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert sorted(body["changed"]) == [one["opportunity_id"] for one in made]
    assert (body["unchanged"], body["refused"], body["dry_run"]) == ([], [], False)
    for row in await standing(api):
        assert (row["stage"]["number"], row["expected_close"]) == (2, "2099-02-28")
        assert row["sellers"] == [{"seller": "anna.k", "weight": 100}]
    cards = (await api.get("/v1/opportunity-board/2")).json()["items"]
    assert [one["name"] for one in cards] == ["b", "a", "c"], "behind those that are there"
    history = (await api.get(f"{PATH}/{made[0]['opportunity_id']}/history")).json()["items"]
    assert history[0]["operation_id"] == body["operation_id"]
    kinds = [kind for kind, _ in await told(pipeline, made[0]["opportunity_id"])]
    assert kinds == ["saved", "stage-changed", "saved", "stage-changed"]


async def test_a_rehearsal_tells_all_and_changes_nothing(
    api: httpx.AsyncClient, world: World
) -> None:
    made = await three(api, world)
    await done(api, made[0], "win")
    await done(api, made[1], "stage", stage=2)
    before = await standing(api)
    ids = [one["opportunity_id"] for one in made]
    wanted = {"opportunity_ids": ids, "to": {"shift_days": 1}}
    body = (await api.post(MOVES, json={**wanted, "dry_run": True})).json()
    assert (sorted(body["changed"]), body["operation_id"]) == (ids[1:], None)
    (refused,) = body["refused"]
    assert refused["opportunity_id"] == ids[0]
    assert "shift_days" in refused["reason"] and refused["remedy"]
    answer = await api.post(MOVES, json=wanted)
    assert (answer.status_code, answer.json()["slug"]) == (409, "not_all_can_move")
    assert ids[0] in answer.text
    assert await standing(api) == before
    only = (await api.post(MOVES, json={"opportunity_ids": ids, "to": {"stage": 2}})).json()
    assert only["unchanged"] == [ids[1]] and sorted(only["changed"]) == [ids[0], ids[2]]


@pytest.mark.requirement("TS-A2")
async def test_many_are_lost_for_one_reason(api: httpx.AsyncClient, world: World) -> None:
    await three(api, world)
    to = {"stage": 5, "rejection": 1}
    answer = await api.post(MOVES, json={"filter": {"stage": [1]}, "to": to})
    assert answer.status_code == 200, answer.text
    assert {(one["outcome"], one["rejection"]["number"]) for one in await standing(api)} == {
        ("lost", 1)
    }


async def test_who_no_longer_matches_once_he_is_held_is_left_alone(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    """Or a bulk move of open ones would take back what somebody wins at that moment."""
    ids = [one["opportunity_id"] for one in await three(api, world)]
    rules = Rules(ZoneInfo("UTC"), "EUR", reason_required=True)
    async with pipeline.units() as unit:
        await settle_opportunity(UUID(ids[0]), Outcome.WON, Move(), unit, rules, expected=1)
        body = {"filter": {"outcome": ["open"]}, "to": {"stage": 2}}
        moving = asyncio.create_task(api.post(MOVES, json=body))
        await waits(pipeline)
    moved = (await moving).json()
    assert sorted(moved["changed"]) == ids[1:]
    assert [one["outcome"] for one in await standing(api)] == ["won", "open", "open"]


async def test_who_has_just_come_to_a_new_stage_is_refused_until_that_is_known(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    ids = [one["opportunity_id"] for one in await three(api, world)]
    rules = Rules(ZoneInfo("UTC"), "EUR", reason_required=True)
    body = {"opportunity_ids": ids, "to": {"seller": "anna.k"}}
    async with pipeline.units() as unit:
        await fetch_opportunities(unit.connection, [UUID(ids[0])], lock=True)
        moving = asyncio.create_task(api.post(MOVES, json=body))
        await waits(pipeline)
        new = {"title": "New", "parent": 1, "order": 99, "probability": 5}
        stage = (await api.post("/v1/stages", json=new)).json()["number"]
        await move_opportunity(UUID(ids[0]), Move(stage), unit, rules, expected=1)
    refused = await moving
    assert (refused.status_code, refused.json()["blockers"]) == (409, ids[:1])
    assert (await api.post(MOVES, json=body)).status_code == 200


@pytest.mark.requirement("TS-36")
async def test_a_seller_who_comes_along_is_there_when_the_stage_asks_for_one(
    api: httpx.AsyncClient, world: World
) -> None:
    asking = {"title": "Offer", "parent": 1, "order": 99, "probability": 70}
    asking["requires_seller"] = True
    stage = (await api.post("/v1/stages", json=asking)).json()["number"]
    made = await three(api, world)
    wanted = {"opportunity_ids": [one["opportunity_id"] for one in made]}
    refused = await api.post(MOVES, json={**wanted, "to": {"stage": stage}})
    assert (refused.status_code, refused.json()["count"]) == (409, 3)
    moved = await api.post(MOVES, json={**wanted, "to": {"stage": stage, "seller": "anna.k"}})
    assert moved.status_code == 200, moved.text
    assert {one["stage"]["number"] for one in await standing(api)} == {stage}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"to": {"stage": 2}}, "opportunity_ids"),
    ({"filter": {}, "to": {"stage": 2}}, "filter"),
    ({"filter": {"stage": []}, "to": {"stage": 2}}, "filter"),
    ({"filter": {"stage": [1]}, "to": {}}, "to"),
    ({"filter": {"stage": [1]}, "to": {"rejection": 1, "seller": "a"}}, "to.stage"),
    ({"filter": {"stage": [1]}, "to": {"pipeline": 1, "seller": "a"}}, "to.stage"),
    ({"filter": {"stage": [1]}, "to": {"shift_days": 4000}}, "shift_days"),
    ({"filter": {"stage": [1], "colour": 1}, "to": {"stage": 2}}, "colour"),
    ({"opportunity_ids": [], "to": {"stage": 2}}, "opportunity_ids"),
    (
        {
            "opportunity_ids": ["01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"],
            "filter": {"stage": [1]},
            "to": {"stage": 2},
        },
        "opportunity_ids",
    ),
]


@pytest.mark.parametrize(("body", "field"), BAD)
async def test_what_cannot_be_asked_is_refused_by_field(
    api: httpx.AsyncClient, world: World, body: dict[str, Any], field: str
) -> None:
    await three(api, world)
    answer = await api.post(MOVES, json=body)
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["errors"][0]["field"] and answer.json()["remedy"]
    assert {one["version"] for one in await standing(api)} == {1}


async def test_unknown_and_deleted_ones_and_too_many_are_refused(
    api: httpx.AsyncClient, world: World, pipeline: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await three(api, world)
    ids = [one["opportunity_id"] for one in made]
    await api.delete(f"{PATH}/{ids[0]}", headers={"If-Match": '"1"'})
    for one in (ids[0], "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"):
        body = {"opportunity_ids": [one, ids[1]], "to": {"stage": 2}}
        assert (await api.post(MOVES, json=body)).status_code == 404
    monkeypatch.setattr("services.pipeline.handlers.move_many.AT_MOST", 1)
    answer = await api.post(MOVES, json={"filter": {"stage": [1]}, "to": {"stage": 2}})
    assert (answer.status_code, answer.json()["slug"]) == (422, bulk.TooMany.slug)
    async with pipeline.engine.connect() as connection:
        moved = await connection.execute(text("SELECT count(*) FROM history"))
        assert moved.scalar_one() == 1, "the deletion only"
