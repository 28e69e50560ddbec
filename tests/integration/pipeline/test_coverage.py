"""What is won and open against a revenue target (TS-30, TS-31)."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.pipeline.forecasting import group_id, make_groups, shifted, today
from tests.integration.pipeline.rows import Opportunity, Rows
from tests.integration.pipeline.world import World

PATH = "/v1/forecasts/coverage"


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    rows = await Rows(pipeline, await world.customer()).begin()
    await make_groups(rows)
    return rows


async def set_target(
    rows: Rows,
    amount: int,
    *,
    period: str = "month",
    first_day: date,
    currency: str = "EUR",
    seller: str | None = None,
    group: str | None = None,
) -> None:
    await rows.write(
        "INSERT INTO revenue_target (target_id, version, seller, group_id, period, first_day, "
        "amount, currency, created_at, updated_at) "
        "VALUES (:id, 1, :seller, :group, :period, :day, :amount, :currency, now(), now())",
        id=uuid4(),
        seller=seller,
        group=group and UUID(group),
        period=period,
        day=first_day,
        amount=amount,
        currency=currency,
    )


def this_month() -> date:
    return shifted(today(), 0)


async def coverage(api: httpx.AsyncClient, **params: Any) -> Any:
    answer = await api.get(PATH, params={"period": f"{this_month():%Y-%m}", **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def make_some(rows: Rows) -> None:
    day = this_month()
    mine = {"seller.0": 60, "seller.4": 40}
    await rows.add(
        Opportunity(1000, day, "follow-up-call", mine),
        Opportunity(2000, day, "second-visit", mine),
        Opportunity(500, day, "phone-call", {"seller.1": 100}),
        Opportunity(9999, day, "lost-customer", mine),
        # Neither before nor after.
        Opportunity(9999, day - timedelta(days=1), "follow-up-call", mine),
        Opportunity(9999, shifted(day, 1), "second-visit", mine),
    )


@pytest.mark.requirement("TS-30", "TS-31", "TS-A12")
async def test_a_target_of_all_is_compared_with_all(api: httpx.AsyncClient, rows: Rows) -> None:
    await make_some(rows)
    await set_target(rows, 2000, first_day=this_month())
    found = await coverage(api)
    assert found["since"] == str(this_month()) and found["currency"] == "EUR"
    # 65 % of 2000, and 15 % of 500.
    assert {name: found[name] for name in ("target", "won", "open", "open_weighted")} == {
        "target": 2000,
        "won": 1000,
        "open": 2500,
        "open_weighted": 1375,
    }
    assert (found["still_wanted"], found["coverage"], found["gap"]) == (1000, "2.50", -375)


@pytest.mark.requirement("TS-30", "TS-A6", "TS-A12")
async def test_a_target_of_a_seller_or_group_is_compared_with_their_shares(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    await make_some(rows)
    await set_target(rows, 900, first_day=this_month(), seller="seller.0")
    await set_target(rows, 500, first_day=this_month(), group=group_id(1))
    await set_target(rows, 7, first_day=this_month())
    found = await coverage(api, seller="seller.0")
    assert (found["target"], found["won"], found["open"]) == (900, 600, 1200)
    assert (found["still_wanted"], found["coverage"], found["gap"]) == (300, "4.00", -480)
    # Nothing more is wanted of the group, whose other member has gone.
    found = await coverage(api, group_id=group_id(1))
    assert (found["target"], found["won"], found["open"]) == (500, 600, 1200)
    assert (found["still_wanted"], found["coverage"], found["gap"]) == (0, None, -880)


@pytest.mark.requirement("TS-30")
async def test_a_quarter_has_a_target_of_its_own(api: httpx.AsyncClient, rows: Rows) -> None:
    await rows.add(
        *(Opportunity(n, date(2031, n, 15), "follow-up-call") for n in (3, 4, 6, 7)),
    )
    await set_target(rows, 100, period="quarter", first_day=date(2031, 4, 1))
    found = await coverage(api, period="2031-Q2")
    assert (found["until"], found["won"], found["gap"]) == ("2031-06-30", 10, 90)
    answer = await api.get(PATH, params={"period": "2031-04"})
    assert (answer.status_code, answer.json()["slug"]) == (404, "no_revenue_target")
    assert "2031-04" in answer.json()["detail"]


@pytest.mark.requirement("TS-30")
async def test_what_is_in_other_currencies_comes_in_at_its_rate_or_not_at_all(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    day = this_month()
    await set_target(rows, 1000, first_day=day)
    await rows.add(Opportunity(5000, day, currency="SEK"), Opportunity(50, day))
    answer = await api.get(PATH, params={"period": f"{day:%Y-%m}"})
    assert answer.status_code == 422
    assert answer.json()["missing"] == {"currency": "SEK", "day": str(today())}
    await rows.write("INSERT INTO exchange_rate VALUES ('SEK', '2020-01-01', 0.1, now())")
    found = await coverage(api)
    assert (found["open"], found["coverage"]) == (550, "0.55")


@pytest.mark.requirement("TS-30")
@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"period": "2026-Q9"}, "period"),
        ({"period": "2026"}, "period"),
        ({"group_id": str(uuid4())}, "group_id"),
        ({"seller": "seller.0", "group_id": group_id(1)}, "group_id"),
    ],
)
async def test_what_has_no_sense_is_refused_by_field(
    api: httpx.AsyncClient, rows: Rows, params: dict[str, Any], field: str
) -> None:
    answer = await api.get(PATH, params={"period": "2026-11", **params})
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    assert problem["field"].endswith(field)
    assert problem["reason"] and problem["remedy"]
