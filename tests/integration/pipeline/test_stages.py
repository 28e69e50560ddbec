"""Pipelines and their stages: what a stage may be, and what becomes of those who are on it."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.pipeline.handlers.pipeline_lists import PIPELINE_LISTS
from shared.chassis.service import Service
from shared.lists.save import SaveListValue, change_value
from shared.lists.store import find_values
from tests.integration.locks import waits
from tests.integration.pipeline.standing import (
    as_it_stands,
    changed,
    problem,
    send,
    shown,
    standing,
    told_of,
)
from tests.integration.pipeline.world import STAGE

FIRST, SECOND = STAGE["first-visit"], STAGE["second-visit"]
WON, LOST = STAGE["follow-up-call"], STAGE["lost-customer"]
SALES = 1


async def added(api: httpx.AsyncClient, path: str, **said: Any) -> int:
    answer = await api.post(f"/v1/{path}", json=said)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


async def stage(api: httpx.AsyncClient, **said: Any) -> int:
    return await added(
        api, "stages", **{"title": "Offer", "parent": SALES, "probability": 50} | said
    )


@pytest.mark.requirement("TS-A3", "TS-37")
@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("probability", {"probability": 120}),
        ("probability", {"probability": -1}),
        ("probability", {"outcome": "won", "probability": 40}),
        ("probability", {"outcome": "lost", "closed": True, "probability": 1}),
        ("probability", {"outcome": "expired", "closed": True, "probability": 100}),
        ("probability", {"outcome": "open"}),
        ("probability", {"outcome": "open", "probability": None}),
        ("closed", {"probability": 50, "closed": True}),
        ("closed", {"outcome": "lost"}),
        ("closed", {"outcome": "expired", "closed": False}),
        ("rejection", {"probability": 50, "rejection": 1}),
        ("rejection", {"outcome": "won", "rejection": 1}),
        ("rejection", {"outcome": "lost", "closed": True, "rejection": 99}),
        ("parent", {"probability": 50, "parent": None}),
        ("parent", {"probability": 50, "parent": 99}),
        ("members", {"probability": 50, "members": [99]}),
    ],
)
async def test_a_stage_that_contradicts_itself_is_refused_by_field(
    api: httpx.AsyncClient, field: str, said: dict[str, Any]
) -> None:
    refused = await api.post("/v1/stages", json={"title": "Offer", "parent": SALES} | said)
    assert problem(refused) == (422, "invalid_field", field)


@pytest.mark.requirement("TS-A3", "TS-A1")
@pytest.mark.parametrize(
    ("said", "probability"),
    [
        ({"outcome": "won"}, 100),
        ({"outcome": "won", "closed": True, "probability": 100}, 100),
        ({"outcome": "lost", "closed": True}, 0),
        ({"outcome": "expired", "closed": True, "probability": None}, 0),
        ({"probability": 0}, 0),
        ({"probability": 100}, 100),
    ],
)
async def test_the_probability_follows_from_the_outcome_and_nought_is_a_value(
    api: httpx.AsyncClient, said: dict[str, Any], probability: int
) -> None:
    made = await api.post("/v1/stages", json={"title": "Offer", "parent": SALES} | said)
    assert made.status_code == 201, made.text
    assert made.json()["probability"] == probability
    path = f"/v1/stages/{made.json()['number']}"
    assert (await changed(api, path, title="Other")).json()["probability"] == probability


@pytest.mark.requirement("TS-29", "TS-36", "TS-37")
async def test_a_second_pipeline_has_steps_of_its_own(api: httpx.AsyncClient) -> None:
    renewals = await added(api, "pipelines", title="Renewals")
    offer = await stage(api, parent=renewals, title="First visit", status="Talking")
    won = await stage(api, parent=renewals, outcome="won", title="Renewed", probability=None)
    moved = await changed(api, f"/v1/stages/{offer}", members=[won])
    assert moved.json()["members"] == [won]

    stages = {one["number"]: one for one in (await api.get("/v1/stages")).json()}
    assert [one for one, shown_ in stages.items() if shown_["parent"] == renewals] == [offer, won]
    assert stages[offer]["status"] == "Talking"
    foreign = await api.post(
        "/v1/stages",
        json={"title": "Foreign", "parent": SALES, "probability": 5, "members": [offer]},
    )
    assert problem(foreign) == (422, "invalid_field", "members")
    gone = await changed(api, f"/v1/stages/{won}", parent=SALES)
    assert problem(gone) == (422, "invalid_field", "parent"), "another stage may move to it"


@pytest.mark.requirement("TS-36")
async def test_one_pipeline_and_one_only_is_the_default(api: httpx.AsyncClient) -> None:
    other = await added(api, "pipelines", title="Renewals", default=True)
    defaults = {one["number"]: one["default"] for one in (await api.get("/v1/pipelines")).json()}
    assert defaults == {SALES: False, other: True}
    for refused in (
        await changed(api, f"/v1/pipelines/{other}", default=False),
        await send(api, "DELETE", f"/v1/pipelines/{other}"),
    ):
        assert problem(refused)[:2] == (409, "default_needed")


@pytest.mark.requirement("TS-A1", "TS-37")
@pytest.mark.parametrize("deleted", [False, True])
async def test_what_became_of_those_on_a_stage_does_not_change_under_them(
    pipeline: Service, api: httpx.AsyncClient, deleted: bool
) -> None:
    held = await standing(pipeline, SECOND, deleted=deleted)
    renewals = await added(api, "pipelines", title="Renewals")
    for said in ({"outcome": "won", "probability": None}, {"parent": renewals}):
        refused = await changed(api, f"/v1/stages/{SECOND}", **said)
        assert problem(refused)[:2] == (409, "list_value_in_use")
        assert refused.json()["count"] == 1
    assert (await as_it_stands(pipeline, held)).outcome == "open"

    for said in ({"outcome": "won", "probability": None}, {"parent": renewals}):
        assert (await changed(api, f"/v1/stages/{FIRST}", **said)).status_code == 200, "is empty"


@pytest.mark.requirement("TS-A4", "TS-37")
async def test_those_on_a_stage_take_over_its_new_probability(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    follows = await standing(pipeline, FIRST)
    deleted = await standing(pipeline, FIRST, deleted=True)
    by_hand = await standing(pipeline, FIRST, manual=35)
    elsewhere = await standing(pipeline, SECOND)

    assert (await changed(api, f"/v1/stages/{FIRST}", probability=40)).status_code == 200

    row = await as_it_stands(pipeline, follows)
    assert (row.probability, row.probability_source, row.version) == (40, "stage", 2)
    assert await told_of(pipeline, follows) == ["pipeline.opportunity-saved.v1"]
    assert (await as_it_stands(pipeline, deleted)).probability == 40
    for other, probability in ((by_hand, 35), (elsewhere, 65)):
        row = await as_it_stands(pipeline, other)
        assert (row.probability, row.version) == (probability, 1)
        assert await told_of(pipeline, other) == []

    assert (await changed(api, f"/v1/stages/{FIRST}", title="Visit")).status_code == 200
    assert (await as_it_stands(pipeline, follows)).version == 2, "nothing of it has changed"


@pytest.mark.requirement("TS-A1")
async def test_those_on_a_won_stage_take_over_its_closed_bit(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    won = await standing(pipeline, WON)
    assert (await changed(api, f"/v1/stages/{WON}", closed=True)).status_code == 200
    row = await as_it_stands(pipeline, won)
    assert (row.closed, row.outcome, row.probability, row.version) == (True, "won", 100, 2)
    assert await told_of(pipeline, won) == ["pipeline.opportunity-saved.v1"]


@pytest.mark.requirement("TS-36")
async def test_a_stage_with_opportunities_goes_only_if_they_go_elsewhere(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    follows, by_hand = await standing(pipeline, FIRST), await standing(pipeline, FIRST, manual=70)
    path = f"/v1/stages/{FIRST}"

    refused = await send(api, "DELETE", path)

    assert problem(refused)[:2] == (409, "list_value_in_use")
    assert (refused.json()["count"], refused.json()["held_by"]) == (2, "opportunity")
    assert refused.json()["blockers"] == sorted([str(follows), str(by_hand)])
    renewals = await added(api, "pipelines", title="Renewals")
    foreign = await stage(api, parent=renewals)
    for other in (foreign, WON):
        answer = await send(api, "DELETE", path, move_to=other)
        assert problem(answer) == (422, "invalid_field", "move_to")
    before = await as_it_stands(pipeline, follows)

    done = await send(api, "DELETE", path, move_to=SECOND)

    assert done.json() == {"archived": False, "moved_opportunities": 2}
    row = await as_it_stands(pipeline, follows)
    assert (row.number, row.probability, row.version) == (SECOND, 65, 2)
    assert row.entered_at > before.entered_at
    kept = await as_it_stands(pipeline, by_hand)
    assert (kept.number, kept.probability, kept.probability_source) == (SECOND, 70, "manual")
    for one in (follows, by_hand):
        assert await told_of(pipeline, one) == ["pipeline.opportunity-saved.v1"]


@pytest.mark.requirement("TS-36")
async def test_nobody_comes_to_a_stage_that_asks_for_more_because_his_own_goes(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    offer = await stage(api, requires_value=True, requires_seller=True)
    lacking = await standing(pipeline, FIRST)
    await standing(pipeline, FIRST, deleted=True)
    path = f"/v1/stages/{FIRST}"

    refused = await send(api, "DELETE", path, move_to=offer)

    assert problem(refused) == (422, "invalid_field", "move_to")
    assert refused.json()["detail"].endswith("lack: sellers (1)"), (
        "the deleted one is asked nothing"
    )
    assert (await as_it_stands(pipeline, lacking)).number == FIRST
    async with pipeline.engine.begin() as connection:
        await connection.execute(
            text("UPDATE opportunity SET sellers = '{a}', weights = '{100}' WHERE true")
        )
    assert (await send(api, "DELETE", path, move_to=offer)).status_code == 200


@pytest.mark.requirement("TS-36")
async def test_a_stage_that_only_deleted_opportunities_hold_is_archived(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    await standing(pipeline, FIRST, deleted=True)
    done = await send(api, "DELETE", f"/v1/stages/{FIRST}")
    assert done.json() == {"archived": True, "moved_opportunities": 0}


@pytest.mark.requirement("TS-36")
async def test_a_pipeline_keeps_an_open_stage_as_long_as_it_has_any(
    api: httpx.AsyncClient,
) -> None:
    renewals = await added(api, "pipelines", title="Renewals")
    offer = await stage(api, parent=renewals)
    won = await stage(api, parent=renewals, title="Won", outcome="won", probability=None)
    path = f"/v1/stages/{offer}"
    for refused in (
        await send(api, "DELETE", path),
        await changed(api, path, archived=True),
        await changed(api, path, outcome="won", probability=None),
        await changed(api, path, parent=SALES),
    ):
        assert problem(refused)[:2] == (409, "list_value_in_use")
        assert refused.json()["blockers"] == ["Won"]
    for number in (won, offer):
        assert (await send(api, "DELETE", f"/v1/stages/{number}")).status_code == 200
    assert (await send(api, "DELETE", f"/v1/pipelines/{renewals}")).status_code == 200


@pytest.mark.requirement("TS-36")
async def test_a_stage_to_which_alone_another_may_move_stays(api: httpx.AsyncClient) -> None:
    offer = await stage(api)
    assert (await changed(api, f"/v1/stages/{FIRST}", members=[offer])).status_code == 200

    alone = await send(api, "DELETE", f"/v1/stages/{offer}")
    into = await send(api, "DELETE", f"/v1/stages/{offer}", move_to=FIRST)

    assert problem(alone)[:2] == (409, "list_value_in_use")
    assert problem(into) == (422, "invalid_field", "move_to")
    assert (await send(api, "DELETE", f"/v1/stages/{offer}", move_to=SECOND)).status_code == 200
    assert (await shown(api, f"/v1/stages/{FIRST}"))["members"] == [SECOND]


@pytest.mark.requirement("TS-36")
async def test_a_stage_that_names_itself_beside_another_does_not_lose_that_one(
    api: httpx.AsyncClient,
) -> None:
    offer = await stage(api)
    path = f"/v1/stages/{FIRST}"
    assert (await changed(api, path, members=[offer, FIRST])).status_code == 200
    alone = await send(api, "DELETE", f"/v1/stages/{offer}")
    into = await send(api, "DELETE", f"/v1/stages/{offer}", move_to=FIRST)
    assert problem(alone)[:2] == (409, "list_value_in_use")
    assert problem(into) == (422, "invalid_field", "move_to")


@pytest.mark.requirement("TS-29")
async def test_a_pipeline_in_use_is_not_merged_and_an_unused_one_is(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    renewals, empty = [await added(api, "pipelines", title=one) for one in ("Renewals", "Empty")]
    offer = await stage(api, parent=renewals)
    path = f"/v1/pipelines/{renewals}"
    held = await standing(pipeline, offer)
    inside = await send(api, "DELETE", path)
    merged = await send(api, "DELETE", path, move_to=SALES)
    assert problem(inside)[:2] == (409, "list_value_in_use")
    assert inside.json()["blockers"] == [str(held)]
    assert problem(merged) == (422, "invalid_field", "move_to")

    quote = await stage(api, parent=empty, title="Quote")
    assert (await send(api, "DELETE", f"/v1/pipelines/{empty}", move_to=renewals)).is_success
    assert (await shown(api, f"/v1/stages/{quote}"))["parent"] == renewals


@pytest.mark.requirement("TS-35", "TS-39")
async def test_reasons_types_and_sources_that_are_held_move_with_their_opportunities(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    lost = await standing(pipeline, LOST)
    async with pipeline.engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE opportunity SET rejection = (SELECT key FROM list_value "
                "WHERE list = 'rejection_reason' AND number = 1)"
            )
        )
    path = "/v1/rejection-reasons/1"
    assert problem(await send(api, "DELETE", path))[:2] == (409, "list_value_in_use")
    assert (await send(api, "DELETE", path, move_to=3)).json()["moved_opportunities"] == 1
    assert await told_of(pipeline, lost) == ["pipeline.opportunity-saved.v1"]
    usage = {
        one["number"]: one["opportunities"]
        for one in (await api.get("/v1/rejection-reasons/usage")).json()
    }
    assert usage[3] == 1
    named = await send(api, "DELETE", "/v1/rejection-reasons/2")
    assert problem(named)[:2] == (409, "list_value_in_use"), "a stage pre-fills it"


@pytest.mark.requirement("TS-A1")
async def test_a_stage_changes_its_outcome_before_or_after_somebody_enters_never_between(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    async with pipeline.units() as entering:
        await find_values(entering.connection, [("stage", FIRST)])
        change = asyncio.create_task(
            changed(api, f"/v1/stages/{FIRST}", outcome="won", probability=None)
        )
        await waits(pipeline)
        await entering.connection.execute(
            text(
                "INSERT INTO customer (customer_id, version) "
                "VALUES ('01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10', 1)"
            )
        )
        await entering.connection.execute(
            text(
                "INSERT INTO opportunity (opportunity_id, version, customer_id, name, value, "
                "currency, expected_close, pipeline, stage, outcome, closed, entered_at, "
                "probability, probability_source, position, created_at, updated_at) "
                "SELECT '01997c5e-7a52-7d43-9f6a-3b1c5e8f2a11', 1, "
                "'01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10', 'N', 1, 'EUR', '2026-12-31', parent, key, "
                "'open', false, now(), 35, 'stage', 1, now(), now() "
                "FROM list_value WHERE list = 'stage' AND number = :first"
            ),
            {"first": FIRST},
        )
    assert problem(await change)[:2] == (409, "list_value_in_use")


@pytest.mark.requirement("TS-A4")
async def test_who_enters_a_stage_that_is_just_changed_sees_what_it_became(
    pipeline: Service, api: httpx.AsyncClient
) -> None:
    async def entered() -> Any:
        async with pipeline.units() as unit:
            found = await find_values(unit.connection, [("stage", FIRST)])
            return found["stage", FIRST].facts["probability"]

    async with pipeline.units() as changing:
        said = SaveListValue("First visit", parent=SALES, facts={"probability": 44})
        await change_value(PIPELINE_LISTS, "stage", FIRST, said, changing, expected=1)
        entering = asyncio.create_task(entered())
        await waits(pipeline)
    assert await entering == 44
