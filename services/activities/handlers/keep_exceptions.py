"""Keep the exceptions from targets: in a week of holidays less is wanted."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.activities.domain.periods import Period
from services.activities.handlers.keep_targets import check_subject
from services.activities.handlers.tell_progress import tell_shares
from services.activities.persistence import targets as store
from services.activities.persistence.progress import Subject, shares_in
from services.activities.persistence.tally import hold_tally
from shared.chassis.errors import Kind, Refusal, check_version
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork


class ExceptionNotFound(Refusal):
    """There is no such exception."""

    kind = Kind.NOT_FOUND
    slug = "target_exception_not_found"
    remedy = "Find its id: GET /v1/target-exceptions."


class ExceptionExists(Refusal):
    """There is an exception for the same subject and period."""

    kind = Kind.CONFLICT
    slug = "target_exception_exists"
    remedy = "Delete that one first; find its id: GET /v1/target-exceptions."


@dataclass(frozen=True, slots=True)
class Except:
    """Of whom (nobody named: of everybody) only a part is wanted, in the period of a day."""

    subject: Subject
    period: Period
    day: date
    percent: int
    reason: str


async def add_exception(command: Except, uow: UnitOfWork, *, today: date) -> UUID:
    """Add an exception; return its id. Raises the refusal that names the field."""
    await check_subject(command.subject, uow)
    await hold_tally(uow.connection)
    exception_id = new_id()
    first_day = command.period.first_day(command.day)
    added = await store.insert_exception(
        uow.connection,
        exception_id,
        command.subject,
        period=command.period,
        first_day=first_day,
        percent=command.percent,
        reason=command.reason,
        now=uow.now,
    )
    if not added:
        raise ExceptionExists(
            f"There is an exception for {command.period.called(first_day)} already."
        )
    await _tell(command.period, first_day, uow, today=today)
    return exception_id


async def remove_exception(
    exception_id: UUID, uow: UnitOfWork, *, expected: int, today: date
) -> Row[Any]:
    """Take back an exception that is still at the expected version; return what it was."""
    await hold_tally(uow.connection)
    row = await found_exception(exception_id, uow)
    check_version("exception", row.version, expected)
    await store.remove_exception(uow.connection, exception_id)
    await _tell(Period(row.period), row.first_day, uow, today=today)
    return row


async def found_exception(exception_id: UUID, uow: UnitOfWork) -> Row[Any]:
    """Return an exception; refuse an unknown one."""
    row = await store.find_exception(uow.connection, exception_id)
    if row is None:
        raise ExceptionNotFound(f"There is no exception {exception_id}.")
    return row


async def _tell(period: Period, first_day: date, uow: UnitOfWork, *, today: date) -> None:
    """Tell whoever has a target in that period; whom an exception concerns, reading finds out."""
    if first_day <= today:
        await tell_shares(await shares_in(uow.connection, period, first_day, first_day), uow)
