"""Keep the targets of sellers and groups: set, carried forward, changed, copied, ended (LE-16).

A target holds from its first period on until another of the same subject, category and kind of
period begins; one of 0 pieces ends it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.activities.domain.lists import ACTIVITY_CATEGORY, LISTS
from services.activities.domain.periods import Period
from services.activities.handlers.tell_progress import tell_shares
from services.activities.persistence import targets as store
from services.activities.persistence.progress import Subject, shares_in, shares_of
from services.activities.persistence.sellers import keep_sellers
from services.activities.persistence.tally import hold_tally
from shared.chassis.errors import InvalidField, Kind, Refusal, check_version
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.store import find_values


class TargetNotFound(Refusal):
    """There is no such target."""

    kind = Kind.NOT_FOUND
    slug = "target_not_found"
    remedy = "Find its id: GET /v1/targets."


class TargetExists(Refusal):
    """A target of the same subject and category begins with this period already."""

    kind = Kind.CONFLICT
    slug = "target_exists"
    remedy = "Change that one: PUT /v1/targets/{id}; find its id: GET /v1/targets."


class NothingToCopy(Refusal):
    """Nobody can be given the targets of who has none."""

    slug = "no_targets_to_copy"
    remedy = "See which targets hold: GET /v1/targets?seller=…&day=…."


@dataclass(frozen=True, slots=True)
class SetTarget:
    """What is wanted of a seller or a group from the period of a day on; category by number."""

    subject: Subject
    category: int
    period: Period
    day: date
    wanted: int


async def set_target(command: SetTarget, uow: UnitOfWork, *, today: date) -> UUID:
    """Set a target; return its id. Raises the refusal that names the field."""
    category = await _target_category(command.category, uow)
    await check_subject(command.subject, uow)
    await hold_tally(uow.connection)
    target_id = new_id()
    first_day = command.period.first_day(command.day)
    added = await store.insert_target(
        uow.connection,
        target_id,
        command.subject,
        category=category.key,
        period=command.period,
        first_day=first_day,
        wanted=command.wanted,
        now=uow.now,
    )
    if not added:
        raise TargetExists(
            f"There is a target for {category.title!r} from "
            f"{command.period.called(first_day)} on already."
        )
    await _tell([target_id], uow, today=today)
    return target_id


async def change_target(
    target_id: UUID, wanted: int, uow: UnitOfWork, *, expected: int, today: date
) -> None:
    """Want another number of pieces of a target that is still at the expected version."""
    await _held(target_id, expected, uow)
    await store.set_wanted(uow.connection, [target_id], wanted, now=uow.now)
    await _tell([target_id], uow, today=today)


async def delete_target(
    target_id: UUID, uow: UnitOfWork, *, expected: int, today: date
) -> Row[Any]:
    """Take a target back as if it had never been set; what it had replaced holds on."""
    row = await _held(target_id, expected, uow)
    # What was told of it is taken back first, under versions that rise.
    await store.set_wanted(uow.connection, [target_id], 0, now=uow.now)
    others = await store.alike(uow.connection, [target_id])
    await _tell([target_id], uow, today=today)
    await store.remove_targets(uow.connection, [target_id])
    await tell_shares(await shares_of(uow.connection, others, today=today), uow)
    return row


async def copy_targets(
    source: Subject,
    period: Period,
    day: date,
    sellers: Collection[str],
    uow: UnitOfWork,
    *,
    from_day: date,
    today: date,
) -> list[UUID]:
    """
    Give sellers all targets that hold for a subject in the period of a day; return their ids.

    They hold from the period of `from_day` on, instead of what was set to begin there.
    """
    await _check_sellers("to", sellers, uow)
    await hold_tally(uow.connection)
    first_day = period.first_day(day)
    shares = await shares_in(uow.connection, period, first_day, first_day, subject=source)
    if not shares:
        raise NothingToCopy(f"{source.key!r} has no targets in {period.called(first_day)}.")
    copied = await store.copy_targets(
        uow.connection,
        [share.target_id for share in shares],
        sellers,
        [new_id() for _ in shares for _ in sellers],
        first_day=period.first_day(from_day),
        now=uow.now,
    )
    await _tell(copied, uow, today=today)
    return copied


async def check_subject(subject: Subject, uow: UnitOfWork) -> None:
    """Refuse a seller or a group that is not known here; a seller is kept until the commit."""
    if subject.seller is not None:
        await _check_sellers("seller", [subject.seller], uow)
    if subject.group_id is not None and not await store.group_is_known(
        uow.connection, subject.group_id
    ):
        raise InvalidField(
            "group_id",
            f"no user group {subject.group_id} is known here",
            "Check the id; a group saved just now is known in a moment, so try again.",
        )


async def found_target(target_id: UUID, uow: UnitOfWork, *, lock: bool = False) -> Row[Any]:
    """Return a target, locked if asked; refuse an unknown one."""
    row = await store.find_target(uow.connection, target_id, lock=lock)
    if row is None:
        raise TargetNotFound(f"There is no target {target_id}.")
    return row


async def _check_sellers(field: str, sellers: Collection[str], uow: UnitOfWork) -> None:
    known = await keep_sellers(uow.connection, sellers)
    for one in sellers:
        if one not in known:
            raise InvalidField(
                field, f"there is no seller {one!r}", f"Add him: PUT /v1/sellers/{one}."
            )


async def _target_category(number: int, uow: UnitOfWork) -> Row[Any]:
    found = await find_values(uow.connection, [(ACTIVITY_CATEGORY, number)])
    path = LISTS[ACTIVITY_CATEGORY].path
    if not found:
        raise InvalidField(
            "category", f"there is no category {number}", f"List them: GET /v1/{path}."
        )
    (row,) = found.values()
    if not row.facts["sales_target"]:
        raise InvalidField(
            "category",
            f"{row.title!r} is not marked as a sales target",
            f"Mark it: PUT /v1/{path}/{number} with `sales_target` true.",
        )
    return row


async def _held(target_id: UUID, expected: int, uow: UnitOfWork) -> Row[Any]:
    await hold_tally(uow.connection)
    row = await found_target(target_id, uow, lock=True)
    check_version("target", row.version, expected)
    return row


async def _tell(target_ids: Collection[UUID], uow: UnitOfWork, *, today: date) -> None:
    """Tell of targets, and of those that they replace."""
    concerned = await store.alike(uow.connection, target_ids)
    await tell_shares(await shares_of(uow.connection, concerned, today=today), uow)
