"""The bridge from what was believed to what is: every difference has a cause, and it adds up."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.pipeline.domain.bridge import Cause
from shared.chassis.service import Service
from tests.integration.pipeline.rows_asof import BEGIN, SELLERS, RandomHistory, Rows
from tests.integration.pipeline.world import World

DAY = timedelta(days=1)
START, END = BEGIN + DAY, BEGIN + 2 * DAY
RANGE = {"from": "2026-01", "to": "2026-02"}
INSIDE, OUTSIDE = date(2026, 2, 17), date(2026, 4, 1)
MEASURES = ("weighted", "best", "committed", "won")


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows.begin(pipeline, await world.customer())


async def bridged(
    api: httpx.AsyncClient, since: datetime = START, until: datetime | None = END, **asked: Any
) -> list[dict[str, Any]]:
    params = {"since": since.isoformat(), **RANGE, **asked}
    if until is not None:
        params["until"] = until.isoformat()
    answer = await api.get("/v1/forecasts/bridge", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["bridges"]
    for bridge in found:
        moved = sum(step["amount"] for step in bridge["steps"])
        assert bridge["start"] + moved == bridge["end"], bridge
    return found


async def steps(api: httpx.AsyncClient, **asked: Any) -> dict[str, tuple[int, int]]:
    """Return opportunities and amount by cause, of the only bridge there is."""
    (bridge,) = await bridged(api, **asked)
    return {step["cause"]: (step["opportunities"], step["amount"]) for step in bridge["steps"]}


async def page(api: httpx.AsyncClient, cause: str, **asked: Any) -> dict[str, Any]:
    answer = await api.get(
        f"/v1/forecasts/bridge/{cause}",
        params={"since": START.isoformat(), "until": END.isoformat(), **RANGE, **asked},
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def total(api: httpx.AsyncClient, at: datetime, measure: str, **asked: Any) -> dict[str, int]:
    answer = await api.get("/v1/forecasts/as-of", params={"at": at.isoformat(), **RANGE, **asked})
    return {line["currency"]: line[measure] for line in answer.json()["totals"]}


CHANGES: list[tuple[str, dict[str, Any], dict[str, Any], int]] = [
    ("deleted", {}, {"deleted_at": END}, -3500),
    ("restored", {"deleted_at": BEGIN}, {"deleted_at": None}, 3500),
    ("lost", {}, {"stage": "lost-customer"}, -3500),
    ("expired", {}, {"stage": "expired"}, -3500),
    ("won", {}, {"stage": "follow-up-call", "closed_on": INSIDE}, 6500),
    ("reopened", {"stage": "lost-customer"}, {"stage": "phone-call"}, 1500),
    ("reopened", {"stage": "follow-up-call"}, {"stage": "phone-call"}, -8500),
    ("slipped_out", {}, {"expected_close": OUTSIDE}, -3500),
    ("slipped_out", {}, {"stage": "follow-up-call", "closed_on": OUTSIDE}, -3500),
    ("slipped_in", {"expected_close": OUTSIDE}, {"expected_close": INSIDE}, 3500),
    ("grown", {}, {"value": 20_000}, 3500),
    ("shrunk", {}, {"value": 1}, -3500),
    ("more_likely", {}, {"stage": "second-visit"}, 3000),
    ("less_likely", {}, {"stage": "phone-call"}, -2000),
    ("less_likely", {}, {"value": 20_000, "stage": "phone-call"}, -500),
    ("grown", {}, {"value": 40_000, "stage": "phone-call"}, 2500),
]


@pytest.mark.requirement("TS-31")
@pytest.mark.parametrize(("cause", "before", "change", "amount"), CHANGES)
async def test_each_change_has_its_cause(
    rows: Rows,
    api: httpx.AsyncClient,
    cause: str,
    before: dict[str, Any],
    change: dict[str, Any],
    amount: int,
) -> None:
    one = await rows.add(BEGIN, **{"stage": "first-visit", "expected_close": INSIDE} | before)
    await rows.change(START + DAY / 2, one, **change)
    assert await steps(api) == {cause: (1, amount)}


async def test_what_moves_no_minor_unit_is_unchanged(rows: Rows, api: httpx.AsyncClient) -> None:
    one = await rows.add(BEGIN, "first-visit", expected_close=INSIDE)
    await rows.change(START + DAY / 2, one, value=10_001)
    (bridge,) = await bridged(api)
    assert (bridge["steps"], bridge["unchanged"]) == ([], 1)


async def test_what_is_new_is_new_whatever_became_of_it(rows: Rows, api: httpx.AsyncClient) -> None:
    one = await rows.add(START + DAY / 4, "first-visit", expected_close=INSIDE)
    await rows.change(START + DAY / 2, one, stage="follow-up-call", closed_on=INSIDE)
    gone = await rows.add(START + DAY / 4, "first-visit", expected_close=INSIDE)
    await rows.change(START + DAY / 2, gone, deleted_at=START + DAY / 2)
    assert await steps(api) == {"new": (1, 10_000)}


@pytest.mark.requirement("TS-30", "TS-A12")
async def test_what_is_handed_to_another_seller_is_handed(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    one = await rows.add(BEGIN, "first-visit", expected_close=INSIDE)
    two = await rows.add(
        BEGIN,
        "first-visit",
        expected_close=INSIDE,
        sellers=["anna.k", "ville.s"],
        weights=[60, 40],
    )
    await rows.change(START + DAY / 2, one, sellers=["ville.s"], weights=[100])
    await rows.change(START + DAY / 2, two, weights=[40, 60])
    assert await steps(api) == {}
    assert await steps(api, seller="anna.k") == {"handed": (2, -3500 - 700)}
    assert await steps(api, seller="ville.s") == {"handed": (2, 3500 + 700)}


async def test_what_passes_the_bound_of_what_is_committed_is_more_likely(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    one = await rows.add(BEGIN, "first-visit", expected_close=INSIDE)
    await rows.change(START + DAY / 2, one, probability=65, value=20_000)
    assert await steps(api, measure="committed", committed_from=60) == {"more_likely": (1, 20_000)}
    assert not await bridged(api, measure="committed")


async def test_another_currency_is_a_loss_in_one_bridge_and_a_gain_in_the_other(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    one = await rows.add(BEGIN, "first-visit", expected_close=INSIDE)
    await rows.change(START + DAY / 2, one, currency="SEK", value=110_000)
    found = {
        bridge["currency"]: [(step["cause"], step["amount"]) for step in bridge["steps"]]
        for bridge in await bridged(api)
    }
    assert found == {"EUR": [("shrunk", -3500)], "SEK": [("grown", 38_500)]}


async def rates(rows: Rows, day: date, **worth: str) -> None:
    for currency, rate in worth.items():
        await rows.run(
            "INSERT INTO exchange_rate (currency, valid_from, rate, updated_at) "
            "VALUES (:currency, :day, CAST(:rate AS numeric), :at)",
            currency=currency,
            day=day,
            rate=rate,
            at=BEGIN,
        )


async def test_rates_are_no_cause(rows: Rows, api: httpx.AsyncClient) -> None:
    await rates(rows, BEGIN.date() - DAY, SEK="0.09", JPY="0.006")
    await rates(rows, END.date(), SEK="0.08")
    one = await rows.add(BEGIN, "first-visit", currency="SEK", value=100_000, expected_close=INSIDE)
    await rows.add(BEGIN, "first-visit", currency="JPY", value=1_000, expected_close=INSIDE)
    (bridge,) = await bridged(api, currency="EUR", measure="best")
    assert (bridge["start"], bridge["end"], bridge["steps"]) == (8_600, 8_600, [])

    await rows.change(START + DAY / 2, one, currency="EUR", value=8_001)
    assert await steps(api, currency="EUR", measure="best") == {"grown": (1, 1)}
    assert await steps(api, currency="SEK", measure="best") == {"grown": (1, 13)}


async def test_only_what_counts_needs_a_rate(rows: Rows, api: httpx.AsyncClient) -> None:
    await rows.add(BEGIN, "first-visit", expected_close=INSIDE)
    await rows.add(BEGIN, "first-visit", currency="SEK", expected_close=INSIDE, sellers=["ville.s"])
    (bridge,) = await bridged(api, currency="EUR", seller="anna.k")
    assert bridge["end"] == 3500
    assert not await bridged(api, currency="EUR", measure="won")


async def test_half_a_cent_is_rounded_up_where_a_rate_has_no_end(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    # A euro is 0.8333... dollars, and three cents are two cents and a half.
    await rates(rows, BEGIN.date(), USD="1.2")
    await rows.add(BEGIN, "first-visit", value=3, expected_close=INSIDE)
    (bridge,) = await bridged(api, currency="USD", measure="best")
    answer = await api.get("/v1/forecasts", params={**RANGE, "currency": "USD"})
    assert (bridge["end"], answer.json()["totals"][0]["best"]) == (3, 3)


async def test_without_a_rate_nothing_is_guessed(rows: Rows, api: httpx.AsyncClient) -> None:
    await rows.add(BEGIN, currency="SEK", expected_close=INSIDE)
    answer = await api.get(
        "/v1/forecasts/bridge",
        params={
            "since": START.isoformat(),
            "until": END.isoformat(),
            **RANGE,
            "currency": "EUR",
        },
    )
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"].endswith("no_exchange_rate")
    assert "SEK" in problem["detail"] and "2026-01-07" in problem["detail"]


@pytest.mark.requirement("TS-30", "TS-31")
@given(
    seed=st.integers(0, 2**32),
    length=st.integers(2, 30),
    measure=st.sampled_from(MEASURES),
    seller=st.sampled_from([None, *SELLERS]),
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_the_residual_is_nothing_in_minor_units(
    rows: Rows,
    api: httpx.AsyncClient,
    seed: int,
    length: int,
    measure: str,
    seller: str | None,
) -> None:
    await rows.empty()
    history = RandomHistory(rows, seed)
    moments = [history.now]
    for _ in range(length):
        history.wait()
        await history.happens()
        moments.append(history.now)
    since, until = sorted(history.chance.sample(moments, 2))
    asked = {} if seller is None else {"seller": seller}

    found = await bridged(api, since, until, measure=measure, **asked)
    before = await total(api, since, measure, **asked)
    after = await total(api, until, measure, **asked)

    assert {one["currency"]: one["start"] for one in found if one["start"]} == {
        currency: amount for currency, amount in before.items() if amount
    }
    assert {one["currency"]: one["end"] for one in found if one["end"]} == {
        currency: amount for currency, amount in after.items() if amount
    }
    for cause in {Cause.NEW, *(step["cause"] for bridge in found for step in bridge["steps"])}:
        listed = await page(
            api,
            cause,
            since=since.isoformat(),
            until=until.isoformat(),
            measure=measure,
            limit=500,
            **asked,
        )
        by_currency: dict[str, tuple[int, int]] = {}
        for one in listed["items"]:
            count, amount = by_currency.get(one["currency"], (0, 0))
            by_currency[one["currency"]] = count + 1, amount + one["amount"]
        assert by_currency == {
            bridge["currency"]: (step["opportunities"], step["amount"])
            for bridge in found
            for step in bridge["steps"]
            if step["cause"] == cause
        }


async def test_the_opportunities_of_a_cause_come_page_by_page_the_largest_first(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    ids = [
        await rows.add(START + DAY / 2, "first-visit", value=value, expected_close=INSIDE)
        for value in (100, 900, 500, 500, 300, 700, 200)
    ]
    await rows.add(BEGIN, "first-visit", expected_close=INSIDE)
    (bridge,) = await bridged(api, measure="best")
    (step,) = bridge["steps"]
    assert [one["amount"] for one in step["first"]] == [900, 700, 500, 500, 300]
    assert bridge["unchanged"] == 1

    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        shown = await page(api, "new", measure="best", limit=2, **cursor)
        found += shown["items"]
        if shown["next"] is None:
            break
        cursor = {"cursor": shown["next"]}
    assert [one["amount"] for one in found] == [900, 700, 500, 500, 300, 200, 100]
    assert {UUID(one["opportunity_id"]) for one in found} == set(ids)


async def test_a_bridge_without_an_end_ends_now(rows: Rows, api: httpx.AsyncClient) -> None:
    one = await rows.add(BEGIN, "first-visit", expected_close=INSIDE)
    await rows.change(END + DAY, one, stage="lost-customer")
    (bridge,) = await bridged(api, until=None)
    assert [step["cause"] for step in bridge["steps"]] == ["lost"]


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"since": "2199-01-01T00:00:00Z"}, "since", "in the future"),
        ({"until": "2199-01-01T00:00:00Z"}, "until", "in the future"),
        ({"until": BEGIN.isoformat()}, "until", "before"),
        ({"to": "2025-12"}, "to", "before"),
        ({"to": "2036-01"}, "from", "longer than 120 months"),
        ({"measure": "worst"}, "measure", "'weighted'"),
        ({"currency": "euro"}, "currency", "pattern"),
        ({"group_id": str(UUID(int=7))}, "group_id", "there is no user group"),
    ],
)
async def test_what_cannot_be_compared_is_refused_with_field_reason_and_remedy(
    api: httpx.AsyncClient, said: dict[str, Any], field: str, reason: str
) -> None:
    asked = {"since": START.isoformat(), "until": END.isoformat(), **RANGE, **said}
    for path in ("/v1/forecasts/bridge", "/v1/forecasts/bridge/new"):
        answer = await api.get(path, params=asked)
        assert answer.status_code == 422, answer.text
        (problem,) = answer.json()["errors"]
        assert problem["field"].endswith(field)
        assert reason in problem["reason"] and problem["remedy"]


async def test_a_cause_that_there_is_not_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.get(
        "/v1/forecasts/bridge/weather",
        params={"since": START.isoformat(), "until": END.isoformat(), **RANGE},
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].endswith("cause")
