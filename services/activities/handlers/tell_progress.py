"""Tell how far sellers and groups are with targets, once per change of what is done or wanted.

Whoever counts or changes what is wanted says which periods of which targets may have changed; what
was told of them is locked first and read after, so that of two who count at once the later one sees
what the earlier has done.
"""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.activities.domain.events import TargetProgressed, TargetReached
from services.activities.domain.periods import Period
from services.activities.domain.targets import Place, Progress, wanted_in
from services.activities.persistence import progress as store
from services.activities.persistence.progress import Share
from shared.chassis.unit_of_work import UnitOfWork

WHOLE = 100
CHUNK = 2000


async def tell_counted(places: Iterable[Place], uow: UnitOfWork) -> None:
    """Tell of the targets to which these places count, after the tally has changed there."""
    await tell_shares(await store.shares_at(uow.connection, places), uow)


async def tell_groups(group_ids: Collection[UUID], uow: UnitOfWork, *, today: date) -> None:
    """
    Tell of targets that changed with groups: their members, their place in the tree.

    The caller holds the tally from before the change; a group that was moved brings its old parent.
    """
    await tell_shares(await store.shares_of_groups(uow.connection, group_ids, today=today), uow)


async def tell_shares(shares: Iterable[Share], uow: UnitOfWork) -> None:
    """Tell of those of these shares that are not as they were told last."""
    ordered = sorted(set(shares))
    for begin in range(0, len(ordered), CHUNK):
        chunk = ordered[begin : begin + CHUNK]
        await store.claim_shares(uow.connection, chunk)
        changed = {
            Share(row.target_id, row.first_day): (row, progress)
            for row in await store.read_progress(uow.connection, chunk)
            if (progress := progress_of(row)) != Progress(row.told_done, row.told_wanted)
        }
        if not changed:
            continue
        told = {share: (row.version + 1, now) for share, (row, now) in changed.items()}
        await store.save_told(uow.connection, told)
        for row, now in changed.values():
            _tell(row, now, uow)


def progress_of(row: Row[Any]) -> Progress:
    """Return how far a row of progress is, its exception taken into account."""
    percent = WHOLE if row.percent is None else row.percent
    return Progress(row.done, wanted_in(row.wanted, percent))


def _tell(row: Row[Any], now: Progress, uow: UnitOfWork) -> None:
    facts = {
        "target_id": row.target_id,
        "version": row.version + 1,
        "seller": row.seller,
        "group_id": row.group_id,
        "category": row.category_number,
        "period": Period(row.period),
        "first_day": row.first_day,
        "done": now.done,
        "wanted": now.wanted,
    }
    uow.record(TargetProgressed(**facts))
    if now.is_reached and not Progress(row.told_done, row.told_wanted).is_reached:
        uow.record(TargetReached(**facts))
