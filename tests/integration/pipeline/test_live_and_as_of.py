"""What was believed now is what the forecast says now, two ways to the same numbers."""

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

from services.pipeline.domain.forecasts import Dimension
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from tests.integration.pipeline.rows_asof import BEGIN, DAYS, SELLERS, RandomHistory, Rows
from tests.integration.pipeline.world import World

RANGE = {"from": "2026-01", "to": "2026-03"}
MEASURES = ("opportunities", "won", "weighted", "best", "worst", "committed")
Sums = dict[Any, dict[str, int]]


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows.begin(pipeline, await world.customer())


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
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_the_forecast_as_of_now_is_the_live_one(
    rows: Rows, api: httpx.AsyncClient, seed: int, length: int, committed_from: int
) -> None:
    await rows.empty()
    await rows.run("DELETE FROM forecast_share")
    await rows.run("DELETE FROM forecast_shared")
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
