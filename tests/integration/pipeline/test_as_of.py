"""The forecast as of a moment is the one that was true then."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.pipeline.domain.money import shares, weighted
from services.pipeline.persistence.standing import Who, cuts
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from tests.integration.pipeline.rows_asof import BEGIN, RandomHistory, Rows
from tests.integration.pipeline.world import World

HELSINKI = ZoneInfo("Europe/Helsinki")
FIRST, LAST = date(2026, 1, 1), date(2026, 3, 31)
RANGE = {"from": "2026-01", "to": "2026-Q1"}
MEASURES = ("won", "weighted", "best", "worst", "committed")
HOUR = timedelta(hours=1)
Table = Mapping[UUID, Mapping[str, Any]]
Sums = dict[tuple[str | None, str], dict[str, int]]


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows.begin(pipeline, await world.customer())


async def group(
    rows: Rows, *members: tuple[str, date, date | None], parent: UUID | None = None
) -> UUID:
    """Add a user group with members from and until a day."""
    group_id = new_id()
    await rows.run(
        "INSERT INTO user_group (group_id, version, title, kind, parent_id, created_at, updated_at)"
        " VALUES (:id, 1, 'South', 'sales', :parent, :at, :at)",
        id=group_id,
        parent=parent,
        at=BEGIN,
    )
    for seller, since, until in members:
        await rows.run(
            "INSERT INTO user_group_member (group_id, seller, since, until) "
            "VALUES (:id, :seller, :since, :until)",
            id=group_id,
            seller=seller,
            since=since,
            until=until,
        )
    return group_id


async def believed(api: httpx.AsyncClient, at: Any, **asked: Any) -> dict[str, Any]:
    answer = await api.get("/v1/forecasts/as-of", params={"at": at.isoformat(), **RANGE, **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def sums_of(lines: Iterable[dict[str, Any]]) -> Sums:
    return {
        (line.get("by"), line["currency"]): {
            name: line[name] for name in ("opportunities", *MEASURES)
        }
        for line in lines
    }


def recount(table: Table, key: Any) -> Sums:
    """Add up a table as it stood, opportunity by opportunity; `key` gives what each is by."""
    sums: Sums = defaultdict(lambda: dict.fromkeys(("opportunities", *MEASURES), 0))
    for row in table.values():
        day = row["closed_on"] or row["expected_close"]
        if row["deleted"] or row["outcome"] not in ("open", "won") or not FIRST <= day <= LAST:
            continue
        won = row["outcome"] == "won"
        value = row["value"]
        likely = value if won else weighted(value, row["probability"])
        for one, part, expected in key(row, day, value, likely):
            line = sums[one, row["currency"]]
            line["opportunities"] += 1
            line["best"] += part
            line["weighted"] += expected
            line["won"] += part if won else 0
            line["worst"] += part if won else 0
            line["committed"] += part if won or row["probability"] >= 90 else 0
    return dict(sums)


def whole(name: Any) -> Any:
    return lambda row, day, value, likely: [(name(row, day), value, likely)]


def of_seller(row: Any, day: date, value: int, likely: int) -> Any:
    sellers, weights = (row["sellers"], row["weights"]) if row["sellers"] else ([None], [100])
    return zip(sellers, shares(value, weights), shares(likely, weights), strict=True)


@pytest.mark.requirement("TS-27", "TS-30", "TS-31")
@given(seed=st.integers(0, 2**32), length=st.integers(1, 25))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_the_forecast_as_of_a_stored_moment_is_the_one_computed_then(
    rows: Rows, api: httpx.AsyncClient, seed: int, length: int
) -> None:
    await rows.empty()
    history = RandomHistory(rows, seed)
    tables = {}
    for _ in range(length):
        history.wait()
        await history.happens()
        tables[history.now] = await history.table()
    numbers = {step.key: str(step.number) for step in rows.stages.values()}
    ways = {
        "month": whole(lambda row, day: f"{day:%Y-%m}"),
        "quarter": whole(lambda row, day: "2026-Q1"),
        "stage": whole(lambda row, day: numbers[row["stage"]]),
        "type": whole(lambda row, day: None),
        "seller": of_seller,
    }
    for at, table in tables.items():
        for by, way in ways.items():
            found = await believed(api, at, by=by)
            assert sums_of(found["lines"]) == recount(table, way), by
            assert sums_of(found["totals"]) == recount(table, whole(lambda row, day: None))


async def test_the_parts_of_a_seller_are_those_of_the_line_of_the_seller(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    await rows.add(BEGIN, value=1001, sellers=["anna.k", "ville.s"], weights=[67, 33])
    await rows.add(BEGIN, value=500, sellers=["ville.s"], weights=[100])
    found = await believed(api, BEGIN, seller="ville.s")
    assert [(line["by"], line["best"], line["opportunities"]) for line in found["lines"]] == [
        ("2026-02", 1001 - 670 + 500, 2)
    ]


@pytest.mark.requirement("TS-30", "TS-A6")
async def test_in_a_group_is_who_was_on_that_day_with_those_below(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    today = BEGIN.astimezone(HELSINKI).date()
    day = timedelta(days=1)
    above = await group(rows)
    south = await group(rows, ("anna.k", today, today + day), parent=above)
    north = await group(rows, ("anna.k", today, None), ("ville.s", today + day, None))
    await rows.add(BEGIN, value=100, sellers=["anna.k"], weights=[100])
    await rows.add(BEGIN, value=30, sellers=["ville.s"], weights=[100])
    # Won on a day on which he was in the group, whatever the day of the question.
    await rows.add(
        BEGIN, "follow-up-call", value=7, closed_on=today + day, sellers=["ville.s"], weights=[100]
    )

    async def best(days: int) -> dict[str | None, int]:
        found = await believed(api, BEGIN + days * day, by="group")
        assert [line["best"] for line in found["totals"]] == [137]
        return {line["by"]: line["best"] for line in found["lines"]}

    assert await best(0) == {str(above): 100, str(south): 100, str(north): 107, None: 30}
    assert await best(1) == {str(above): 100, str(south): 100, str(north): 137}
    assert await best(2) == {str(north): 137}
    found = await believed(api, BEGIN + 2 * day, group_id=str(above))
    assert not found["lines"] and not found["totals"]
    found = await believed(api, BEGIN, group_id=str(above))
    assert [line["best"] for line in found["lines"]] == [100]


async def test_the_members_of_a_group_are_read_once_and_not_once_for_each_part(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    members = [(f"seller.{n}", BEGIN.date(), None) for n in range(30)]
    who = Who(group=await group(rows, *members))
    for _ in range(5):
        await rows.add(BEGIN, sellers=["seller.29", "seller.28"], weights=[60, 40])
    parts = cuts("state", who, day="state.expected_close")
    statement = f"""
        WITH {who.members} part AS (
            SELECT sum(weight) AS weight FROM opportunity_state AS state
            CROSS JOIN LATERAL (SELECT sum(weight) AS weight FROM {parts} AS part) AS theirs)
        SELECT weight FROM part
    """  # noqa: S608
    assert (await rows.asked(statement, **who.values))[0].weight == 500
    (plan,) = await rows.asked(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", **who.values)

    def loops(node: dict[str, Any]) -> int:
        here = node["Actual Loops"] if node.get("CTE Name") == "member" else 0
        return int(here) + sum(loops(one) for one in node.get("Plans", []))

    assert loops(plan[0][0]["Plan"]) == 1


async def test_it_comes_as_a_table(rows: Rows, api: httpx.AsyncClient) -> None:
    await rows.add(BEGIN)
    answer = await api.get(
        "/v1/forecasts/as-of",
        params={"at": BEGIN.isoformat(), **RANGE, "by": "stage", "format": "csv"},
    )
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines() == [
        "by,label,currency,opportunities,won,weighted,best,worst,committed",
        "1,Phone call,EUR,1,0,1500,10000,0,0",
    ]


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"at": "2999-01-01T00:00:00Z"}, "at", "lies outside"),
        ({"at": "2199-01-01T00:00:00Z"}, "at", "in the future"),
        ({"at": "2026-01-01T00:00:00"}, "at", "timezone"),
        ({"from": "2026-04"}, "to", "before"),
        ({"from": "2016-03"}, "from", "longer than 120 months"),
        ({"from": "2026-13"}, "from", "pattern"),
        ({"to": "November"}, "to", "pattern"),
        ({"by": "moon"}, "by", "'month'"),
        ({"group_id": str(UUID(int=7))}, "group_id", "there is no user group"),
        ({"committed_from": 101}, "committed_from", "100"),
        ({"seller": "a b"}, "seller", "pattern"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_field_reason_and_remedy(
    api: httpx.AsyncClient, said: dict[str, Any], field: str, reason: str
) -> None:
    asked = {"at": BEGIN.isoformat(), **RANGE, **said}
    answer = await api.get("/v1/forecasts/as-of", params=asked)
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    assert problem["field"].endswith(field)
    assert reason in problem["reason"] and problem["remedy"]
