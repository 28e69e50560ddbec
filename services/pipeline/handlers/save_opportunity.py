"""Record and change opportunities (TS-27 to TS-34, TS-A2 to TS-A5, TS-A12, VF-A6)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.pipeline.domain.opportunity import Rules
from services.pipeline.handlers.live import locked_opportunity
from services.pipeline.handlers.plan_opportunity import SaveOpportunity, planner
from services.pipeline.handlers.tell_opportunities import tell_changes
from services.pipeline.persistence import opportunities as store
from shared.chassis.unit_of_work import UnitOfWork


async def record_opportunity(command: SaveOpportunity, uow: UnitOfWork, rules: Rules) -> UUID:
    """Record an opportunity; return its id. Raises the refusal that names the field."""
    plan = await planner([command], uow, rules)
    return (await store_opportunities([plan.new(command)], uow))[0]


async def store_opportunities(rows: Sequence[Mapping[str, Any]], uow: UnitOfWork) -> list[UUID]:
    """Store new opportunities as they were planned and tell of them; return their ids."""
    ids = [row["opportunity_id"] for row in rows]
    await store.insert_opportunities(uow.connection, rows, now=uow.now)
    await tell_changes(ids, {}, uow)
    return ids


async def change_opportunity(
    opportunity_id: UUID,
    command: SaveOpportunity,
    uow: UnitOfWork,
    rules: Rules,
    *,
    expected: int,
) -> None:
    """Replace what a live opportunity says, if it is still at the expected version."""
    # What is named is kept before the opportunity is locked, in the order in which all do.
    plan = await planner([command], uow, rules)
    present = await locked_opportunity(opportunity_id, expected, uow)
    await store.update_opportunities(uow.connection, [plan.changed(command, present)], now=uow.now)
    await tell_changes([opportunity_id], {opportunity_id: present}, uow)
