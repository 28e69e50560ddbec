"""Keep revenue targets: one of a subject and a month or quarter."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.revenue_targets import Span, TargetSubject
from services.pipeline.persistence import revenue_targets as store
from services.pipeline.persistence.groups import keep_group
from shared.chassis.errors import InvalidField, Kind, Refusal, check_version
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork


class RevenueTargetNotFound(Refusal):
    """There is no such revenue target."""

    kind = Kind.NOT_FOUND
    slug = "revenue_target_not_found"
    remedy = "Find its id: GET /v1/revenue-targets."


class RevenueTargetExists(Refusal):
    """There is a revenue target of the same subject and period already."""

    kind = Kind.CONFLICT
    slug = "revenue_target_exists"
    remedy = "Change that one: PUT /v1/revenue-targets/{target_id}."


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is wanted, in minor units of a currency."""

    amount: int
    currency: str


async def set_target(subject: TargetSubject, span: Span, wanted: Wanted, uow: UnitOfWork) -> UUID:
    """Set a target; return its id. Refuses a group that is not there, and a second target."""
    if subject.group_id is not None and (
        await keep_group(uow.connection, subject.group_id) is None
    ):
        raise InvalidField(
            "group_id",
            f"there is no user group {subject.group_id}",
            "Find its id: GET /v1/user-groups.",
        )
    target_id = new_id()
    added = await store.insert_target(
        uow.connection,
        target_id,
        subject,
        span,
        amount=wanted.amount,
        currency=wanted.currency,
        now=uow.now,
    )
    if not added:
        raise RevenueTargetExists(f"There is a target for {span.called} already.")
    return target_id


async def change_target(target_id: UUID, wanted: Wanted, uow: UnitOfWork, *, expected: int) -> None:
    """Want another amount of a target that is still at the expected version."""
    await _held(target_id, uow, expected)
    await store.set_amount(
        uow.connection, target_id, amount=wanted.amount, currency=wanted.currency, now=uow.now
    )


async def delete_target(target_id: UUID, uow: UnitOfWork, *, expected: int) -> Row[Any]:
    """Take a target back that is still at the expected version; return what it was."""
    row = await _held(target_id, uow, expected)
    await store.remove_target(uow.connection, target_id)
    return row


async def found_target(
    target_id: UUID, connection: AsyncConnection, *, lock: bool = False
) -> Row[Any]:
    """Return a target, locked if asked; refuse an unknown one."""
    row = await store.find_target(connection, target_id, lock=lock)
    if row is None:
        raise RevenueTargetNotFound(f"There is no revenue target {target_id}.")
    return row


async def _held(target_id: UUID, uow: UnitOfWork, expected: int) -> Row[Any]:
    row = await found_target(target_id, uow.connection, lock=True)
    check_version("target", row.version, expected)
    return row
