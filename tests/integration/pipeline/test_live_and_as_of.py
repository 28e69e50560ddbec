"""Forecasts, forecasts as of a moment and bridges between two say the same of the same."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.pipeline.domain.bridge import Measure
from services.pipeline.domain.forecasts import Dimension
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from tests.integration.pipeline.rows_asof import (
    BEGIN,
    CURRENCIES,
    DAYS,
    SELLERS,
    RandomHistory,
    Rows,
)
from tests.integration.pipeline.world import World

RANGE = {"from": "2026-01", "to": "2026-03"}
MEASURES = ("opportunities", "won", "weighted", "best", "worst", "committed")
LAWS = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Sums = dict[Any, dict[str, int]]


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows.begin(pipeline, await world.customer())


async def begin_again(rows: Rows) -> None:
    """Forget all opportunities, and what forecasts read of them."""
    await rows.empty()
    await rows.run("TRUNCATE forecast_share, forecast_shared")


async def grow_groups(rows: Rows, chance: Random) -> list[UUID]:
    """Make a tree of groups in which sellers come and go, on days on which things were closed."""
    await rows.run("TRUNCATE user_group CASCADE")
    today = date.today()
    turns = [date(1900, 1, 1), *DAYS, today - timedelta(days=1), today, today + timedelta(days=1)]
    groups: list[UUID] = []
    for _ in range(5):
        group_id = new_id()
        await rows.run(
            "INSERT INTO user_group (group_id, version, title, kind, parent_id, created_at, "
            "updated_at) VALUES (:id, 1, :title, 'sales', :parent, :at, :at)",
            id=group_id,
            title=f"Group {len(groups)}",
            parent=chance.choice([None, *groups]),
            at=BEGIN,
        )
        groups.append(group_id)
        for seller in chance.sample(SELLERS, k=2):
            first, second, third = sorted(chance.sample(turns, k=3))
            stays = [(first, second), (third, chance.choice([None, third]))]
            for since, until in stays if second < third else stays[:1]:
                await rows.run(
                    "INSERT INTO user_group_member VALUES (:id, :seller, :since, :until)",
                    id=group_id,
                    seller=seller,
                    since=since,
                    until=until,
                )
    # Nothing is below the last one, so it may be removed.
    await rows.run(
        "UPDATE user_group SET deleted_at = :at WHERE group_id = :id", id=groups[-1], at=BEGIN
    )
    return groups[:-1]


def sums_of(lines: list[dict[str, Any]]) -> Sums:
    found = {
        (line.get("by"), line["currency"]): {name: line[name] for name in MEASURES}
        for line in lines
    }
    assert len(found) == len(lines)
    return found


async def both(api: httpx.AsyncClient, said: Mapping[str, Any]) -> list[Any]:
    answers = []
    for path, at in (("", {}), ("/as-of", {"at": datetime.now(UTC).isoformat()})):
        answer = await api.get(f"/v1/forecasts{path}", params={**RANGE, **said, **at})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        answers.append((sums_of(body["lines"]), sums_of(body["totals"])))
    return answers


@pytest.mark.requirement("TS-27", "TS-30", "TS-31", "TS-A6")
@given(
    seed=st.integers(0, 2**32),
    length=st.integers(1, 30),
    committed_from=st.sampled_from([0, 34, 90, 100]),
)
@LAWS
async def test_the_forecast_as_of_now_is_the_live_one(
    rows: Rows, api: httpx.AsyncClient, seed: int, length: int, committed_from: int
) -> None:
    await begin_again(rows)
    history = RandomHistory(rows, seed)
    groups = await grow_groups(rows, history.chance)
    for _ in range(length):
        history.wait()
        await history.happens()
    types = await rows.asked("SELECT key FROM list_value WHERE list = 'opportunity_type'")
    if history.ids:
        await rows.change(history.now, *history.some(), type=types[0].key)
    filters: list[dict[str, Any]] = [
        {},
        {"seller": SELLERS[0]},
        *({"group_id": str(group)} for group in groups[:2]),
        {"group_id": str(groups[0]), "seller": SELLERS[1]},
    ]
    for by, asked in product(Dimension, filters):
        live, believed = await both(api, {"by": by, "committed_from": committed_from, **asked})
        assert live == believed, (by, asked)


@pytest.mark.requirement("TS-30", "TS-31", "TS-A6")
@given(seed=st.integers(0, 2**32), length=st.integers(2, 30), measure=st.sampled_from(Measure))
@LAWS
async def test_a_bridge_of_a_group_goes_from_what_was_believed_to_what_is(
    rows: Rows, api: httpx.AsyncClient, seed: int, length: int, measure: Measure
) -> None:
    await begin_again(rows)
    history = RandomHistory(rows, seed)
    groups = await grow_groups(rows, history.chance)
    moments = [history.now]
    for _ in range(length):
        history.wait()
        await history.happens()
        moments.append(history.now)
    since, until = sorted(history.chance.sample(moments, 2))
    span = {**RANGE, "since": since.isoformat(), "until": until.isoformat(), "measure": measure}
    for currency in CURRENCIES[1:]:
        await rows.run(
            "INSERT INTO exchange_rate VALUES (:currency, '2020-01-01', 0.7, :at) "
            "ON CONFLICT DO NOTHING",
            currency=currency,
            at=BEGIN,
        )
    for group, seller in product(groups, (None, SELLERS[0])):
        asked = {"group_id": str(group)} | ({"seller": seller} if seller else {})
        answer = await api.get("/v1/forecasts/bridge", params={**span, **asked})
        bridges = answer.json()["bridges"]
        for end, at in (("start", since), ("end", until)):
            answer = await api.get(
                "/v1/forecasts/as-of", params={**RANGE, "at": at.isoformat(), **asked}
            )
            assert {one["currency"]: one[end] for one in bridges if one[end]} == {
                one["currency"]: one[measure] for one in answer.json()["totals"] if one[measure]
            }
        answer = await api.get("/v1/forecasts/bridge", params={**span, **asked, "currency": "EUR"})
        for one in [*bridges, *answer.json()["bridges"]]:
            assert one["start"] + sum(step["amount"] for step in one["steps"]) == one["end"]
