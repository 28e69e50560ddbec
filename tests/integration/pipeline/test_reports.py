"""Reports on the sales process: funnel, velocity, ageing, slippage, outcomes, time in stages."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.pipeline.rows_asof import BEGIN, Rows
from tests.integration.pipeline.world import World

DAY = timedelta(days=1)
RANGE = {"since": "2026-01-01", "until": "2026-01-31"}
REPORTS = ("calibration", "funnel", "velocity", "ageing", "slippage", "outcomes")


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows.begin(pipeline, await world.customer())


async def report(api: httpx.AsyncClient, name: str, **asked: Any) -> list[dict[str, Any]]:
    params = asked if name == "ageing" else {**RANGE, **asked}
    answer = await api.get(f"/v1/pipeline-reports/{name}", params=params)
    assert answer.status_code == 200, answer.text
    (lines,) = answer.json().values()
    found: list[dict[str, Any]] = lines
    return found


def ways(stage: dict[str, Any]) -> dict[int | None, int]:
    return {one["stage"]: one["opportunities"] for one in stage["went_on"]}


@pytest.mark.requirement("TS-29", "TS-31")
async def test_the_funnel_tells_who_entered_a_stage_and_went_on_to_which(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    one, two, three = [await rows.add(BEGIN) for _ in range(3)]
    await rows.change(BEGIN + DAY, one, two, stage="first-visit")
    # The name is no step, and whoever comes again is there once, as he was the last time.
    await rows.change(BEGIN + DAY, one, name="Renamed")
    await rows.change(BEGIN + 2 * DAY, two, stage="phone-call")
    await rows.change(BEGIN + 3 * DAY, two, stage="lost-customer")
    await rows.change(BEGIN + 3 * DAY, one, stage="follow-up-call")
    gone = await rows.add(BEGIN)
    await rows.change(BEGIN + DAY, gone, deleted_at=BEGIN + DAY)
    late = await rows.add(datetime(2026, 1, 31, 21, 59, tzinfo=UTC))
    await rows.add(datetime(2026, 1, 31, 22, 0, tzinfo=UTC))

    stages = {one["stage"]: one for one in await report(api, "funnel")}
    assert {key: (one["entered"], one["won"]) for key, one in stages.items()} == {
        1: (4, 1),
        2: (2, 1),
        4: (1, 1),
        5: (1, 0),
    }
    assert ways(stages[1]) == {2: 1, 5: 1, None: 2}
    assert ways(stages[2]) == {1: 1, 4: 1}
    assert ways(stages[5]) == {None: 1}
    assert stages[1]["won_percent"] == 25.0
    assert stages[1]["title"] == "Phone call"
    await rows.change(BEGIN + 4 * DAY, late, three, sellers=["ville.s"], weights=[100])
    assert [
        (one["stage"], one["entered"]) for one in await report(api, "funnel", seller="ville.s")
    ] == [(1, 2)]
    assert await report(api, "funnel", pipeline=1) == list(stages.values())
    assert await report(api, "funnel", until="2026-01-04", since="2026-01-01") == []


@pytest.mark.requirement("TS-30", "TS-31")
async def test_velocity_shows_what_it_is_made_of(rows: Rows, api: httpx.AsyncClient) -> None:
    day = BEGIN.date()
    for value, days in ((1000, 4), (2001, 6)):
        await rows.add(
            BEGIN,
            "follow-up-call",
            value=value,
            closed_on=day + days * DAY,
            sellers=["anna.k", "ville.s"],
            weights=[50, 50],
        )
    await rows.add(BEGIN, "lost-customer", closed_on=day)
    await rows.add(BEGIN, "expired", closed_on=day)
    await rows.add(BEGIN, "follow-up-call", closed_on=date(2026, 2, 1))
    for _ in range(3):
        await rows.add(BEGIN)
    await rows.add(BEGIN, currency="SEK")

    euros, crowns = await report(api, "velocity")
    assert euros == {
        "currency": "EUR",
        "open": 3,
        "closed": 4,
        "won": 2,
        "win_rate": 50.0,
        "mean_value": 1501,
        "mean_days": 5.0,
        # 3 x 0.5 x 1500.5 / 5
        "per_day": 450,
    }
    assert (crowns["open"], crowns["win_rate"], crowns["per_day"]) == (1, None, None)
    (half,) = await report(api, "velocity", seller="ville.s")
    assert (half["open"], half["won"], half["mean_value"]) == (0, 2, 751)


@pytest.mark.requirement("TS-29")
async def test_ageing_shows_how_long_open_ones_have_been_where_they_are(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    now = datetime.now(UTC)
    for days in (0, 7, 8, 90, 91):
        moment = now - days * DAY - timedelta(hours=1)
        await rows.add(moment, value=days + 1)
    await rows.add(now - 8 * DAY, "first-visit", sellers=["ville.s"], value=5)
    await rows.add(now - 8 * DAY, "lost-customer")
    gone = await rows.add(now - 8 * DAY)
    await rows.change(now, gone, deleted_at=now)
    lines = [
        (one["stage"], one["first_day"], one["last_day"], one["opportunities"], one["value"])
        for one in await report(api, "ageing")
    ]
    assert lines == [
        (1, 0, 7, 2, 9),
        (1, 8, 14, 1, 9),
        (1, 61, 90, 1, 91),
        (1, 91, None, 1, 92),
        (2, 8, 14, 1, 5),
    ]
    assert [one["stage"] for one in await report(api, "ageing", seller="ville.s")] == [2]


@pytest.mark.requirement("TS-29", "TS-30")
async def test_slippage_shows_how_often_and_how_far_dates_were_put_off(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    due = date(2026, 3, 1)
    one = await rows.add(BEGIN, expected_close=due, sellers=["anna.k", "ville.s"], weights=[60, 40])
    two = await rows.add(BEGIN, "first-visit", expected_close=due)
    await rows.change(BEGIN + DAY, one, expected_close=due + 10 * DAY)
    await rows.change(BEGIN + 2 * DAY, one, value=7)
    await rows.change(BEGIN + 3 * DAY, one, expected_close=due)
    await rows.change(BEGIN + 4 * DAY, one, two, expected_close=due + 5 * DAY)
    # What is no longer open promises nothing.
    await rows.change(BEGIN + 5 * DAY, two, stage="lost-customer")
    await rows.change(BEGIN + 6 * DAY, two, expected_close=due + 99 * DAY)
    await rows.change(datetime(2026, 2, 1, tzinfo=UTC), one, expected_close=due + 99 * DAY)

    found = {one["seller"]: one for one in await report(api, "slippage")}
    assert {
        seller: (one["times"], one["opportunities"], one["days"], one["longest"])
        for seller, one in found.items()
    } == {"anna.k": (3, 2, 20, 10), "ville.s": (2, 1, 15, 10)}
    assert found["ville.s"]["mean_days"] == 7.5
    stages = await report(api, "slippage", by="stage")
    assert [(one["stage"], one["times"], one["days"]) for one in stages] == [(1, 2, 15), (2, 1, 5)]
    stages = await report(api, "slippage", by="stage", seller="ville.s")
    assert [(one["stage"], one["times"]) for one in stages] == [(1, 2)]


@pytest.mark.requirement("TS-31", "TS-35")
async def test_outcomes_show_what_was_lost_and_why(rows: Rows, api: httpx.AsyncClient) -> None:
    day = BEGIN.date()
    (reason,) = await rows.asked(
        "SELECT key, number, title FROM list_value "
        "WHERE list = 'rejection_reason' ORDER BY number LIMIT 1"
    )
    for value in (100, 200):
        await rows.add(BEGIN, "lost-customer", value=value, closed_on=day, rejection=reason.key)
    await rows.add(BEGIN, "lost-customer", value=400, closed_on=day)
    await rows.add(BEGIN, "follow-up-call", value=1000, closed_on=day)
    await rows.add(BEGIN, "expired", value=5, closed_on=day)
    await rows.add(BEGIN, "expired", value=5, closed_on=date(2026, 2, 1))
    await rows.add(BEGIN)
    lines = [
        (one["outcome"], one["rejection"], one["title"], one["opportunities"], one["value"])
        for one in await report(api, "outcomes")
    ]
    assert lines == [
        ("won", None, None, 1, 1000),
        ("lost", reason.number, reason.title, 2, 300),
        ("lost", None, None, 1, 400),
        ("expired", None, None, 1, 5),
    ]


@pytest.mark.requirement("TS-29")
async def test_the_time_in_each_stage_of_an_opportunity(rows: Rows, api: httpx.AsyncClient) -> None:
    one = await rows.add(BEGIN)
    await rows.change(BEGIN + DAY, one, value=3)
    await rows.change(BEGIN + 2 * DAY, one, stage="follow-up-call")
    await rows.change(BEGIN + 5 * DAY, one, stage="phone-call")
    answer = await api.get(f"/v1/opportunities/{one}/stage-times")
    stages = answer.json()["stages"]
    assert [(stage["stage"], stage["outcome"]) for stage in stages] == [
        (1, "open"),
        (4, "won"),
        (1, "open"),
    ]
    assert [stage["seconds"] for stage in stages[1:]] == [3 * 86_400, 2 * 86_400]
    assert stages[0]["left_at"] is None and stages[0]["seconds"] > 86_400
    assert datetime.fromisoformat(stages[2]["entered_at"]) == BEGIN

    answer = await api.get(f"/v1/opportunities/{uuid4()}/stage-times")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("opportunity_not_found")


@pytest.mark.requirement("TS-30")
async def test_a_group_means_those_who_were_in_it_or_below(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    above, below = uuid4(), uuid4()
    for group_id, parent in ((above, None), (below, above)):
        await rows.run(
            "INSERT INTO user_group (group_id, version, title, kind, parent_id, created_at,"
            " updated_at) VALUES (:id, 1, 'South', 'sales', :parent, now(), now())",
            id=group_id,
            parent=parent,
        )
    day = BEGIN.date()
    await rows.run(
        "INSERT INTO user_group_member (group_id, seller, since, until) "
        "VALUES (:id, 'anna.k', :since, :until)",
        id=below,
        since=day,
        until=day + DAY,
    )
    for days in (1, 2):
        await rows.add(BEGIN, "lost-customer", closed_on=day + days * DAY)
    for group in (above, below):
        (line,) = await report(api, "outcomes", group_id=str(group))
        assert line["opportunities"] == 1
    assert await report(api, "ageing", group_id=str(above)) == []


async def test_what_was_put_off_and_won_is_of_the_group_of_the_day_on_which_it_was_won(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    south, day = uuid4(), BEGIN.date()
    await rows.run(
        "INSERT INTO user_group (group_id, version, title, kind, created_at, updated_at) "
        "VALUES (:id, 1, 'South', 'sales', now(), now())",
        id=south,
    )
    await rows.run(
        "INSERT INTO user_group_member VALUES (:id, 'anna.k', :since, :until)",
        id=south,
        since=day,
        until=day + 9 * DAY,
    )
    won, still_open = [await rows.add(BEGIN) for _ in range(2)]
    await rows.change(BEGIN + DAY, won, still_open, expected_close=date(2026, 6, 1))
    await rows.change(BEGIN + 2 * DAY, won, stage="follow-up-call", closed_on=day + 2 * DAY)
    for by in ("seller", "stage"):
        (line,) = await report(api, "slippage", by=by, group_id=str(south))
        assert (line["times"], line["opportunities"]) == (1, 1)


@pytest.mark.parametrize("name", REPORTS)
async def test_each_report_comes_as_a_table(rows: Rows, api: httpx.AsyncClient, name: str) -> None:
    one = await rows.add(BEGIN, expected_close=date(2026, 1, 10))
    await rows.change(BEGIN + DAY, one, expected_close=date(2026, 1, 11))
    lost = await rows.add(BEGIN)
    await rows.change(BEGIN + DAY, lost, stage="lost-customer", closed_on=date(2026, 1, 10))
    answer = await api.get(
        f"/v1/pipeline-reports/{name}", params={**RANGE, "by": "stage", "format": "csv"}
    )
    assert answer.headers["content-type"].startswith("text/csv")
    header, *lines = answer.text.splitlines()
    assert lines
    assert all(len(line.split(",")) == len(header.split(",")) for line in lines)


RANGES: list[tuple[dict[str, Any], str, str]] = [
    ({"until": "2025-12-31"}, "until", "before"),
    ({"since": "2016-01-31"}, "since", "longer than 120 months"),
    ({"since": "1899-12-31"}, "since", "1900"),
]
FILTERS: list[tuple[dict[str, Any], str, str]] = [
    ({"pipeline": 99}, "pipeline", "there is no pipeline 99"),
    ({"group_id": str(UUID(int=7))}, "group_id", "there is no user group"),
]
REFUSED = [
    (name, *one)
    for name in REPORTS
    for one in (FILTERS if name == "ageing" else [*RANGES, *FILTERS])
]


@pytest.mark.parametrize(("name", "said", "field", "reason"), REFUSED)
async def test_what_cannot_be_asked_is_refused_with_field_reason_and_remedy(
    api: httpx.AsyncClient, name: str, said: dict[str, Any], field: str, reason: str
) -> None:
    answer = await api.get(f"/v1/pipeline-reports/{name}", params={**RANGE, **said})
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    assert problem["field"].endswith(field)
    assert reason in problem["reason"] and problem["remedy"]
