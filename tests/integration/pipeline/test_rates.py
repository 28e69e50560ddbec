"""Exchange rates: the user's own, dated, into the house's currency."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.pipeline.standing import problem

PATH = "/v1/exchange-rates"


async def put(api: httpx.AsyncClient, rate: Any, at: str = "SEK/2026-01-01") -> httpx.Response:
    return await api.put(f"{PATH}/{at}", json={"rate": rate})


async def test_a_rate_holds_from_a_day_on_and_the_same_twice_changes_nothing(
    api: httpx.AsyncClient,
) -> None:
    first = await put(api, "0.0870")
    assert first.status_code == 200, first.text
    shown = first.json()
    assert (shown["rate"], shown["valid_from"], shown["house_currency"]) == (
        "0.087",
        "2026-01-01",
        "EUR",
    )
    assert (await put(api, "0.087")).json() == shown, "not even when it was set"
    changed = (await put(api, "0.09")).json()
    assert changed["rate"] == "0.09" and changed["updated_at"] > shown["updated_at"]
    assert (await api.get(f"{PATH}/SEK/2026-01-01")).json() == changed


async def test_several_who_set_one_rate_at_once_leave_one(api: httpx.AsyncClient) -> None:
    done = await asyncio.gather(*(put(api, "0.0870") for _ in range(4)))
    assert {answer.status_code for answer in done} == {200}
    assert len((await api.get(PATH)).json()["items"]) == 1


@pytest.mark.parametrize(
    "rate",
    ["0", "0.000000000", "-1", "", "1e3", "1,5", "NaN", "1234567890", "1.1234567890", 1.5, 1, None],
)
async def test_what_is_no_rate_is_refused(api: httpx.AsyncClient, rate: Any) -> None:
    refused = await put(api, rate)
    assert problem(refused) == (422, "invalid_request", "body.rate")
    assert (await api.get(PATH)).json()["items"] == []


@pytest.mark.parametrize("rate", ["999999999.999999999", "0.000000001", "1"])
async def test_the_extremes_are_kept_exactly(api: httpx.AsyncClient, rate: str) -> None:
    assert (await put(api, rate)).json()["rate"] == rate


@pytest.mark.parametrize(
    "at", ["sek/2026-01-01", "SEKK/2026-01-01", "SEK/1899-12-31", "SEK/2200-01-01", "SEK/tomorrow"]
)
async def test_a_currency_or_a_day_that_is_none_is_refused(api: httpx.AsyncClient, at: str) -> None:
    assert problem(await put(api, "1.5", at))[:2] == (422, "invalid_request")


async def test_the_house_currency_is_worth_itself(api: httpx.AsyncClient) -> None:
    refused = await put(api, "1", "EUR/2026-01-01")
    assert problem(refused) == (422, "invalid_field", "currency")


async def test_rates_are_listed_by_currency_and_day_and_taken_back(api: httpx.AsyncClient) -> None:
    wanted = [
        "HUF/2026-01-01",
        "HUF/2026-02-01",
        "SEK/2025-01-01",
        "SEK/2026-01-01",
        "USD/2026-01-01",
    ]
    for at in reversed(wanted):
        assert (await put(api, "0.5", at)).status_code == 200
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await api.get(PATH, params=query)).json()
        seen += [f"{one['currency']}/{one['valid_from']}" for one in page["items"]]
        cursor = page["next"]
    assert (seen, cursor) == (wanted, None)
    assert problem(await api.get(PATH, params={"cursor": "WyJhIiwgImIiXQ"}))[1] == "bad_cursor"

    gone = await api.delete(f"{PATH}/SEK/2026-01-01")
    assert gone.json()["rate"] == "0.5"
    left = (await api.get(PATH, params={"currency": "SEK"})).json()["items"]
    assert [one["valid_from"] for one in left] == ["2025-01-01"]
    for again in (
        await api.delete(f"{PATH}/SEK/2026-01-01"),
        await api.get(f"{PATH}/SEK/2026-01-01"),
    ):
        assert problem(again)[:2] == (404, "exchange_rate_not_found")
