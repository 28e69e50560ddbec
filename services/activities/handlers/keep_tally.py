"""Count what sellers have done towards their targets, as activities come, change and go (LE-17)."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.engine import Row

from services.activities.domain.targets import moved
from services.activities.handlers.tell_progress import tell_counted
from services.activities.persistence.tally import add_to_tally
from shared.chassis.unit_of_work import UnitOfWork


async def keep_tally(
    before: Iterable[Row[Any]], after: Iterable[Row[Any]], uow: UnitOfWork
) -> None:
    """Count live activities as they now are, instead of as they were; both are locked.

    Once per unit of work, or two units could wait for each other.
    """
    changes = moved(before, after)
    if changes:
        await add_to_tally(uow.connection, changes)
        await tell_counted(changes, uow)
