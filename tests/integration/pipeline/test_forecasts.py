"""Forecasts equal a count by hand, whatever they go by; and what cannot be asked is refused."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.pipeline.forecasting import (
    PATH,
    Recount,
    Share,
    asked,
    group_id,
    make_customers,
    make_groups,
    scattered,
    shifted,
    shown,
    today,
    totals,
)
from tests.integration.pipeline.rows import OUTCOME, Opportunity, Rows
from tests.integration.pipeline.world import STAGE, World

DIMENSIONS = ("month", "quarter", "seller", "group", "pipeline", "stage", "type")
PAIRS = (
    *((one,) for one in (*DIMENSIONS, "customer_status", "customer_group")),
    ("month", "group"),
    ("group", "seller"),
    ("seller", "stage"),
    ("quarter", "customer_status"),
    ("customer_group", "group"),
    ("customer_group", "customer_status"),
)
IN_GROUP_1 = {"group_id": group_id(1)}


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows(pipeline, await world.customer()).begin()


@pytest.fixture
async def counted(pipeline: Service, world: World, rows: Rows) -> Recount:
    await make_groups(rows)
    customers = await make_customers(pipeline, world)
    made = scattered(rows, customers, currencies=("EUR", "SEK"), seed=5, many=300)
    await rows.add(*made)
    return Recount(made, customers)


@pytest.mark.requirement("TS-27", "TS-28", "TS-30", "TS-31", "TS-A6", "TS-A12")
async def test_whatever_it_goes_by_a_forecast_is_what_one_counts(
    api: httpx.AsyncClient, counted: Recount
) -> None:
    for by in PAIRS:
        body = await asked(api, by)
        assert shown(body, by) == counted.lines(by), by
        assert totals(body) == counted.lines(())
        assert body["adds_up"] == (not {"group", "customer_group"} & set(by))


@pytest.mark.requirement("TS-30", "TS-31", "TS-A6")
async def test_filters_narrow_lines_and_totals_alike(
    api: httpx.AsyncClient, counted: Recount
) -> None:
    filters: list[tuple[dict[str, Any], Callable[[Share], bool]]] = [
        ({"seller": "seller.0"}, lambda one: one.seller == "seller.0"),
        ({"seller": ["seller.1", "seller.2"]}, lambda one: one.seller in ("seller.1", "seller.2")),
        (IN_GROUP_1, lambda one: group_id(1) in counted.groups(one)),
        ({"group_id": group_id(4)}, lambda one: group_id(4) in counted.groups(one)),
        ({"stage": [1, 4]}, lambda one: STAGE[one.one.stage] in (1, 4)),
        ({"type": 2}, lambda one: one.one.type == 2),
        ({"pipeline": 1, "stage": 4}, lambda one: one.won),
        (
            {**IN_GROUP_1, "seller": "seller.2"},
            lambda one: one.seller == "seller.2" and group_id(1) in counted.groups(one),
        ),
    ]
    for by, (params, wanted) in product((("month",), ("group",), ("customer_status",)), filters):
        body = await asked(api, by, **params)
        assert shown(body, by) == counted.lines(by, wanted), (by, params)
        assert totals(body) == counted.lines((), wanted), (by, params)


@pytest.mark.requirement("TS-27")
@pytest.mark.parametrize("committed_from", [0, 35, 95, 100])
async def test_committed_is_what_is_likely_enough(
    api: httpx.AsyncClient, counted: Recount, committed_from: int
) -> None:
    body = await asked(api, ("stage",), committed_from=committed_from)
    assert shown(body, ("stage",)) == counted.lines(("stage",), committed_from=committed_from)


@pytest.mark.requirement("TS-A6")
async def test_who_changes_groups_takes_along_what_is_open_but_not_what_he_has_won(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    await make_groups(rows)
    seller = {"seller.1": 100}
    await rows.add(
        Opportunity(100, today() - timedelta(days=40), "follow-up-call", seller),
        Opportunity(10, today() - timedelta(days=29), "follow-up-call", seller),
        Opportunity(1, today() - timedelta(days=40), sellers=seller),
    )
    body = await asked(api, ("group",))
    found = {line["label"]: (line["won"], line["open"]) for line in body["lines"]}
    assert found == {"Group 1": (100, 0), "Group 3": (100, 0), "Group 4": (10, 1)}


@pytest.mark.requirement("TS-A6")
async def test_who_is_in_two_groups_counts_in_both_and_once_in_the_total(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    await make_groups(rows)
    await rows.add(
        Opportunity(100, today(), sellers={"seller.0": 60, "seller.4": 40}),
        Opportunity(7, today()),
    )
    body = await asked(api, ("group",))
    found = {line["label"]: (line["open"], line["opportunities"]) for line in body["lines"]}
    # Nobody's, and whose group was removed, is of no group.
    assert found == {"Group 1": (60, 1), "Group 2": (60, 1), "Group 3": (60, 1), None: (47, 2)}
    (total,) = body["totals"]
    assert (total["open"], total["opportunities"]) == (107, 2)


@pytest.mark.requirement("TS-28", "TS-29")
async def test_what_is_open_counts_in_its_month_and_what_is_closed_on_its_day(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    first = shifted(today(), -1)
    last = shifted(today(), 0) - timedelta(days=1)
    await rows.add(
        Opportunity(1, last),
        Opportunity(10, last + timedelta(days=1)),
        Opportunity(100, last, "follow-up-call"),
        Opportunity(1000, first - timedelta(days=1), "follow-up-call"),
        Opportunity(10_000, last, "lost-customer"),
        Opportunity(100_000, last, "expired"),
    )
    month = f"{first:%Y-%m}"
    answer = await api.get(PATH, params={"from": month, "to": month, "by": "stage"})
    lines = [(one["label"], one["best"], one["weighted"]) for one in answer.json()["lines"]]
    assert lines == [("Phone call", 1, 0), ("Follow-up call", 100, 100)]
    quarter = f"{first.year}-Q{(first.month + 2) // 3}"
    answer = await api.get(PATH, params={"from": quarter, "to": quarter, "by": "quarter"})
    (line,) = answer.json()["lines"]
    assert line["by"] == quarter and line["best"] >= 101


@pytest.mark.requirement("TS-31")
async def test_lines_have_order_and_names(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.add(
        *(Opportunity(1, today(), stage, type=kind) for stage, kind in product(OUTCOME, (None, 1)))
    )
    params = {"language": "fi"}
    body = await asked(api, ("stage", "type"), **params)
    assert [(line["by"], line["label"], line["and_label"]) for line in body["lines"]] == [
        (number, label, kind)
        for (number, label), kind in product(
            (("1", "Puhelu"), ("2", "Ensimmäinen käynti"), ("3", "Toinen käynti")),
            ("Lisämyynti", None),
        )
    ] + [("4", "Jälkisoitto", "Lisämyynti"), ("4", "Jälkisoitto", None)]


@pytest.mark.requirement("TS-31")
async def test_a_table_runs_nothing_in_a_spreadsheet(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.add(Opportunity(250, today(), sellers={"=cmd|'calc'!A1": 60, "anna.k": 40}))
    month = f"{today():%Y-%m}"
    params = {"from": month, "to": month, "by": "seller,month", "format": "csv"}
    answer = await api.get(PATH, params=params)
    assert answer.headers["content-type"].startswith("text/csv")
    header, evil, anna = csv.reader(io.StringIO(answer.text))
    assert header[:5] == ["by", "label", "and_by", "and_label", "currency"]
    assert evil[0].startswith("'=") and evil[1].startswith("'=")
    cells = dict(zip(header, anna, strict=True))
    assert (cells["by"], cells["and_by"], cells["open"]) == ("anna.k", month, "100")


@pytest.mark.requirement("TS-31")
@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "2026-11", "to": "2026-10"}, "to"),
        ({"from": "2026-Q4", "to": "2026-Q3"}, "to"),
        ({"from": "2010-01", "to": "2020-01"}, "from"),
        ({"from": "2026-13", "to": "2026-12"}, "from"),
        ({"from": "1899-12", "to": "1900-01"}, "from"),
        ({"to": "2026-Q5"}, "to"),
        ({"by": "moon"}, "by"),
        ({"by": "month,month"}, "by"),
        ({"by": "month,group,type"}, "by"),
        ({"group_id": str(uuid4())}, "group_id"),
        ({"group_id": group_id(5)}, "group_id"),
        ({"stage": 77}, "stage"),
        ({"pipeline": 77}, "pipeline"),
        ({"type": 77}, "type"),
        ({"committed_from": 101}, "committed_from"),
        ({"currency": "eur"}, "currency"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_field(
    api: httpx.AsyncClient, rows: Rows, params: dict[str, Any], field: str
) -> None:
    await make_groups(rows)
    answer = await api.get(PATH, params={"from": "2026-11", "to": "2026-12", **params})
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    assert problem["field"].endswith(field)
    assert problem["reason"] and problem["remedy"]


@pytest.mark.requirement("TS-31")
async def test_ten_years_may_be_asked_for(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.add(Opportunity(1, date(2019, 12, 31)))
    answer = await api.get(PATH, params={"from": "2010-01", "to": "2019-12"})
    assert [line["by"] for line in answer.json()["lines"]] == ["2019-12"]
