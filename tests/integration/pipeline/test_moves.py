"""Opportunities go through the process: moved, won, lost, expired, reopened (TS-29, TS-36)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.pipeline import bootstrap
from services.pipeline.handlers.pipeline_lists import PIPELINE_LISTS
from services.pipeline.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.service import Service
from shared.lists.delete import delete_value
from shared.lists.save import SaveListValue, change_value, create_value
from tests.integration.locks import waits
from tests.integration.pipeline.conftest import KEY, client_of
from tests.integration.pipeline.selling import PATH, changed, did, done, recorded, told
from tests.integration.pipeline.world import STAGE, World


async def another(api: httpx.AsyncClient, path: str, **said: Any) -> int:
    """Add a value at the end of a list; return its number."""
    answer = await api.post(f"/v1/{path}", json={"order": 99, **said})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


@pytest.mark.requirement("TS-29", "TS-36", "TS-37", "TS-38", "TS-A1")
async def test_the_example_of_the_manual_is_gone_through(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    made = await recorded(api, customer_id=str(await world.customer()), value=100_000)
    standing = made
    for stage, probability in (("first-visit", 35), ("second-visit", 65), ("follow-up-call", 100)):
        standing = await done(api, standing, "stage", stage=STAGE[stage])
        assert (standing["stage"], standing["probability"]) == (STAGE[stage], probability)
    assert (standing["outcome"], standing["closed"]) == ("won", False)
    assert standing["closed_on"] is not None
    kinds = [kind for kind, _ in await told(pipeline, made["opportunity_id"])]
    assert kinds == [*["saved", "stage-changed"] * 4, "closed"]
    _, closed = (await told(pipeline, made["opportunity_id"]))[-1]
    assert (closed["outcome"], closed["value"]) == ("won", "1000.00")
    assert closed["closed_on"] == standing["closed_on"]


@pytest.mark.requirement("TS-A1", "TS-A2", "TS-A3")
async def test_won_lost_expired_and_opened_again(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    made = await recorded(api, customer_id=str(await world.customer()), probability=80)
    yesterday = str((datetime.now(UTC) - timedelta(days=1)).date())
    won = await done(api, made, "win", closed_on=yesterday)
    assert (won["stage"], won["probability"], won["closed_on"]) == (4, 100, yesterday)
    assert (await did(api, won, "win")).json()["slug"] == "opportunity_settled"
    lost = await done(api, won, "loss")
    assert (lost["stage"], lost["probability"], lost["rejection"]) == (5, 0, 2)
    assert lost["closed_on"] > yesterday
    reason = (await changed(api, lost, rejection=1)).json()
    assert reason["rejection"] == 1 and reason["closed_on"] == lost["closed_on"]
    expired = await done(api, reason, "expiry")
    assert (expired["outcome"], expired["rejection"]) == ("expired", None)
    opened = await done(api, expired, "reopening", stage=STAGE["second-visit"])
    assert (opened["probability"], opened["probability_source"]) == (65, "stage")
    assert opened["closed_on"] is None
    words = [
        (data["outcome"], data["version"])
        for kind, data in await told(pipeline, made["opportunity_id"])
        if kind == "closed"
    ]
    assert words == [("won", 2), ("lost", 3), ("expired", 5), ("open", 6)]


@pytest.mark.requirement("TS-A2")
async def test_without_a_reason_nothing_is_lost_unless_that_is_switched_off(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    lost = await another(
        api, "stages", title="Gone", parent=1, probability=0, outcome="lost", closed=True
    )
    made = await recorded(api, customer_id=str(await world.customer()))
    refused = await did(api, made, "loss", stage=lost)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "rejection"
    assert "rejection-reasons" in refused.json()["remedy"]
    url = pipeline.engine.url.render_as_string(hide_password=False)
    settings = Settings(
        database_url=url, broker_url="amqp://unused", api_key=KEY, rejection_required=False
    )
    lenient = bootstrap.build(settings, InProcessBus())
    async with client_of(lenient) as other:
        gone = await done(other, made, "loss", stage=lost)
    assert (gone["outcome"], gone["rejection"]) == ("lost", None)
    await lenient.engine.dispose()


@pytest.mark.requirement("TS-36")
async def test_a_stage_leads_only_where_it_says(api: httpx.AsyncClient, world: World) -> None:
    narrow = await another(
        api, "stages", title="Narrow", parent=1, probability=5, members=[STAGE["first-visit"]]
    )
    made = await recorded(api, customer_id=str(await world.customer()), stage=narrow)
    for answer in (
        await did(api, made, "stage", stage=STAGE["second-visit"]),
        await changed(api, made, stage=STAGE["second-visit"]),
        await did(api, made, "win", stage=STAGE["follow-up-call"]),
    ):
        assert (answer.status_code, answer.json()["slug"]) == (409, "move_not_allowed")
    assert (await did(api, made, "win")).json()["slug"] == "no_such_stage"
    moved = await done(api, made, "stage", stage=STAGE["first-visit"])
    assert moved["stage"] == STAGE["first-visit"]


@pytest.mark.requirement("TS-36")
async def test_a_stage_asks_for_fields_of_whoever_enters(
    api: httpx.AsyncClient, world: World
) -> None:
    flags = ("requires_value", "requires_seller", "requires_contact", "requires_type")
    asking = await another(
        api,
        "stages",
        title="Offer",
        parent=1,
        probability=70,
        requires_source=True,
        **dict.fromkeys(flags, True),
    )
    made = await recorded(api, customer_id=str(await world.customer()))
    refused = await did(api, made, "stage", stage=asking)
    assert refused.status_code == 422
    for word in ("Offer", "value", "sellers", "contacts", "type", "source"):
        assert word in refused.json()["detail"]
    said = {
        "value": 1,
        "sellers": [{"seller": "anna.k"}],
        "contacts": [str(await world.contact())],
        "type": 1,
        "source": 1,
    }
    moved = await changed(api, made, stage=asking, **said)
    assert moved.status_code == 200, moved.text
    emptied = await changed(api, moved.json(), **{**said, "value": 0})
    assert emptied.json()["errors"][0]["field"] == "value"


@pytest.mark.requirement("TS-29")
async def test_another_pipeline_is_entered_by_its_name_only(
    api: httpx.AsyncClient, world: World
) -> None:
    service = await another(api, "pipelines", title="Service")
    stage = await another(api, "stages", title="Asked", parent=service, probability=50)
    made = await recorded(api, customer_id=str(await world.customer()))
    for answer in (
        await did(api, made, "stage", stage=stage),
        await changed(api, made, stage=stage),
        await api.post(
            PATH,
            json={
                "customer_id": made["customer_id"],
                "name": "Lift",
                "expected_close": "2099-01-01",
                "stage": stage,
            },
        ),
    ):
        assert answer.status_code == 422
        problem = answer.json()["errors"][0]
        assert problem["field"] == "stage" and "another pipeline" in problem["reason"]
        assert problem["remedy"]
    moved = await done(api, made, "stage", stage=stage, pipeline=service)
    assert (moved["pipeline"], moved["stage"], moved["probability"]) == (service, stage, 50)
    assert (await did(api, moved, "win")).json()["slug"] == "no_such_stage"
    back = (await changed(api, moved, pipeline=1)).json()
    assert (back["pipeline"], back["stage"]) == (1, 1)
    direct = await recorded(api, customer_id=made["customer_id"], pipeline=service)
    assert direct["stage"] == stage


async def test_of_two_moves_at_once_one_is_told_so(api: httpx.AsyncClient, world: World) -> None:
    made = await recorded(api, customer_id=str(await world.customer()))
    answers = await asyncio.gather(
        *(did(api, made, "stage", stage=number) for number in (2, 3, 2, 3))
    )
    assert sorted(one.status_code for one in answers) == [200, 412, 412, 412]
    (won,) = [one.json() for one in answers if one.status_code == 200]
    assert (await api.get(f"{PATH}/{made['opportunity_id']}")).json() == won


async def test_a_stage_that_changes_meanwhile_is_waited_for(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    """Outcome and probability are copied, so a move must not see the stage as it was."""
    made = await recorded(api, customer_id=str(await world.customer()))
    async with pipeline.engine.begin() as connection:
        await connection.execute(
            text("SELECT FROM list_value WHERE list = 'stage' AND number = 2 FOR UPDATE")
        )
        moving = asyncio.create_task(did(api, made, "stage", stage=2))
        await waits(pipeline)
        await connection.execute(
            text(
                "UPDATE list_value SET facts = facts || '{\"probability\": 42}' "
                "WHERE list = 'stage' AND number = 2"
            )
        )
    assert (await moving).json()["probability"] == 42


@pytest.mark.requirement("TS-A2")
async def test_the_reason_that_a_stage_brings_is_kept_like_one_that_is_said(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    """Whoever loses while it is merged into another has that one: no reason goes from under him."""
    made = await recorded(api, customer_id=str(await world.customer()))
    async with pipeline.units() as unit:
        await delete_value(PIPELINE_LISTS, "rejection_reason", 2, unit, expected=1, move_to=1)
        losing = asyncio.create_task(did(api, made, "loss"))
        await waits(pipeline)
    lost = await losing
    assert lost.status_code == 200, lost.text
    assert lost.json()["rejection"] == 1


async def test_the_default_pipeline_is_found_while_another_becomes_it(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    customer = str(await world.customer())
    async with pipeline.engine.begin() as connection:
        await connection.execute(text("SELECT FROM list_value ORDER BY key LIMIT 1 FOR UPDATE"))
        recording = asyncio.create_task(recorded(api, customer_id=customer, stage=None))
        await waits(pipeline)
        async with pipeline.units() as unit:
            said = SaveListValue("Renewals", facts={"default": True})
            renewals = await create_value(PIPELINE_LISTS, "pipeline", said, unit)
            asked = SaveListValue("Asked", parent=renewals, facts={"probability": 50})
            await create_value(PIPELINE_LISTS, "stage", asked, unit)
            other = SaveListValue("Sales no more", facts={"default": False})
            await change_value(PIPELINE_LISTS, "pipeline", 1, other, unit, expected=2)
    assert (await recording)["pipeline"] == renewals


@pytest.mark.parametrize("what", ["deletion", "restoration"])
async def test_who_goes_or_comes_back_waits_for_the_process_before_he_is_held(
    api: httpx.AsyncClient, world: World, pipeline: Service, what: str
) -> None:
    """Whoever changes a stage holds it and then those on it; the other way round, both wait."""
    made = await recorded(api, customer_id=str(await world.customer()))
    path = f"{PATH}/{made['opportunity_id']}"
    if what == "restoration":
        await api.delete(path, headers={"If-Match": '"1"'})
    async with pipeline.engine.begin() as connection:
        await connection.execute(
            text("SELECT FROM list_value WHERE list = 'stage' AND number = 1 FOR UPDATE")
        )
        ask = (
            api.delete(path, headers={"If-Match": '"1"'})
            if what == "deletion"
            else api.post(f"{path}/restore", headers={"If-Match": '"2"'})
        )
        going = asyncio.create_task(ask)
        await asyncio.wait(
            {going, waiting := asyncio.create_task(waits(pipeline))},
            return_when=asyncio.FIRST_COMPLETED,
        )
        assert waiting.done(), "it did not wait"
        await connection.execute(text("SELECT FROM opportunity FOR NO KEY UPDATE NOWAIT"))
    assert (await going).status_code == 200
