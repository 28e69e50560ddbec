"""An open opportunity that needs a look is told once, until something happens to it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text

from services.pipeline.handlers.find_stale import StaleFinder
from services.pipeline.messaging.publications import translate
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.contracts.activities import ActivitySaved
from tests.integration.pipeline.selling import PATH, changed, done, recorded, told
from tests.integration.pipeline.world import World

HELSINKI = ZoneInfo("Europe/Helsinki")
QUIET = timedelta(days=30)


async def found(service: Service, *, later: timedelta = timedelta()) -> int:
    """Look for what is stale, some days from now; return how many were told."""
    now = datetime.now(UTC) + later
    units = UnitOfWorkFactory(service.engine, lambda: now, translate)
    return await StaleFinder(units, HELSINKI, quiet=QUIET).find()


async def words(service: Service, made: dict[str, Any]) -> list[tuple[str, str]]:
    """Return reason and day of each time that it was told as stale."""
    return [
        (data["reason"], data["since"])
        for kind, data in await told(service, made["opportunity_id"])
        if kind == "went-stale"
    ]


def done_about(made: dict[str, Any], at: datetime) -> ActivitySaved:
    """Return that a call about an opportunity was made."""
    return ActivitySaved(
        activity_id=UUID(made["customer_id"]),
        version=1,
        customer_id=UUID(made["customer_id"]),
        opportunity_id=UUID(made["opportunity_id"]),
        category=1,
        kind=1,
        type=1,
        state="done",
        starts_at=at,
        subject="Call",
    )


async def shown(api: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = (await api.get(f"{PATH}/{made['opportunity_id']}")).json()
    return body


async def test_a_day_that_has_passed_is_told_once(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    customer = str(await world.customer())
    today = datetime.now(HELSINKI).date()
    due = await recorded(api, customer_id=customer, expected_close=str(today - timedelta(1)))
    await recorded(api, customer_id=customer, expected_close=str(today + timedelta(2)))
    won = await recorded(api, customer_id=customer, expected_close="2020-01-01")
    await done(api, won, "win")
    gone = await recorded(api, customer_id=customer, expected_close="2020-01-01")
    await api.delete(f"{PATH}/{gone['opportunity_id']}", headers={"If-Match": '"1"'})

    assert await found(pipeline) == 1
    assert await found(pipeline) == 0
    assert await words(pipeline, due) == [("date_passed", str(today - timedelta(1)))]
    marked = await shown(api, due)
    assert (marked["stale_reason"], marked["version"]) == ("date_passed", 1)
    listed = (await api.get(PATH, params={"stale": True})).json()["items"]
    assert [one["opportunity_id"] for one in listed] == [due["opportunity_id"]]

    put_off = await changed(api, due, expected_close=str(today + timedelta(2)))
    assert put_off.json()["stale_reason"] is None
    assert await found(pipeline) == 0
    assert await found(pipeline, later=timedelta(days=4)) == 2
    assert len(await words(pipeline, due)) == 2


async def test_a_day_that_has_passed_is_told_once_whatever_happens_until_it_is_another(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    """Whoever works on what is late needs no word of it each time."""
    customer = str(await world.customer())
    made = await recorded(api, customer_id=customer, expected_close="2020-01-01")
    assert await found(pipeline) == 1
    await world.hear(done_about(made, datetime.now(UTC)))
    renamed = (await changed(api, made, name="Hoist")).json()
    moved = await done(api, renamed, "stage", stage=2)
    assert (moved["stale_reason"], moved["last_activity_at"] is None) == ("date_passed", False)
    assert await found(pipeline) == 0
    again = (await changed(api, moved, expected_close="2020-01-02", stage=2)).json()
    assert again["stale_reason"] is None
    assert await found(pipeline) == 1
    won = await done(api, await shown(api, again), "win")
    assert won["stale_reason"] is None
    assert [day for _, day in await words(pipeline, made)] == ["2020-01-01", "2020-01-02"]


async def test_an_activity_that_changes_nothing_holds_up_nobody(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    """Activities are told anew by the thousand; nobody waits, and they wait for nobody."""
    made = await recorded(api, customer_id=str(await world.customer()))
    told_before = done_about(made, datetime.now(UTC))
    await world.hear(told_before)
    async with pipeline.engine.begin() as connection:
        await connection.execute(text("SELECT FROM opportunity FOR NO KEY UPDATE"))
        async with asyncio.timeout(20):
            await world.hear(told_before)


async def test_what_is_quiet_for_long_is_told_until_something_happens(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    made = await recorded(api, customer_id=str(await world.customer()))
    assert await found(pipeline, later=QUIET - timedelta(hours=1)) == 0
    assert await found(pipeline, later=QUIET + timedelta(hours=1)) == 1
    assert await found(pipeline, later=QUIET + timedelta(hours=1)) == 0
    day = datetime.fromisoformat(made["updated_at"]).astimezone(HELSINKI).date()
    assert await words(pipeline, made) == [("no_activity", str(day))]

    moved = await done(api, made, "stage", stage=2)
    assert moved["stale_reason"] is None
    assert await found(pipeline, later=QUIET + timedelta(hours=1)) == 1
    call = datetime.now(UTC) + timedelta(days=10)
    await world.hear(done_about(made, call))
    after = await shown(api, made)
    assert (after["stale_reason"], after["version"]) == (None, 2)
    assert datetime.fromisoformat(after["last_activity_at"]) == call
    assert await found(pipeline, later=QUIET + timedelta(days=9)) == 0
    assert await found(pipeline, later=QUIET + timedelta(days=11)) == 1
    assert len(await words(pipeline, made)) == 3


async def test_several_who_look_at_once_tell_each_once(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    customer = str(await world.customer())
    made = [
        await recorded(api, customer_id=customer, expected_close="2020-01-01") for _ in range(7)
    ]
    await asyncio.gather(*(found(pipeline) for _ in range(4)))
    # What one of them was holding, the others passed over; it is told by then.
    assert await found(pipeline) == 0
    for one in made:
        assert len(await words(pipeline, one)) == 1


async def test_looking_costs_what_is_found(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    customer = await world.customer()
    async with pipeline.engine.begin() as connection:
        await connection.execute(
            text(
                """
                INSERT INTO opportunity (opportunity_id, version, customer_id, name, value,
                    currency, expected_close, pipeline, stage, outcome, closed, entered_at,
                    probability, probability_source, position, stale_reason, created_at, updated_at)
                SELECT gen_random_uuid(), 1, :customer, 'x', 0, 'EUR', '2020-01-01',
                       stage.parent, stage.key, 'open', false, now(), 15, 'stage', n,
                       'date_passed', now(), now()
                FROM generate_series(1, 3000) AS n
                JOIN list_value AS stage ON stage.list = 'stage' AND stage.number = 1
                """
            ),
            {"customer": customer},
        )
    await recorded(api, customer_id=str(customer), expected_close="2020-01-01")
    async with pipeline.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE opportunity"))
        explained = await connection.execute(
            text(
                """
                EXPLAIN SELECT opportunity_id FROM opportunity
                WHERE deleted_at IS NULL AND outcome = 'open' AND stale_reason IS NULL
                  AND expected_close < '2026-01-01' ORDER BY expected_close, opportunity_id LIMIT 9
                """
            )
        )
        assert "ix_opportunity_due" in "\n".join(explained.scalars())
        explained = await connection.execute(
            text(
                """
                EXPLAIN SELECT opportunity_id FROM opportunity
                WHERE deleted_at IS NULL AND outcome = 'open' AND stale_reason IS NULL
                  AND greatest(last_activity_at, updated_at) < '2020-01-01'
                ORDER BY greatest(last_activity_at, updated_at), opportunity_id LIMIT 9
                """
            )
        )
        assert "ix_opportunity_quiet" in "\n".join(explained.scalars())
