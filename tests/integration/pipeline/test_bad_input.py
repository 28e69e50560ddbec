"""What cannot be is refused by field, with reason and remedy, and leaves everything as it was."""

from typing import Any

import httpx
import pytest

from tests.integration.pipeline.selling import PATH, did, recorded
from tests.integration.pipeline.world import ERP, World

NOBODY = "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"
LINE = {"title": "Lift", "quantity": "1", "unit_price": 100}

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"probability": 120}, "probability", "less than or equal to 100"),
    ({"probability": -1}, "probability", "greater than or equal to 0"),
    ({"probability": 40, "stage": 4}, "probability", "does not fit"),
    ({"probability": 1, "stage": 5}, "probability", "does not fit"),
    ({"probability": 40, "reset_probability": True}, "probability", "both"),
    ({"sellers": [{"seller": "a", "weight": 51}, {"seller": "b", "weight": 50}]}, "sellers", "101"),
    ({"sellers": [{"seller": "a", "weight": 99}]}, "sellers", "99"),
    ({"sellers": [{"seller": "a", "weight": 50}, {"seller": "b"}]}, "sellers", "none"),
    ({"sellers": [{"seller": "a"}, {"seller": "a"}]}, "sellers", "twice"),
    ({"sellers": [{"seller": f"s{n}"} for n in range(21)]}, "sellers", "20"),
    ({"sellers": [{"seller": "a b"}]}, "seller", "pattern"),
    ({"sellers": [{"seller": "a", "weight": 0}]}, "weight", "greater than or equal to 1"),
    ({"expected_close": "1899-12-31"}, "expected_close", "2000-01-01"),
    ({"expected_close": "1900-01-01"}, "expected_close", "2000-01-01"),
    ({"expected_close": "2200-01-01"}, "expected_close", "2199-12-31"),
    ({"expected_close": 4102444800}, "expected_close", "no day"),
    ({"expected_close": "2099-02-30"}, "expected_close", "day"),
    ({"closed_on": "2020-01-01"}, "closed_on", "it is open"),
    ({"closed_on": "2199-01-01", "stage": 4}, "closed_on", "yet to come"),
    ({"closed_on": "1999-12-31", "stage": 4}, "closed_on", "2000-01-01"),
    ({"rejection": 1}, "rejection", "nothing is lost"),
    ({"rejection": 99, "stage": 5}, "rejection", "there is no rejection_reason 99"),
    ({"stage": 99}, "stage", "there is no stage 99"),
    ({"pipeline": 99}, "pipeline", "there is no pipeline 99"),
    ({"type": 99}, "type", "there is no opportunity_type 99"),
    ({"source": 99}, "source", "there is no opportunity_source 99"),
    ({"value": -1}, "value", "greater than or equal to 0"),
    ({"value": 10**15}, "value", "less than or equal to"),
    ({"value": "1.5"}, "value", "integer"),
    ({"value": 99, "lines": [LINE]}, "value", "100"),
    ({"lines": [{**LINE, "quantity": "0"}]}, "quantity", "greater than 0"),
    ({"lines": [{**LINE, "quantity": "1.00001"}]}, "quantity", "4 decimal places"),
    ({"lines": [{**LINE, "quantity": "NaN"}]}, "quantity", "finite"),
    ({"lines": [{**LINE, "unit_price": 1.5}]}, "unit_price", "integer"),
    ({"lines": [{**LINE, "unit_price": 9 * 10**14}] * 2}, "lines", "more than"),
    ({"lines": [LINE] * 201}, "lines", "200"),
    ({"currency": "euro"}, "currency", "pattern"),
    ({"currency": "EUR\n"}, "currency", "pattern"),
    ({"contacts": [NOBODY]}, "contacts", "no contact"),
    ({"customer_id": NOBODY}, "customer_id", "no customer"),
    ({"project_ref": "P-1"}, "project_source", "source and a reference"),
    ({"project_source": ERP}, "project_ref", "source and a reference"),
    ({"project_source": ERP, "project_ref": "P-9"}, "project_ref", "no project"),
    ({"name": "  "}, "name", "at least 1"),
    ({"name": "a" * 201}, "name", "200"),
    ({"name": "bell \x07"}, "name", "U+0007"),
    ({"memo": "NUL \x00"}, "memo", "U+0000"),
    ({"memo": "a" * 100_001}, "memo", "100000"),
    ({"outcome": "won"}, "outcome", "not permitted"),
]


@pytest.mark.requirement("TS-28", "TS-A2", "TS-A3", "TS-A12")
async def test_an_opportunity_that_cannot_be_is_neither_recorded_nor_becomes_one(
    api: httpx.AsyncClient, world: World
) -> None:
    body = {
        "customer_id": str(await world.customer()),
        "name": "Lift",
        "expected_close": "2099-01-01",
    }
    made = await recorded(api, **body)
    path = f"{PATH}/{made['opportunity_id']}"
    for said, field, reason in BAD:
        for answer in (
            await api.post(PATH, json={**body, **said}),
            await api.put(path, json={**body, **said}, headers={"If-Match": '"1"'}),
        ):
            assert answer.status_code == 422, (said, answer.text)
            problem = answer.json()
            assert problem["slug"] and problem["remedy"]
            assert field in problem["errors"][0]["field"], (said, problem)
            assert reason in problem["errors"][0]["reason"], (said, problem)
            assert problem["errors"][0]["remedy"]
    assert (await api.get(path)).json() == made
    assert (await api.get(PATH)).json()["total"] == 1


MOVES: list[tuple[str, dict[str, Any], str]] = [
    ("stage", {}, "stage"),
    ("stage", {"stage": 0}, "stage"),
    ("stage", {"stage": 99}, "stage"),
    ("stage", {"stage": 2, "pipeline": 99}, "pipeline"),
    ("stage", {"stage": 2, "rejection": 1}, "rejection"),
    ("stage", {"stage": 5, "rejection": 99}, "rejection"),
    ("stage", {"stage": 4, "closed_on": "2199-01-01"}, "closed_on"),
    ("stage", {"stage": 4, "closed_on": "1900-01-01"}, "closed_on"),
    ("stage", {"stage": 2, "position": 4}, "position"),
    ("win", {"stage": 2}, "stage"),
    ("win", {"rejection": 1}, "rejection"),
    ("win", {"closed_on": "2199-01-01"}, "closed_on"),
    ("loss", {"rejection": 99}, "rejection"),
    ("loss", {"stage": 4}, "stage"),
    ("expiry", {"stage": 99}, "stage"),
]


async def test_what_cannot_be_is_no_move(api: httpx.AsyncClient, world: World) -> None:
    made = await recorded(api, customer_id=str(await world.customer()))
    for what, said, field in MOVES:
        answer = await did(api, made, what, **said)
        assert answer.status_code == 422, (what, said, answer.text)
        assert field in answer.json()["errors"][0]["field"], (what, said, answer.text)
        assert answer.json()["remedy"]
    assert (await did(api, made, "reopening")).json()["slug"] == "opportunity_settled"
    path = f"{PATH}/{made['opportunity_id']}"
    assert (await api.post(f"{path}/stage", json={"stage": 2})).status_code == 428
    stale = await api.post(f"{path}/stage", json={"stage": 2}, headers={"If-Match": '"9"'})
    assert stale.status_code == 412
    gone = await api.post(f"{PATH}/{NOBODY}/stage", json={"stage": 2}, headers={"If-Match": '"1"'})
    assert gone.status_code == 404
    assert (await api.get(path)).json() == made


async def test_a_search_that_cannot_be_is_refused(api: httpx.AsyncClient) -> None:
    for asked in (
        {"text": ""},
        {"text": "a\x00"},
        {"customer_id": "x"},
        {"outcome": "gone"},
        {"value_from": -1},
        {"probability_to": 101},
        {"expected_from": "1899-01-01"},
        {"closed_to": "yesterday"},
        {"currency": "e"},
        {"seller": "a b"},
        {"sort": "colour"},
        {"limit": 501},
    ):
        answer = await api.get(PATH, params=asked)
        assert answer.status_code == 422, (asked, answer.text)
        assert next(iter(asked)) in answer.json()["errors"][0]["field"]
        assert answer.json()["errors"][0]["remedy"]


async def test_a_number_is_no_day_anywhere(api: httpx.AsyncClient) -> None:
    """It would be read as seconds since 1970."""
    group = (await api.post("/v1/user-groups", json={"title": "Sales"})).json()
    path = f"/v1/user-groups/{group['group_id']}/members"
    for answer in (
        await api.post(path, json={"seller": "anna.k", "since": 86400}),
        await api.get(path, params={"day": "86400"}),
        await api.put("/v1/exchange-rates/SEK/86400", json={"rate": "0.09"}),
        await api.get(
            "/v1/pipeline-reports/funnel", params={"since": "86400", "until": "2026-12-31"}
        ),
    ):
        assert answer.status_code == 422, answer.text
        assert "is no day" in answer.text and answer.json()["remedy"]
