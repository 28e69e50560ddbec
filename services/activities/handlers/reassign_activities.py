"""Give the activities of one seller to another, as a job of short transactions (LE-A4).

Whatever is done of it stays done and is counted and told; whoever is killed goes on from there.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.activities.domain.reassignment import Reassignment
from services.activities.handlers.keep_tally import keep_tally
from services.activities.handlers.tell_activities import tell_activities
from services.activities.persistence import activities, reassignment
from services.activities.persistence.sellers import keep_sellers
from shared.chassis.clock import day_of
from shared.chassis.errors import InvalidField
from shared.chassis.jobs import Job, Step
from shared.chassis.unit_of_work import UnitOfWork
from shared.history.store import belong_to

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Reassigned:
    """How many go; those on days after the last day of the receiver are left out."""

    open: int
    done: int
    left_out: int


async def rehearse_reassignment(
    wanted: Reassignment, uow: UnitOfWork, zone: ZoneInfo
) -> Reassigned:
    """Tell how many would go now; refuse a seller there is none of, and a receiver who left."""
    last_day = await _last_day(wanted, uow, zone)
    counts = await reassignment.count_wanted(uow.connection, wanted, last_day=last_day)
    return Reassigned(**counts._mapping)


def reassignment_step(
    zone: ZoneInfo, read: Callable[[Mapping[str, Any]], Reassignment]
) -> Callable[[Job, UnitOfWork], Awaitable[Step]]:
    """Return the step of the job; `read` reads what was asked for."""

    async def step(job: Job, uow: UnitOfWork) -> Step:
        wanted = read(job.request)
        position = job.position or await _beginning(wanted, uow, zone)
        await belong_to(uow.connection, job.job_id)
        last_day = await _last_day(wanted, uow, zone)
        ids = await reassignment.next_wanted(
            uow.connection,
            wanted,
            last_day=last_day,
            after=position["after"] and UUID(position["after"]),
            limit=CHUNK,
        )
        gone = await _give_away(wanted, ids, last_day, uow)
        opened, done = position["open"] + gone["open"], position["done"] + gone["done"]
        # What was given to the giver meanwhile may be more than there was at the beginning.
        total = max(position["total"], opened + done)
        if len(ids) == CHUNK:
            position = {"after": str(ids[-1]), "open": opened, "done": done, "total": total}
            return Step(position, opened + done, total)
        counts = await reassignment.count_wanted(uow.connection, wanted, last_day=last_day)
        result = {"dry_run": False, "open": opened, "done": done, "left_out": counts.left_out}
        return Step(None, opened + done, opened + done, result)

    return step


async def _beginning(wanted: Reassignment, uow: UnitOfWork, zone: ZoneInfo) -> dict[str, Any]:
    expected = await rehearse_reassignment(wanted, uow, zone)
    return {"after": None, "open": 0, "done": 0, "total": expected.open + expected.done}


async def _give_away(
    wanted: Reassignment, ids: list[UUID], last_day: date | None, uow: UnitOfWork
) -> Mapping[str, int]:
    await activities.keep_categories(uow.connection, ids)
    before = await activities.fetch_activities(uow.connection, ids, lock=True)
    gone = await reassignment.give_away(uow.connection, wanted, ids, last_day=last_day, now=uow.now)
    after = await tell_activities(gone, uow)
    await keep_tally([before[one] for one in gone], after.values(), uow)
    states = [row.state for row in after.values()]
    return {state: states.count(state) for state in ("open", "done")}


async def _last_day(wanted: Reassignment, uow: UnitOfWork, zone: ZoneInfo) -> date | None:
    """Return the last day of the receiver, who is kept as he is; refuse one who left."""
    known = await keep_sellers(uow.connection, [wanted.giver, wanted.receiver])
    for field, seller in (("from_seller", wanted.giver), ("to_seller", wanted.receiver)):
        if seller not in known:
            raise InvalidField(
                field, f"there is no seller {seller!r}", "List them: GET /v1/sellers."
            )
    last_day: date | None = known[wanted.receiver].left_on
    if last_day is not None and last_day < day_of(uow.now, zone):
        raise InvalidField(
            "to_seller", f"{wanted.receiver!r} left on {last_day}", "Choose somebody who is there."
        )
    return last_day
