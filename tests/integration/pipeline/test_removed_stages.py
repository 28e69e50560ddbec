"""What was on a stage that is removed by now was there: its past keeps the name it had."""

from datetime import date, timedelta

import httpx
import pytest

from services.pipeline.domain.lists import LISTS, STAGE
from shared.chassis.service import Service
from tests.integration.pipeline.rows_asof import BEGIN, Rows
from tests.integration.pipeline.standing import send
from tests.integration.pipeline.world import World

DAY = timedelta(days=1)
DAYS = {"since": "2026-01-01", "until": "2026-01-31"}
STAGES = f"/v1/{LISTS[STAGE].path}"


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows.begin(pipeline, await world.customer())


@pytest.mark.requirement("TS-29", "TS-31")
async def test_the_past_of_a_removed_stage_stays_in_all_that_tells_of_it(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    one = await rows.add(BEGIN, "phone-call", expected_close=date(2026, 2, 1))
    await rows.change(BEGIN + DAY, one, stage="first-visit")
    await rows.change(BEGIN + 2 * DAY, one, expected_close=date(2026, 2, 11))
    await rows.change(BEGIN + 3 * DAY, one, stage="lost-customer", closed_on=date(2026, 1, 8))
    answer = await send(api, "DELETE", f"{STAGES}/2")
    assert answer.status_code == 200, answer.text

    answer = await api.get(
        "/v1/forecasts/as-of",
        params={"at": (BEGIN + DAY).isoformat(), "from": "2026-01", "to": "2026-03", "by": "stage"},
    )
    (line,) = answer.json()["lines"]
    assert (line["by"], line["label"]) == ("2", "First visit")

    answer = await api.get(f"/v1/opportunities/{one}/stage-times")
    assert [stage["stage"] for stage in answer.json()["stages"]] == [5, 2, 1]

    answer = await api.get("/v1/pipeline-reports/funnel", params=DAYS)
    ways = {
        stage["stage"]: [(way["stage"], way["title"]) for way in stage["went_on"]]
        for stage in answer.json()["stages"]
    }
    assert ways == {1: [(2, "First visit")], 2: [(5, "Lost customer")], 5: [(None, None)]}

    answer = await api.get("/v1/pipeline-reports/calibration", params=DAYS)
    lines = answer.json()["lines"]
    assert [(one["stage"], one["said"], one["probability"]) for one in lines] == [
        (1, 15, 15),
        (2, 35, 35),
    ]

    answer = await api.get("/v1/pipeline-reports/slippage", params={**DAYS, "by": "stage"})
    assert [(one["stage"], one["days"]) for one in answer.json()["lines"]] == [(2, 10)]
