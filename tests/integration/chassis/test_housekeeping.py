"""Housekeeping removes what has served its time, and nothing else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.clock import Clock
from shared.chassis.database import connect
from shared.chassis.housekeeping import FLEETING, Housekeeper
from shared.chassis.testing.servers import Postgres
from tests.integration.chassis.rig import build

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RETENTION = timedelta(days=30)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def engine(postgres: Postgres) -> AsyncIterator[AsyncEngine]:
    async with postgres.database("chassis", build) as url:
        made = connect(url, name="housekeeping-test")
        yield made
        await made.dispose()


def housekeeper(
    engine: AsyncEngine, *, chunk: int = 5000, clock: Clock = lambda: NOW
) -> Housekeeper:
    return Housekeeper(
        engine, clock, retention=RETENTION, fleeting=frozenset({"probe"}), chunk=chunk
    )


async def message(
    engine: AsyncEngine,
    name: str,
    *,
    age: timedelta,
    kind: str = "order",
    state: str = "done",
    finished: timedelta | None = None,
) -> None:
    """Put a message into the inbox that came `age` ago and was finished so long ago."""
    done = NOW - (age if finished is None else finished) if state == "done" else None
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO inbox (source, message_id, type, structured, body, body_hash, headers,"
                " state, received_at, available_at, done_at) "
                "VALUES ('s', :name, :kind, false, '', '', '{}', :state, :came, :came, :done)"
            ),
            {"name": name, "kind": kind, "state": state, "came": NOW - age, "done": done},
        )


async def event(
    engine: AsyncEngine, name: str, *, age: timedelta, kind: str = "order", sent: bool = True
) -> None:
    """Put an event into the outbox that was said, and sent if it was, so long ago."""
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO outbox (message_id, type, subject, body, time, sent_at) "
                "VALUES (gen_random_uuid(), :kind, :name, '', :came, :sent)"
            ),
            {"name": name, "kind": kind, "came": NOW - age, "sent": NOW - age if sent else None},
        )


async def left(engine: AsyncEngine, what: str) -> list[str]:
    async with engine.connect() as connection:
        return list((await connection.execute(text(what))).scalars())


INBOX = "SELECT message_id FROM inbox ORDER BY seq"
OUTBOX = "SELECT subject FROM outbox ORDER BY seq"


async def test_done_messages_and_sent_events_go_after_the_retention(engine: AsyncEngine) -> None:
    for name, age in (("old", RETENTION + MINUTE), ("young", RETENTION - MINUTE)):
        await message(engine, name, age=age)
        await event(engine, name, age=age)
    await message(engine, "done late", age=RETENTION * 2, finished=MINUTE)

    await housekeeper(engine).sweep()

    assert await left(engine, INBOX) == ["young", "done late"]
    assert await left(engine, OUTBOX) == ["young"]


@pytest.mark.parametrize("kind", ["order", "probe"])
async def test_what_is_not_finished_stays_however_old(engine: AsyncEngine, kind: str) -> None:
    for state in ("pending", "waiting", "parked"):
        await message(engine, state, age=RETENTION * 2, kind=kind, state=state)
    await event(engine, "unsent", age=RETENTION * 2, kind=kind, sent=False)

    await housekeeper(engine).sweep()

    assert await left(engine, INBOX) == ["pending", "waiting", "parked"]
    assert await left(engine, OUTBOX) == ["unsent"]


async def test_fleeting_messages_go_after_an_hour(engine: AsyncEngine) -> None:
    for kind in ("probe", "order"):
        for name, age in (("old", FLEETING + MINUTE), ("young", FLEETING - MINUTE)):
            await message(engine, f"{name} {kind}", age=age, kind=kind)
            await event(engine, f"{name} {kind}", age=age, kind=kind)

    await housekeeper(engine).sweep()

    assert await left(engine, INBOX) == ["young probe", "old order", "young order"]
    assert await left(engine, OUTBOX) == ["young probe", "old order", "young order"]


async def test_what_was_too_young_goes_in_a_later_sweep(engine: AsyncEngine) -> None:
    moments = iter((NOW, NOW + 2 * MINUTE))
    keeper = housekeeper(engine, chunk=2, clock=lambda: next(moments))
    for number in range(7):
        await message(engine, f"{number}", age=FLEETING + (3 - number) * MINUTE, kind="probe")
    await message(engine, "order", age=timedelta())

    await keeper.sweep()
    assert await left(engine, INBOX) == ["3", "4", "5", "6", "order"]
    await keeper.sweep()
    assert await left(engine, INBOX) == ["5", "6", "order"]


async def test_a_fleeting_message_finished_late_goes_with_the_others(engine: AsyncEngine) -> None:
    moments = iter((NOW, NOW + 2 * FLEETING, NOW + RETENTION))
    keeper = housekeeper(engine, chunk=2, clock=lambda: next(moments))
    await message(engine, "late", age=2 * FLEETING, finished=MINUTE, kind="probe")
    await message(engine, "order", age=FLEETING, state="parked")

    for expected in (["late", "order"], ["late", "order"], ["order"]):
        await keeper.sweep()
        assert await left(engine, INBOX) == expected


@pytest.mark.parametrize("chunk", [1, 3, 10, 11])
async def test_many_go_in_chunks(engine: AsyncEngine, chunk: int) -> None:
    for number in range(10):
        await message(engine, f"{number}", age=RETENTION * 2)
        await event(engine, f"{number}", age=RETENTION * 2, sent=number != 4)
    await message(engine, "young", age=MINUTE)

    await housekeeper(engine, chunk=chunk).sweep()

    assert await left(engine, INBOX) == ["young"]
    assert await left(engine, OUTBOX) == ["4"]


async def test_idempotency_keys_go_after_two_days(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO idempotency_key (key, request_hash, created_at) "
                "SELECT n, '', CAST(:now AS timestamptz) - make_interval(hours => n * 10) "
                "FROM generate_series(1, 9) AS n"
            ),
            {"now": NOW},
        )

    await housekeeper(engine, chunk=2).sweep()

    keys = await left(engine, "SELECT key FROM idempotency_key ORDER BY key")
    assert keys == ["1", "2", "3", "4"]
