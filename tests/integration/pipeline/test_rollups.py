"""Whatever happens to opportunities, the rollups are what a recount gives (TS-27, TS-28)."""

import asyncio
import os
from datetime import date
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.pipeline.domain import money
from shared.chassis.service import Service
from tests.integration.pipeline.rows import OUTCOME, PROBABILITY, Opportunity, Rows, total
from tests.integration.pipeline.world import World

EXAMPLES = int(os.environ.get("SUHDE_SEQUENCES", "25"))
SHARED = (
    {},
    {"anna.k": 100},
    {"bo.s": 100},
    {"anna.k": 67, "bo.s": 33},
    {"cia.l": 34, "anna.k": 33, "bo.s": 33},
)
DAYS = (date(2026, 11, 1), date(2026, 11, 23), date(2026, 12, 31), date(2027, 2, 28))
OPPORTUNITIES = st.builds(
    Opportunity,
    value=st.integers(0, 10_007),
    day=st.sampled_from(DAYS),
    stage=st.sampled_from(list(OUTCOME)),
    sellers=st.sampled_from(SHARED),
    currency=st.sampled_from(("EUR", "SEK")),
    type=st.sampled_from((None, 1, 2)),
)
CHANGES = st.one_of(
    st.tuples(st.just("value = :new"), st.integers(0, money.LARGEST)),
    st.tuples(st.just("currency = :new"), st.sampled_from(("EUR", "SEK", "NOK"))),
    st.tuples(st.just("type = CAST(:new AS int)"), st.sampled_from((None, "type 1", "type 2"))),
    st.tuples(st.just("stage"), st.sampled_from(list(OUTCOME))),
    st.tuples(st.just("sellers"), st.sampled_from(SHARED)),
    st.tuples(st.just("expected_close = :new"), st.sampled_from(DAYS)),
    st.tuples(
        st.just("closed_on = CASE WHEN outcome <> 'open' THEN CAST(:new AS date) END"),
        st.sampled_from(DAYS),
    ),
    st.tuples(
        st.just("probability = CASE outcome WHEN 'open' THEN :new ELSE probability END"),
        st.integers(0, 100),
    ),
    st.tuples(st.just("deleted_at = CAST(:new AS timestamptz)"), st.just(None)),
    st.tuples(st.just("deleted_at = now() + make_interval(secs => :new)"), st.integers(0, 9)),
    st.tuples(st.just("position = position + :new"), st.integers(1, 9)),
)
# What is changed is every `n`-th, so one or many in a statement; none is new ones instead.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(OPPORTUNITIES, min_size=1, max_size=6)),
        st.tuples(st.just("change"), st.integers(1, 4), st.integers(0, 3), CHANGES),
        st.tuples(st.just("remove"), st.integers(2, 5)),
    ),
    min_size=3,
    max_size=15,
)
_EVERY = "abs(hashtext(CAST(opportunity_id AS text))) % :every = :place % :every"
_STAGE = """
    stage = :stage, outcome = :outcome, closed = :outcome <> 'open', probability = :probability,
    closed_on = CASE WHEN :outcome <> 'open' THEN coalesce(closed_on, CAST(:day AS date)) END
"""
_REMOVE = (
    "DELETE FROM opportunity_state",
    f"DELETE FROM opportunity WHERE {_EVERY}",  # noqa: S608
)


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows(pipeline, await world.customer()).begin()


async def take(rows: Rows, step: Any) -> None:
    match step:
        case ("add", opportunities):
            await rows.add(*opportunities)
        case ("change", every, place, (what, new)):
            values = {"new": new, "every": every, "place": place}
            if what == "stage":
                what = _STAGE
                values |= {"stage": rows.stages[new], "outcome": OUTCOME[new]}
                values |= {"probability": PROBABILITY[new], "day": DAYS[place]}
            elif what == "sellers":
                what = "sellers = :sellers, weights = CAST(:weights AS smallint[])"
                values |= {"sellers": list(new), "weights": list(new.values())}
            elif isinstance(new, str) and new.startswith("type"):
                values["new"] = rows.types[int(new[-1]) - 1]
            await rows.write(f"UPDATE opportunity SET {what} WHERE {_EVERY}", **values)  # noqa: S608
        case ("remove", every):
            await rows.write(*_REMOVE, every=every, place=0)


async def check(rows: Rows) -> None:
    shares, shared = await rows.recounted()
    assert await rows.kept() == (shares, shared)
    by_seller: dict[Any, list[Any]] = {}
    by_month: dict[Any, list[Any]] = {}
    for (day, seller, currency, *_), sums in shares.items():
        by_seller.setdefault((seller, currency), []).append(sums)
        by_month.setdefault((day.replace(day=1), currency), []).append(sums)
    live = await rows.read(
        "SELECT currency, value, probability FROM opportunity "
        "WHERE deleted_at IS NULL AND outcome IN ('open', 'won')"
    )
    for currency in {row.currency for row in live}:
        whole = (
            sum(row.value for row in live if row.currency == currency),
            sum(money.weighted(row.value, row.probability) for row in live if row[0] == currency),
        )
        for ways in (by_seller, by_month):
            parts = [total(sums) for key, sums in ways.items() if key[1] == currency]
            assert total(parts)[:2] == whole


@pytest.mark.requirement("TS-27", "TS-28", "TS-30", "TS-A12")
@given(steps=STEPS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_after_any_sequence_of_operations_the_rollups_equal_a_recount(
    rows: Rows, steps: list[Any]
) -> None:
    await rows.write(*_REMOVE, every=1, place=0)
    assert await rows.kept() == ({}, {})
    for step in steps:
        await take(rows, step)
    await check(rows)


@pytest.mark.requirement("TS-A12")
@given(
    value=st.integers(0, money.LARGEST),
    probability=st.integers(0, 100),
    weights=st.sampled_from([(100,), (50, 50), (67, 33), (34, 33, 33), (1,) * 100, (99, 1)]),
)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_the_database_splits_as_the_domain_does(
    rows: Rows, value: int, probability: int, weights: tuple[int, ...]
) -> None:
    await rows.write(*_REMOVE, every=1, place=0)
    sellers = {f"seller.{place:02}": weight for place, weight in enumerate(weights)}
    await rows.add(Opportunity(value, DAYS[0], sellers=sellers, probability=probability))
    kept = await rows.read("SELECT value, weighted FROM forecast_share ORDER BY seller")
    assert [row.value for row in kept] == money.shares(value, weights)
    expected = money.weighted(value, probability)
    assert [row.weighted for row in kept] == money.shares(expected, weights)


@pytest.mark.requirement("TS-27")
async def test_what_changes_nothing_of_a_forecast_touches_no_sum(rows: Rows) -> None:
    await rows.add(*(Opportunity(100, DAYS[0], sellers={"anna.k": 100}) for _ in range(3)))
    places = (
        "SELECT ctid, xmin FROM forecast_share UNION ALL SELECT ctid, xmin FROM forecast_shared"
    )
    before = await rows.read(places)
    await rows.write("UPDATE opportunity SET position = position + 1, name = 'Toinen'")
    # Within one month, and what one loses another gains.
    await rows.write("UPDATE opportunity SET expected_close = '2026-11-30'")
    assert before == await rows.read(places)


@pytest.mark.requirement("TS-27")
async def test_many_writers_at_once_neither_lose_a_sum_nor_wait_in_a_ring(rows: Rows) -> None:
    sellers = [{"anna.k": 60, "bo.s": 40}, {"bo.s": 60, "anna.k": 40}, {"cia.l": 100}]
    ids = await rows.add(
        *(Opportunity(100 + n, DAYS[n % 4], sellers=sellers[n % 3]) for n in range(120))
    )

    async def move(place: int) -> None:
        mine = ids[place::4]
        for stage in ("second-visit", "follow-up-call", "phone-call", "expired", "first-visit"):
            values = {"outcome": OUTCOME[stage], "probability": PROBABILITY[stage]}
            await rows.write(
                f"UPDATE opportunity SET {_STAGE} WHERE opportunity_id = ANY(:mine)",  # noqa: S608
                stage=rows.stages[stage],
                mine=mine,
                day=DAYS[place],
                **values,
            )

    await asyncio.gather(*(move(place) for place in range(4)))
    await check(rows)


@pytest.mark.requirement("TS-27", "TS-31")
async def test_a_recount_mends_what_somebody_broke_and_nothing_else(
    api: httpx.AsyncClient, rows: Rows
) -> None:
    async def mended() -> Any:
        answer = await api.post("/v1/forecast-recounts")
        assert answer.status_code == 200, answer.text
        return answer.json()

    await rows.add(*(Opportunity(100 + n, DAYS[n % 4], sellers=SHARED[n % 5]) for n in range(20)))
    assert await mended() == {"forecast_share": 0, "forecast_shared": 0}
    await rows.write(
        "UPDATE forecast_share SET value = value + 7 WHERE seller = 'bo.s'",
        "DELETE FROM forecast_share WHERE seller = ''",
        "INSERT INTO forecast_shared VALUES ('2031-01-01', '{x}', 'EUR', 1, 0, 5, 3)",
    )
    broken = await rows.read("SELECT count(*) FROM forecast_share WHERE seller = 'bo.s'")
    # The days lie in three months, and in each is one of nobody's.
    assert await mended() == {"forecast_share": broken[0][0] + 3, "forecast_shared": 1}
    await rows.write(
        f"UPDATE opportunity SET deleted_at = now() WHERE {_EVERY}",  # noqa: S608
        every=2,
        place=1,
    )
    await check(rows)
    assert await mended() == {"forecast_share": 0, "forecast_shared": 0}
