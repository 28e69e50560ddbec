"""What the inbox takes for the same message, and what for another."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic_core import from_json, to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis import inbox as inbox_module
from shared.chassis.clock import system_clock
from shared.chassis.database import connect
from shared.chassis.inbox import Inbox, Stored
from shared.chassis.messages import Incoming
from shared.chassis.testing.servers import Postgres
from shared.contracts.envelope import body_hash
from tests.integration.chassis.rig import SAVED, build, headers_of, read_label, read_stored

DATA = {"id": "ä/1", "amount": "10.50", "weight": 1.10, "lines": [{"a": 1, "b": None}, {"c": []}]}


@pytest.fixture
async def engine(postgres: Postgres) -> AsyncIterator[AsyncEngine]:
    async with postgres.database("chassis", build) as url:
        made = connect(url, name="inbox-test")
        yield made
        await made.dispose()


@pytest.fixture
def inbox(engine: AsyncEngine) -> Inbox:
    return Inbox(
        engine,
        system_clock,
        read_label=read_label,
        read_data=read_stored,
        body_hash=body_hash,
    )


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the errors logged."""
    names: list[str] = []

    class Log:
        def error(self, name: str, **_: object) -> None:
            names.append(name)

    monkeypatch.setattr(inbox_module, "log", Log())
    return names


def event(data: Any = DATA, *, kind: str = SAVED) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "erp", "type": kind, "data": data}


def structured(document: dict[str, Any], **options: Any) -> Incoming:
    return Incoming(json.dumps(document, **options).encode(), {})


def binary(body: bytes, *, kind: str = SAVED) -> Incoming:
    return Incoming(body, headers_of("1", kind=kind, source="erp"))


FORMS = {
    "single": structured(event()),
    "spaced": structured(event(), indent=2),
    "compact": structured(event(), separators=(",", ":")),
    "keys": structured(dict(reversed(event(dict(reversed(DATA.items()))).items()))),
    "array": Incoming(to_json(from_json(json.dumps([event()]))[0]), {}),
    "number": Incoming(json.dumps(event()).replace("1.1,", "1.10,").encode(), {}),
    "binary": binary(json.dumps(DATA).encode()),
    "binary spaced": binary(json.dumps(DATA, indent=1).encode()),
}


@pytest.mark.parametrize("first", FORMS)
async def test_the_same_event_in_another_form_is_a_duplicate(
    inbox: Inbox, alarms: list[str], first: str
) -> None:
    assert len({(form.body, "ce-id" in form.headers) for form in FORMS.values()}) == len(FORMS)
    assert await inbox.store([FORMS[first]]) == [Stored.ACCEPTED]

    assert await inbox.store(list(FORMS.values())) == [Stored.DUPLICATE] * len(FORMS)
    assert not alarms


async def test_the_same_event_in_several_forms_within_a_batch_is_one(inbox: Inbox) -> None:
    fates = await inbox.store(list(FORMS.values()))
    assert fates == [Stored.ACCEPTED] + [Stored.DUPLICATE] * (len(FORMS) - 1)


OTHERS = {
    "value": structured(event({**DATA, "amount": "10.51"})),
    "sort of value": structured(event({**DATA, "amount": 10.5})),
    "more": structured(event({**DATA, "more": None})),
    "less": structured(event({"id": "ä/1"})),
    "order of a list": structured(event({**DATA, "lines": [{"c": []}, {"a": 1, "b": None}]})),
    "type": structured(event(kind="teller.other.v1")),
    "type alone": binary(json.dumps(DATA).encode(), kind="teller.other.v1"),
    "no data": structured({key: value for key, value in event().items() if key != "data"}),
    "no JSON": binary(b'{"id": '),
    "an endless number": binary(b'{"id": ' + b"9" * 5000 + b"}"),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("first", ["single", "binary"])
async def test_other_content_is_parked_and_alarmed(
    inbox: Inbox, engine: AsyncEngine, alarms: list[str], first: str, other: str
) -> None:
    fates = await inbox.store([FORMS[first], OTHERS[other], OTHERS[other]])

    assert fates == [Stored.ACCEPTED, Stored.PARKED, Stored.PARKED]
    assert set(alarms) == {"message_id_reused"}
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT reason, body FROM inbox ORDER BY seq"))
        assert [(row.reason, row.body) for row in rows] == [
            (None, FORMS[first].body),
            ("message_id_reused", OTHERS[other].body),
        ]


async def test_two_unreadable_bodies_are_two(inbox: Inbox) -> None:
    bodies = [binary(b"{1"), binary(b"{2"), binary(b"{1")]
    assert await inbox.store(bodies) == [Stored.ACCEPTED, Stored.PARKED, Stored.DUPLICATE]


async def test_the_same_messages_at_once_in_another_order_do_not_deadlock(inbox: Inbox) -> None:
    for round_ in range(5):
        names = [f"{round_}-{number}" for number in range(1000)]
        random.Random(round_).shuffle(names)
        batch = [Incoming(b"{}", headers_of(name)) for name in names]

        forth, back = await asyncio.gather(inbox.store(batch), inbox.store(batch[::-1]))

        for one, other in zip(forth, back[::-1], strict=True):
            assert {one, other} == {Stored.ACCEPTED, Stored.DUPLICATE}


async def test_messages_are_numbered_in_order_of_arrival(inbox: Inbox, engine: AsyncEngine) -> None:
    names = [f"{number}" for number in range(500)]
    random.Random(4).shuffle(names)

    await inbox.store([Incoming(b"{}", headers_of(name)) for name in names])

    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT message_id FROM inbox ORDER BY seq"))
        assert list(rows.scalars()) == names
