"""Complete what is open, and plan what follows from what is done (LE-A7)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.activities.domain.activity import State, checked_times
from services.activities.handlers.keep_tally import keep_tally
from services.activities.handlers.live import live_activity, locked_activity
from services.activities.handlers.plan_activity import SaveActivity
from services.activities.handlers.save_activity import record_activity
from services.activities.handlers.tell_activities import tell_activities
from services.activities.persistence import activities as store
from shared.chassis.clock import day_of
from shared.chassis.errors import Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork
from shared.projection.merged import survivors
from shared.projection.store import find_contacts


class AlreadyDone(Refusal):
    """The activity is done already."""

    kind = Kind.CONFLICT
    slug = "activity_done"
    remedy = "Change it: PUT /v1/activities/{id}; or plan what follows: POST .../follow-up."


class StillOpen(Refusal):
    """Only what is done has something that follows from it."""

    kind = Kind.CONFLICT
    slug = "activity_open"
    remedy = "Complete it first: POST /v1/activities/{id}/completion."


@dataclass(frozen=True, slots=True)
class Completion:
    """When an activity began (now if nothing is said), how long it took, what came of it."""

    starts_at: datetime | None = None
    duration: timedelta | None = None
    result: str = ""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is to be done next; what is left out is as it was in what is done."""

    due_at: datetime | None = None
    starts_at: datetime | None = None
    duration: timedelta | None = None
    category: int | None = None
    kind: int | None = None
    type: int | None = None
    subject: str = ""
    memo: str = ""
    seller: str | None = None


async def complete_activity(
    activity_id: UUID, command: Completion, uow: UnitOfWork, zone: ZoneInfo, *, expected: int
) -> None:
    """Make an open activity done, if it is still at the expected version.

    It counts on the day it was done. When it was due stays.
    """
    await store.keep_categories(uow.connection, [activity_id])
    present = await locked_activity(activity_id, expected, uow)
    if present.state == State.DONE:
        raise AlreadyDone(f"Activity {activity_id} is done.")
    times = checked_times(
        State.DONE,
        starts_at=command.starts_at,
        ends_at=None,
        duration=command.duration,
        due_at=present.due_at,
        now=uow.now,
    )
    row = dict(present._mapping) | {
        "state": State.DONE,
        "starts_at": times.starts_at,
        "ends_at": times.ends_at,
        "day": day_of(times.starts_at, zone),
        "result": command.result or present.result,
    }
    await store.update_activities(uow.connection, [row], now=uow.now)
    after = await tell_activities([activity_id], uow)
    await keep_tally([present], after.values(), uow)


async def plan_follow_up(
    activity_id: UUID, command: FollowUp, uow: UnitOfWork, zone: ZoneInfo
) -> UUID:
    """Record what is to be done after a done activity, with the same people; return its id.

    A customer that was merged meanwhile is its survivor; contacts who are gone are left out.
    """
    done = live_activity(await store.fetch_activities(uow.connection, [activity_id]), activity_id)
    if done.state != State.DONE:
        raise StillOpen(f"Activity {activity_id} is open.")
    known = await find_contacts(uow.connection, done.contacts)
    planned = SaveActivity(
        customer_id=(await survivors(uow.connection, [done.customer_id]))[done.customer_id],
        category=command.category or done.category_number,
        subject=command.subject or done.subject,
        memo=command.memo,
        contacts=tuple(
            one for one in done.contacts if not (known[one].deleted or known[one].erased)
        ),
        opportunity_id=done.opportunity_id,
        kind=command.kind,
        type=command.type,
        seller=command.seller or done.seller,
        state=State.OPEN,
        starts_at=command.starts_at,
        duration=command.duration,
        due_at=command.due_at,
        channel=done.channel,
        follows=activity_id,
    )
    return await record_activity(planned, uow, zone)
