"""What the tests of segments have in common."""

from typing import Any
from uuid import UUID, uuid4

from services.mailing.domain.rules import Rule
from services.mailing.handlers.keep_segments import make_segment
from tests.integration.mailing.rig import Rig, customer_saved, value_saved

TICKED: dict[str, Any] = {"op": "has_attribute", "number": 7}
GROUP: dict[str, Any] = {"op": "customer_has", "list": "customer_group", "numbers": [1]}


async def make(rig: Rig, rule: dict[str, Any]) -> UUID:
    async with rig.service.units() as uow:
        return (await make_segment("Some", Rule.model_validate(rule), uow)).segment_id


async def made(rig: Rig, rule: dict[str, Any]) -> UUID:
    segment_id = await make(rig, rule)
    await rig.settle()
    return segment_id


async def members(rig: Rig, segment_id: UUID) -> set[UUID]:
    rows = await rig.rows(
        "SELECT contact_id FROM member JOIN segment ON live_rule_id = rule_id "
        "WHERE segment_id = :id",
        id=segment_id,
    )
    return {contact_id for (contact_id,) in rows}


async def grouped(rig: Rig) -> tuple[UUID, UUID, UUID]:
    """Return a segment of group 1, and a customer with a contact; group 2 lies in no other."""
    await rig.hear(value_saved("customer_group", 1), value_saved("customer_group", 2))
    company = uuid4()
    await rig.hear(customer_saved(company))
    return await made(rig, GROUP), company, await rig.contact(at=(company,))
