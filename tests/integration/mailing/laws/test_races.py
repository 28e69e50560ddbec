"""Who meets whom in the worst moment: nobody's change is lost to a segment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from services.mailing.domain.rules import Rule
from services.mailing.handlers.build_segments import build_next
from services.mailing.handlers.follow_changes import follow_changes
from services.mailing.handlers.keep_segments import change_segment, check_segment
from services.mailing.handlers.pin_contacts import Pin, pin_contact, unpin_contact
from services.mailing.handlers.project_contacts import on_contact_saved
from services.mailing.handlers.project_customers import on_customer_saved
from shared.chassis.messages import Batch, Message
from shared.contracts.customers import ContactDeleted
from shared.contracts.types import Contract
from tests.integration.mailing.laws.hands import TICKED, grouped, made, make, members
from tests.integration.mailing.laws.steps import Steps
from tests.integration.mailing.laws.world import ZONE
from tests.integration.mailing.rig import HASH_OF, Rig, contact_saved, customer_saved, value_saved

SECONDS = 15.0
FILLING = """
    SELECT count(*) FROM pg_locks JOIN pg_database AS here ON here.oid = database
    WHERE objid = 8433324 AND datname = current_database()
"""

pytestmark = pytest.mark.requirement("LS-06", "LS-A10")


def batch(*told: Contract) -> Batch[Any]:
    """Return events as a handler gets them."""
    return Batch([Message(0, "/suhde", str(uuid4()), "x", None, None, one) for one in told])  # type: ignore[arg-type]


async def waits_or_ends(rig: Rig, task: asyncio.Task[Any]) -> None:
    """Return once a task waits for a lock of the database, or has done its work without one."""
    async with asyncio.timeout(SECONDS):
        while not task.done():
            waiting = await rig.one(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database()"
            )
            if waiting:
                return


async def meanwhile(rig: Rig, work: Awaitable[Any], end: Callable[[], Awaitable[Any]]) -> None:
    """Let work begin, end what it has to wait for, and await it."""
    task = asyncio.ensure_future(work)
    await waits_or_ends(rig, task)
    await end()
    async with asyncio.timeout(SECONDS):
        await task


async def test_who_writes_while_a_rule_comes_up_is_found_by_it(rig: Rig) -> None:
    unit = rig.service.units()
    uow = await unit.__aenter__()
    one = uuid4()
    # He looks at what rules ask about before there is one.
    await rig.hear(value_saved("contact_attribute", 7))
    await on_contact_saved(HASH_OF)(batch(contact_saved(one, attributes=(7,))), uow)
    segment_id = await make(rig, TICKED)
    await meanwhile(rig, rig.settle(), lambda: unit.__aexit__(None, None, None))
    await rig.settle()
    assert await members(rig, segment_id) == {one}


async def test_who_enters_a_segment_while_another_comes_to_ask_about_it_enters_both(
    rig: Rig,
) -> None:
    below = await made(rig, TICKED)
    one = uuid4()
    await rig.tell(contact_saved(one, attributes=(7,)))
    unit = rig.service.units()
    await follow_changes(await unit.__aenter__(), ZONE)
    above = await make(rig, {"op": "in_segment", "segment_id": str(below)})
    await meanwhile(rig, rig.settle(), lambda: unit.__aexit__(None, None, None))
    await rig.settle()
    assert await members(rig, below) == await members(rig, above) == {one}


async def test_who_is_deleted_while_a_rule_is_filled_is_no_member(rig: Rig) -> None:
    one, other = await rig.contact(attributes=(7,)), await rig.contact(attributes=(7,))
    segment_id = await make(rig, TICKED)

    async def deleted() -> None:
        if await rig.one(FILLING):
            await rig.tell(ContactDeleted(contact_id=one, version=2))
            async with rig.service.units() as uow:
                await follow_changes(uow, ZONE)

    await build_next(Steps(rig.service.units, at_end=deleted), ZONE)
    assert await rig.one("SELECT deleted FROM contact WHERE contact_id = :id", id=one)
    await rig.settle()
    assert await members(rig, segment_id) == {other}


async def test_who_comes_into_a_group_that_moves_is_found(rig: Rig) -> None:
    segment_id, company, one = await grouped(rig)
    unit = rig.service.units()
    uow = await unit.__aenter__()
    # He sees group 2 where it was, and nobody sees yet that he has come.
    await on_customer_saved(batch(customer_saved(company, 2, customer_group=[2])), uow)
    await rig.tell(value_saved("customer_group", 2, 2, parent=1))
    await meanwhile(rig, rig.settle(), lambda: unit.__aexit__(None, None, None))
    await rig.settle()
    assert await members(rig, segment_id) == {one}


async def test_a_builder_that_comes_late_takes_nothing_away(rig: Rig) -> None:
    one = await rig.contact(attributes=(7,))
    segment_id = await make(rig, TICKED)
    seen = 0

    async def overtaken() -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            await rig.settle()

    await build_next(Steps(rig.service.units, before=overtaken), ZONE)
    assert await members(rig, segment_id) == {one}


@pytest.mark.parametrize("step", range(1, 6))
async def test_a_builder_that_is_cut_off_leaves_it_to_the_next(rig: Rig, step: int) -> None:
    one = await rig.contact(attributes=(7,))
    segment_id = await make(rig, TICKED)
    seen = 0

    async def cut_off() -> None:
        nonlocal seen
        seen += 1
        if seen == step:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await build_next(Steps(rig.service.units, at_end=cut_off), ZONE)
    other = await rig.contact(attributes=(7,))
    assert await members(rig, segment_id) == {one, other}


async def test_a_pin_that_comes_with_a_check_can_be_taken_out_again(rig: Rig) -> None:
    one = await rig.contact()
    segment_id = await made(rig, TICKED)
    unit = rig.service.units()
    await pin_contact(Pin(segment_id, one, True, ""), await unit.__aenter__())

    async def check() -> None:
        async with rig.service.units() as uow:
            await check_segment(segment_id, uow)

    await meanwhile(rig, check(), lambda: unit.__aexit__(None, None, None))
    await rig.settle()
    assert await members(rig, segment_id) == {one}
    async with rig.service.units() as uow:
        await unpin_contact(segment_id, one, uow)
    await rig.settle()
    assert await members(rig, segment_id) == set()


async def test_a_check_does_not_bring_back_the_rule_that_is_changed(rig: Rig) -> None:
    one = await rig.contact(attributes=(7,))
    segment_id = await made(rig, TICKED)
    unit = rig.service.units()
    nobody = Rule.model_validate({"op": "not", "rule": {"op": "all", "rules": []}})
    await change_segment(segment_id, "Nobody", nobody, await unit.__aenter__(), expected=1)

    async def check() -> None:
        async with rig.service.units() as uow:
            await check_segment(segment_id, uow)

    await meanwhile(rig, check(), lambda: unit.__aexit__(None, None, None))
    assert await members(rig, segment_id) == {one}
    await rig.settle()
    assert await members(rig, segment_id) == set()


async def test_what_is_told_during_a_check_is_no_drift(rig: Rig) -> None:
    one = await rig.contact()
    segment_id = await made(rig, TICKED)
    async with rig.service.units() as uow:
        await check_segment(segment_id, uow)
    told = 1

    async def comes() -> None:
        nonlocal told
        if told == 1 and await rig.one(FILLING):
            told = 2
            await rig.tell(contact_saved(one, told, attributes=(7,)))

    async def goes() -> None:
        nonlocal told
        if told == 2 and one in await members(rig, segment_id):
            told = 3
            await rig.tell(contact_saved(one, told))

    await build_next(Steps(rig.service.units, before=goes, at_end=comes), ZONE)
    assert told == 3
    rows = await rig.rows("SELECT entered, exited FROM segment_rule WHERE why = 'checked'")
    assert rows == [(0, 0)]
    await rig.settle()
    assert await members(rig, segment_id) == set()
