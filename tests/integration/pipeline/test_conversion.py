"""Amounts of several currencies come to one, by the rates of their days, and never by a guess."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.pipeline.forecasting import (
    MEASURES,
    Recount,
    asked,
    make_customers,
    make_groups,
    scattered,
    shown,
    today,
    totals,
)
from tests.integration.pipeline.rows import Opportunity, Rows
from tests.integration.pipeline.world import World

# From so many days before today on; a yen has no minor unit, a dinar a thousand.
RATES = {
    "SEK": {400: "0.087654321", 60: "0.09", 0: "0.0911"},
    "JPY": {400: "0.0061", 30: "0.0059"},
    "KWD": {400: "3.000000001"},
}


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows(pipeline, await world.customer()).begin()


async def set_rate(rows: Rows, currency: str, since: date, rate: str) -> None:
    await rows.write(
        "INSERT INTO exchange_rate VALUES (:currency, :since, CAST(CAST(:rate AS text) AS numeric),"
        " now())",
        currency=currency,
        since=since,
        rate=rate,
    )


async def set_rates(rows: Rows) -> dict[str, dict[date, Fraction]]:
    """Set the rates; return them exactly."""
    for currency, steps in RATES.items():
        for days, rate in steps.items():
            await set_rate(rows, currency, today() - timedelta(days=days), rate)
    return {
        currency: {today() - timedelta(days=days): Fraction(rate) for days, rate in steps.items()}
        for currency, steps in RATES.items()
    }


@pytest.fixture
async def counted(pipeline: Service, world: World, rows: Rows) -> Recount:
    await make_groups(rows)
    customers = await make_customers(pipeline, world)
    made = scattered(rows, customers, currencies=("EUR", *RATES), seed=8, many=300)
    await rows.add(*made)
    return Recount(made, customers, rates=await set_rates(rows))


@pytest.mark.requirement("TS-27", "TS-31")
@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
async def test_what_is_won_goes_by_the_rate_of_its_day_and_what_is_open_by_todays(
    api: httpx.AsyncClient, counted: Recount, currency: str
) -> None:
    for by in (("month",), ("group",), ("seller", "stage"), ("type", "quarter")):
        body = await asked(api, by, currency=currency)
        assert shown(body, by) == counted.lines(by, currency=currency), by
        assert totals(body) == counted.lines((), currency=currency)


@pytest.mark.requirement("TS-27", "TS-31")
async def test_converted_amounts_add_up_by_customers_too(
    api: httpx.AsyncClient, counted: Recount
) -> None:
    total = counted.lines((), currency="SEK")
    for by in (("customer_status",), ("customer_status", "seller"), ("month", "customer_status")):
        body = await asked(api, by, currency="SEK")
        assert totals(body) == total
        assert body["adds_up"]
        lines = shown(body, by).values()
        for measure in MEASURES:
            assert sum(line[measure] for line in lines) == total[("SEK",)][measure], measure


@pytest.mark.requirement("TS-27", "TS-31")
async def test_customers_have_parts_of_what_was_rounded_once(
    pipeline: Service, world: World, api: httpx.AsyncClient, rows: Rows
) -> None:
    customers = list(await make_customers(pipeline, world))
    await set_rate(rows, "SEK", date(2020, 1, 1), "0.1")
    await rows.add(
        *(Opportunity(3, today(), currency="SEK", customer_id=customers[n % 2]) for n in range(5))
    )
    # Fifteen öre are a cent and a half; each three by itself would be nothing.
    for by in (("customer_status",), ("seller",)):
        body = await asked(api, by, currency="EUR")
        assert sum(line["open"] for line in body["lines"]) == 2
        assert totals(body)[("EUR",)]["open"] == 2


@pytest.mark.requirement("TS-27")
async def test_half_a_cent_is_rounded_up_and_each_sum_once(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    await set_rate(rows, "SEK", date(2020, 1, 1), "0.1")
    await rows.add(
        *(Opportunity(3, today(), sellers={"anna.k": 100}, currency="SEK") for _ in range(5)),
        Opportunity(4, today(), sellers={"bo.s": 100}, currency="SEK"),
    )
    body = await asked(api, ("seller",), currency="EUR")
    # Fifteen öre are a cent and a half, and four less than half a one.
    assert [(line["by"], line["open"]) for line in body["lines"]] == [("anna.k", 2), ("bo.s", 0)]
    assert totals(body)[("EUR",)]["open"] == 2


@pytest.mark.requirement("TS-27")
async def test_without_a_rate_there_is_no_guess_but_a_refusal(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    day = today() - timedelta(days=20)
    await set_rate(rows, "SEK", day + timedelta(days=1), "0.1")
    month = {"from": f"{day:%Y-%m}", "to": f"{today():%Y-%m}"}

    async def refused(currency: str) -> Any:
        answer = await api.get("/v1/forecasts", params={**month, "currency": currency})
        assert answer.status_code == 422, answer.text
        (problem,) = answer.json()["errors"]
        assert problem["field"] == "currency" and problem["remedy"]
        return answer.json()["slug"], answer.json()["missing"]

    await rows.add(Opportunity(100, today(), currency="SEK"))
    answer = await api.get("/v1/forecasts", params={**month, "currency": "EUR"})
    assert answer.json()["totals"][0]["open"] == 10
    await rows.add(Opportunity(100, day, "follow-up-call", currency="SEK"))
    missing = {"currency": "SEK", "day": str(day)}
    assert await refused("EUR") == ("no_exchange_rate", missing)
    # Their own currency needs no rate, another needs its own.
    answer = await api.get("/v1/forecasts", params={**month, "currency": "SEK"})
    assert answer.json()["totals"][0]["best"] == 200
    await set_rate(rows, "SEK", day, "0.1")
    missing = {"currency": "NOK", "day": str(day)}
    assert await refused("NOK") == ("no_exchange_rate", missing)
    # Each currency by itself needs none at all.
    await rows.write("DELETE FROM exchange_rate")
    assert (await api.get("/v1/forecasts", params=month)).status_code == 200
