"""The demo's calls: recorded once, done up to now and planned from then on."""

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from apps.embedded.application import Embedded
from apps.embedded.demo.calls import SELLERS, call_commands, load_calls, set_targets
from services.activities.domain.activity import State
from shared.chassis.http.app import create_app
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from shared.contracts.pipeline import Membership, UserGroupSaved
from tests.integration.activities.conftest import KEY
from tests.integration.activities.world import World

HELSINKI = ZoneInfo("Europe/Helsinki")


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 23, 10, tzinfo=UTC),
        datetime(2026, 11, 29, 21, 59, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    ],
)
def test_calls_before_now_are_done_and_those_after_are_planned(now: datetime) -> None:
    calls = list(call_commands([UUID(int=1)], now=now, zone=HELSINKI))
    assert len(calls) == 3000
    for one in calls:
        assert one.starts_at is not None
        is_over = one.duration is not None and one.starts_at + one.duration <= now
        assert (one.state is State.DONE) == is_over
    ahead = sum(one.state is State.OPEN for one in calls)
    assert 31 <= ahead <= 31 + 43, "the coming week, and what is left of this one"
    known = {one.ref for one in calls}
    assert len(known) == 3000


async def test_a_second_run_of_the_demo_records_nothing_and_sets_no_target(
    activities: Service, api: httpx.AsyncClient, world: World
) -> None:
    for _ in range(3):
        await world.customer()
    team = new_id()
    members = [Membership(seller=seller) for seller in SELLERS]
    group = {"group_id": team, "version": 1, "title": "Field sales", "kind": "sales"}
    await world.hear(UserGroupSaved(**group, members=members))
    key = SecretStr(KEY)
    app = create_app([activities], api_key=key, title="demo", version="0")
    embedded = Embedded(app, [activities], key, HELSINKI)

    async def counts() -> list[int]:
        async with activities.engine.connect() as connection:
            result = await connection.execute(
                text(
                    "SELECT (SELECT count(*) FROM activity) AS recorded, "
                    "(SELECT sum(done) FROM tally) AS done, (SELECT count(*) FROM seller) AS who, "
                    "(SELECT count(*) FROM target) AS targets"
                )
            )
            return list(result.one())

    async def run() -> int:
        loaded: list[int] = []
        await load_calls(api, embedded, loaded.append)
        await set_targets(api, embedded, str(team))
        return sum(loaded)

    assert await run() == 3000
    first = await counts()
    assert (first[0], first[2], first[3]) == (3000, 6, 7), "a target each, and one of the team"
    assert first[1] > 1000, "sales actions count to targets"
    asked = {"group_id": str(team), "period": "week", "periods": 60}
    weeks = (await api.get("/v1/target-progress", params=asked)).json()["weeks"]
    assert sum(one["done"] for one in weeks) == first[1], "the team's weeks have all of them"
    leaders = (await api.get("/v1/target-leaderboard?category=3&period=week")).json()["items"]
    assert {one["seller"] for one in leaders} == set(SELLERS)

    await run()
    assert await counts() == first
