"""Whoever is touched by a change is judged again, by all rules that ask about it."""

from datetime import date
from uuid import uuid4

import pytest

from services.mailing.handlers.keep_segments import check_segment
from services.mailing.handlers.pin_contacts import Pin, pin_contact
from shared.contracts.customers import ContactDeleted, CustomerDeleted, DocumentRecorded
from tests.integration.mailing.laws.hands import TICKED, grouped, made, members
from tests.integration.mailing.rig import Rig, customer_saved, value_saved

pytestmark = pytest.mark.requirement("LS-06", "LS-A10")


async def test_who_leaves_a_group_that_has_moved_is_found(rig: Rig) -> None:
    segment_id, company, one = await grouped(rig)
    await rig.hear(
        value_saved("customer_group", 2, 2, parent=1),
        customer_saved(company, 2, customer_group=[2]),
    )
    assert await members(rig, segment_id) == {one}
    await rig.tell(value_saved("customer_group", 2, 3))
    await rig.tell(customer_saved(company, 3))
    await rig.settle()
    assert await members(rig, segment_id) == set()


async def test_groups_that_move_together_take_along_who_is_in_them(rig: Rig) -> None:
    segment_id, company, one = await grouped(rig)
    await rig.hear(
        value_saved("customer_group", 2, 2, parent=1),
        value_saved("customer_group", 3, 1, parent=2),
        customer_saved(company, 2, customer_group=[3]),
    )
    assert await members(rig, segment_id) == {one}
    await rig.hear(value_saved("customer_group", 2, 3), value_saved("customer_group", 3, 2))
    assert await members(rig, segment_id) == set()


async def test_who_comes_back_is_where_he_was_pinned(rig: Rig) -> None:
    one = await rig.contact()
    segment_id = await made(rig, TICKED)
    async with rig.service.units() as uow:
        await pin_contact(Pin(segment_id, one, True, ""), uow)
    await rig.hear(ContactDeleted(contact_id=one, version=2))
    assert await members(rig, segment_id) == set()
    await rig.contact(contact_id=one, version=3)
    assert await members(rig, segment_id) == {one}


async def test_who_is_pinned_out_stays_out_of_a_set_that_is_found_anew(rig: Rig) -> None:
    one, other = await rig.contact(attributes=(7,)), await rig.contact(attributes=(7,))
    segment_id = await made(rig, TICKED)
    async with rig.service.units() as uow:
        await pin_contact(Pin(segment_id, one, False, ""), uow)
    await rig.settle()
    async with rig.service.units() as uow:
        await check_segment(segment_id, uow)
    await rig.settle()
    assert await members(rig, segment_id) == {other}
    assert not await rig.rows("SELECT 1 FROM segment_rule WHERE why = 'checked' AND exited > 0")


async def test_who_comes_to_a_customer_is_in_what_this_one_holds(rig: Rig) -> None:
    segment_id, company, one = await grouped(rig)
    await rig.hear(customer_saved(company, 2, customer_group=[1]))
    assert await members(rig, segment_id) == {one}
    other = await rig.contact()
    await rig.contact(contact_id=other, version=2, at=(company,))
    assert await members(rig, segment_id) == {one, other}
    await rig.contact(contact_id=one, version=2)
    assert await members(rig, segment_id) == {other}


async def test_what_was_invoiced_goes_with_a_merge_and_comes_back(rig: Rig) -> None:
    merged, heir = uuid4(), uuid4()
    await rig.hear(customer_saved(merged), customer_saved(heir))
    one = await rig.contact(at=(heir,))
    segment_id = await made(rig, {"op": "documents"})
    await rig.hear(
        DocumentRecorded(
            customer_id=merged,
            document_source="erp",
            kind="invoice",
            document_id="1",
            document_date=date(2026, 1, 1),
        )
    )
    assert await members(rig, segment_id) == set()
    await rig.hear(CustomerDeleted(customer_id=merged, version=2, merged_into=heir))
    assert await members(rig, segment_id) == {one}
    await rig.hear(customer_saved(merged, 3))
    assert await members(rig, segment_id) == set()
