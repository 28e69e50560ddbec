"""What every bus must keep, asked of each of them by the same tests."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from typing import Any

import aio_pika
import pytest
from sqlalchemy import text

from shared.chassis import parking, worker
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.bus.port import Outcome
from shared.chassis.clock import system_clock
from shared.chassis.inbox import MAX_MESSAGE
from shared.chassis.messages import Outgoing
from shared.chassis.relay import Relay
from shared.chassis.testing.servers import Postgres
from shared.chassis.testing.waiting import eventually
from tests.integration.chassis.rig import (
    POISON,
    UNSTORABLE,
    Rig,
    Thing,
    batches,
    headers_of,
    make_rig,
    structured,
)

Make = Callable[..., AbstractAsyncContextManager[Rig]]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_RETRY_SECONDS", 0.002)
    monkeypatch.setattr(worker, "FIRST_RECHECK_SECONDS", 0.02)
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.05)


@pytest.fixture(params=["in_process", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def rabbit(request: pytest.FixtureRequest) -> str | None:
    if request.param == "in_process":
        return None
    url: str = request.getfixturevalue("rabbit_url")
    return url


@pytest.fixture
async def rig(postgres: Postgres, rabbit: str | None) -> AsyncIterator[Rig]:
    async with make_rig(postgres, rabbit_url=rabbit) as made:
        yield made


async def test_nothing_is_lost_after_the_commit(rig: Rig) -> None:
    await rig.say(*(Thing(id=f"before-{n}") for n in range(120)))
    await rig.start()
    await rig.say(*(Thing(id=f"after-{n}") for n in range(120)))
    await rig.has(*(f"before-{n}" for n in range(120)), *(f"after-{n}" for n in range(120)))
    assert await rig.effects() == [1] * 240
    assert not await rig.lost()


async def test_nothing_is_sent_after_a_rollback(rig: Rig) -> None:
    await rig.start()
    with pytest.raises(RuntimeError, match="undo"):
        async with rig.teller.units() as unit:
            unit.record(Thing(id="never"))
            await rig.teller.units.finish(unit)
            raise RuntimeError("undo")
    await rig.say(Thing(id="marker"))
    await rig.has("marker")
    assert set(await rig.things()) == {"marker"}
    assert len(await rig.hearer.ask("SELECT seq FROM inbox")) == 1


async def test_duplicates_are_absorbed(rig: Rig) -> None:
    await rig.start()
    body = Thing(id="once").model_dump_json().encode()
    await rig.raw(body, headers_of("d-1", subject="once"), times=4)
    await rig.say(Thing(id="marker"))
    # Every event goes out once more, as after a crash between publishing and marking.
    await rig.has("marker", "once")
    await rig.teller.execute("UPDATE outbox SET sent_at = NULL")
    rig.relay.wake()
    await rig.say(Thing(id="last"))
    await rig.has("last")
    assert await rig.effects() == [1, 1, 1]


@pytest.mark.parametrize("poison", [POISON, UNSTORABLE])
async def test_poison_stands_alone_and_its_aggregate_waits(rig: Rig, poison: str) -> None:
    await rig.say(
        *(Thing(id=f"n-{n}") for n in range(20)),
        Thing(id="bad", version=1, value=poison),
        Thing(id="bad", version=2, value="second"),
        *(Thing(id=f"m-{n}") for n in range(20)),
    )
    await rig.start()
    await rig.has(*(f"n-{n}" for n in range(20)), *(f"m-{n}" for n in range(20)))
    parked = await rig.parked()
    assert [row.reason for row in parked] == ["handler_failed"]
    assert "redrive" in parked[0].detail
    await rig.say(Thing(id="bad", version=3, value="third"), Thing(id="neighbour"))
    await rig.has("neighbour")
    assert "bad" not in await rig.things()

    rig.poisonous.clear()
    async with rig.hearer.engine.begin() as connection:
        assert (
            await parking.redrive(connection, seqs=[parked[0].seq], reason=None, now=system_clock())
            == 1
        )
    rig.worker.wake()

    async def newest() -> bool:
        return (await rig.things()).get("bad") == (3, "third")

    await eventually(newest)
    states = "SELECT seq FROM inbox WHERE state <> 'done' OR blocking"

    async def all_done() -> bool:
        left = await rig.hearer.ask(states)
        assert not left, left
        return True

    await eventually(all_done)
    assert await rig.effects() == [1] * 44


async def test_the_newest_version_wins_whatever_the_order(rig: Rig) -> None:
    await rig.start()
    versions = list(range(1, 31))
    random.Random(8).shuffle(versions)
    for part in batches(versions, 7):
        await rig.say(*(Thing(id="a", version=n, value=f"v{n}") for n in part))

    async def all_done() -> bool:
        done = await rig.hearer.ask("SELECT seq FROM inbox WHERE state = 'done'")
        assert len(done) == 30, len(done)
        return True

    await eventually(all_done)
    assert await rig.things() == {"a": (30, "v30")}


async def test_an_id_with_another_body_is_parked_beside_the_first(rig: Rig) -> None:
    await rig.start()
    for value in ("first", "other", "other"):
        thing = Thing(id="x", value=value)
        await rig.raw(thing.model_dump_json().encode(), headers_of("same", subject="x"))
    await rig.say(Thing(id="marker"))
    await rig.has("marker", "x")
    parked = await rig.parked()
    assert [row.reason for row in parked] == ["message_id_reused"]
    assert "id of its own" in parked[0].detail
    assert (await rig.things())["x"] == (1, "first")


GOOD = Thing(id="z").model_dump_json().encode()
BAD = [
    (b"{ not json", headers_of("1"), "data_unreadable", "JSON"),
    (b"{ not json", {}, "body_invalid", "CloudEvent"),
    (b"\xff\xfe", headers_of("1"), "data_unreadable", "JSON"),
    (b"[1]", {}, "body_invalid", "object"),
    (GOOD, headers_of("1", kind="teller.thing-saved.v9"), "type_unknown", "upgrade"),
    (b'{"version": 1}', headers_of("1"), "id_missing", "Correct the fields"),
    (b'{"id": "z", "version": "x"}', headers_of("1"), "version_invalid", "Correct the fields"),
    (GOOD, headers_of(""), "id_invalid", "non-empty"),
]


@pytest.mark.parametrize(("body", "headers", "reason", "remedy"), BAD)
async def test_what_cannot_be_used_is_parked_with_field_and_remedy(
    rig: Rig, body: bytes, headers: dict[str, str], reason: str, remedy: str
) -> None:
    await rig.start()
    await rig.say(Thing(id="before"))
    await rig.raw(body, headers)
    await rig.say(Thing(id="after"))
    await rig.has("before", "after")
    parked = await rig.parked()
    assert [row.reason for row in parked] == [reason]
    field = reason.rpartition("_")[0]
    assert parked[0].detail.startswith(field)
    assert remedy in parked[0].detail
    assert bytes(parked[0].body) == body


async def test_too_large_is_parked_and_kept_whole_by_the_broker(rig: Rig) -> None:
    await rig.start()
    body = b'{"id": "' + b"x" * MAX_MESSAGE + b'"}'
    await rig.raw(body, headers_of("large"))
    await rig.say(Thing(id="after"))
    await rig.has("after")
    parked = await rig.parked()
    assert [row.reason for row in parked] == ["message_too_large"]
    assert parked[0].detail.startswith("body: ")
    if rig.rabbit_url is None:
        return
    connection = await aio_pika.connect(rig.rabbit_url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(f"suhde.{rig.service}.dead")

        async def letter() -> Any:
            return await queue.get(fail=False)

        dead = await eventually(letter)
        assert dead.body == body
        await dead.ack()


async def test_waiting_is_released_by_what_comes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without rechecks: only the release can let it go on.
    monkeypatch.setattr(worker, "FIRST_RECHECK_SECONDS", 3600.0)
    await rig.start()
    await rig.say(Thing(id="child", needs="parent"), Thing(id="other"))
    await rig.has("other")

    async def waits() -> bool:
        found = await rig.hearer.ask("SELECT waiting_for FROM inbox WHERE state = 'waiting'")
        return [row.waiting_for for row in found] == ["parent"]

    await eventually(waits)
    await rig.say(Thing(id="parent"))
    await rig.has("child", "parent")
    assert await rig.effects() == [1, 1, 1]


async def test_waiting_too_long_is_parked(postgres: Postgres, rabbit: str | None) -> None:
    deadline = timedelta(milliseconds=100)
    async with make_rig(postgres, rabbit_url=rabbit, waiting_deadline=deadline) as rig:
        await rig.start()
        await rig.say(Thing(id="child", needs="parent"))
        parked = await rig.parked()
        assert [row.reason for row in parked] == ["waiting_expired"]
        assert parked[0].detail.startswith("parent did not come")


async def test_several_relays_share_the_work(rig: Rig) -> None:
    await rig.say(*(Thing(id=f"r-{n}") for n in range(300)))
    await rig.bus.start()
    rig.run(rig.worker, *(rig.another_relay() for _ in range(3)))
    await rig.has(*(f"r-{n}" for n in range(300)), within=20)
    assert await rig.effects() == [1] * 300


async def test_what_nobody_hears_but_must_be_heard_is_not_sent(rig: Rig) -> None:
    await rig.bus.start()
    rig.run(rig.worker)
    await rig.say(Thing(id="unheard", heard=False), Thing(id="heard"))

    async def heard() -> bool:
        await rig.relay.send_batch()
        return "heard" in await rig.things()

    await eventually(heard)
    unsent = await rig.teller.ask(
        "SELECT subject FROM outbox WHERE sent_at IS NULL AND quarantined IS NULL"
    )
    assert [row.subject for row in unsent] == ["unheard"]


async def test_more_than_a_batch_of_unheard_events_holds_nobody_back(rig: Rig) -> None:
    await rig.bus.start()
    await rig.say(*(Thing(id=f"unheard{number}", heard=False) for number in range(60)))
    await rig.say(*(Thing(id=f"heard{number}") for number in range(5)))
    relay = rig.another_relay()

    rig.run(relay, rig.worker)

    await rig.has(*(f"heard{number}" for number in range(5)))
    unsent = await rig.teller.ask("SELECT count(*) AS n FROM outbox WHERE sent_at IS NULL")
    assert unsent[0].n == 60


async def test_a_bare_structured_message_is_taken(rig: Rig) -> None:
    await rig.start()
    await rig.raw(structured("s-1", Thing(id="bare")), {}, times=2)
    await rig.has("bare")
    assert await rig.effects() == [1]


async def test_what_the_bus_refuses_is_quarantined_and_the_rest_goes_on(rig: Rig) -> None:
    if rig.rabbit_url is None:
        pytest.skip("the in-process bus refuses nothing")
    await rig.say(Thing(id="one"), Thing(id="h" * 70_000), Thing(id="two"))
    await rig.start()
    await rig.has("one", "two")

    async def quarantined() -> bool:
        rows = await rig.teller.ask("SELECT seq FROM outbox WHERE quarantined IS NOT NULL")
        return len(rows) == 1

    await eventually(quarantined)


async def test_the_bus_tells_whether_it_works(rig: Rig) -> None:
    await rig.start()

    async def well() -> bool:
        problem = await rig.bus.problem()
        assert problem is None, problem
        return True

    await eventually(well)
    await rig.bus.stop_delivery()
    assert await rig.bus.problem()


class FailsOnce(InProcessBus):
    """A bus whose first delivery fails."""

    failed = False

    async def publish(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        if not self.failed:
            self.failed = True
            return [Outcome.FAILED] * len(messages)
        return await super().publish(messages)


class MarksFirst(Relay):
    """The mutant: marks events sent before the bus has them."""

    async def _publish(self, messages: list[Outgoing]) -> list[Outcome]:
        async with self._engine.begin() as connection:
            await connection.execute(
                text(
                    "UPDATE outbox SET sent_at = now() WHERE message_id = ANY(CAST(:ids AS uuid[]))"
                ),
                {"ids": [message.message_id for message in messages]},
            )
        return await super()._publish(messages)


@pytest.mark.parametrize(("relay", "loses"), [(Relay, False), (MarksFirst, True)])
async def test_a_relay_that_marks_first_is_caught(
    postgres: Postgres, relay: type[Relay], loses: bool
) -> None:
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(make_rig(postgres))
        bus = FailsOnce()
        bus._listeners = rig.bus._listeners  # type: ignore[attr-defined]
        await bus.start()
        await rig.say(*(Thing(id=f"{n}") for n in range(5)))
        sender = rig.another_relay(relay, bus)
        while await sender.send_batch() != 0:
            pass
        assert bool(await rig.lost()) is loses
