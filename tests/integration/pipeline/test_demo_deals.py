"""The demo's opportunities: with a history, recorded once."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from pydantic import SecretStr
from sqlalchemy import text

from apps.embedded.application import Embedded
from apps.embedded.demo.calls import SELLERS
from apps.embedded.demo.deals import (
    CURRENCY,
    MOST_DEALS,
    STORIES,
    Large,
    deals,
    load_deals,
    make_groups,
    want_revenue,
)
from services.pipeline.persistence.projections import DocumentRow, save_documents
from shared.chassis.http.app import create_app
from shared.chassis.service import Service
from tests.integration.pipeline.conftest import KEY
from tests.integration.pipeline.world import World

HELSINKI = ZoneInfo("Europe/Helsinki")


def test_a_deal_is_told_in_the_order_of_time_and_all_sellers_have_some() -> None:
    told = list(
        deals([Large(UUID(int=n), 10_000_000) for n in range(60)], today=date(2026, 11, 24))
    )
    assert len(told) == MOST_DEALS
    for steps in told:
        weeks = [at for at, _ in steps]
        assert weeks == sorted(set(weeks), reverse=True)
        assert len({command.ref for _, command in steps}) == 1
    assert {seller for steps in told for seller, _ in steps[0][1].sellers} == set(SELLERS)


async def test_a_bridge_tells_what_became_of_them_and_a_second_run_changes_nothing(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    customers = [await world.customer() for _ in STORIES]
    bought = [
        DocumentRow(
            source="/erp/tests",
            kind="invoice",
            document_id=str(n),
            version=1,
            recorded_at=datetime(2011, 1, 1, tzinfo=UTC),
            customer_id=customer_id,
            voided=False,
            document_date=date(2011, 1, 1),
            currency=CURRENCY,
            net_amount=(n + 1) * 1_000_000,
        )
        for n, customer_id in enumerate(customers)
    ]
    async with pipeline.units() as unit:
        await save_documents(unit.connection, bought)
    key = SecretStr(KEY)
    app = create_app([pipeline], api_key=key, title="demo", version="0")
    embedded = Embedded(app, [pipeline], key, HELSINKI)

    async def run() -> int:
        said: list[int] = []
        team = await make_groups(api)
        await load_deals(embedded, said.append)
        await want_revenue(api, embedded, team)
        return sum(said)

    async def stored() -> list[int]:
        async with pipeline.engine.connect() as connection:
            result = await connection.execute(
                text(
                    "SELECT (SELECT sum(version) FROM opportunity) AS said, "
                    "(SELECT count(*) FROM opportunity_state) AS states, "
                    "(SELECT count(*) FROM user_group) AS groups, "
                    "(SELECT count(*) FROM revenue_target) AS targets"
                )
            )
            return list(result.one())

    steps = sum(len(story) for story in STORIES)
    assert await run() == steps
    first = await stored()
    assert first == [steps, steps, 2, 1]
    now = pipeline.clock()
    since = (now - timedelta(weeks=4)).astimezone(HELSINKI)
    asked = {"from": f"{since:%Y-%m}", "to": f"{now + timedelta(days=60):%Y-%m}"}
    answer = await api.get("/v1/forecasts/bridge", params=asked | {"since": since.isoformat()})
    (bridge,) = answer.json()["bridges"]
    amounts = {step["cause"]: step["amount"] for step in bridge["steps"]}
    assert bridge["start"] + sum(amounts.values()) == bridge["end"]
    assert {"new", "lost", "won", "slipped_out", "grown", "shrunk", "more_likely"} <= set(amounts)

    assert await run() == 0
    assert await stored() == first
