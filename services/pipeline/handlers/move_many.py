"""Move many opportunities at once: all of them or none, and rehearsed if asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.pipeline.domain.bulk import AT_MOST, Change, NotAllCanMove, TooMany
from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.opportunity import Rules, checked_close
from services.pipeline.domain.search import OpportunityFilter
from services.pipeline.handlers.live import live_opportunity
from services.pipeline.handlers.move_opportunity import Move, kept_process, moved
from services.pipeline.handlers.plan_opportunity import check_asked, chosen_stage
from services.pipeline.handlers.process import Process
from services.pipeline.handlers.tell_opportunities import tell_changes
from services.pipeline.persistence import opportunities as store
from services.pipeline.persistence.search import matching
from shared.chassis.clock import day_of
from shared.chassis.errors import InvalidField, Refusal
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.history.store import belong_to

NAMED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Refused:
    """An opportunity that cannot be moved, and why."""

    opportunity_id: UUID
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ManyMoved:
    """Which opportunities changed, or would, which are so already, and which cannot be moved."""

    changed: Sequence[UUID]
    unchanged: Sequence[UUID]
    refused: Sequence[Refused]
    operation_id: UUID | None = None


async def move_many(
    wanted: Sequence[UUID] | OpportunityFilter,
    change: Change,
    uow: UnitOfWork,
    rules: Rules,
    *,
    rehearse: bool,
) -> ManyMoved:
    """
    Change all these opportunities, or those that match, in one transaction; return what became.

    Raises `TooMany`, and `NotAllCanMove` unless it is a rehearsal, which changes nothing.
    """
    process = await kept_process(uow)
    present = await _present(wanted, uow, rules)
    rows: list[dict[str, Any]] = []
    unchanged: list[UUID] = []
    refused: list[Refused] = []
    for one in sorted(present, key=lambda one: (one.position, one.opportunity_id)):
        try:
            row = _changed(process, one, change, uow, rules)
        except Refusal as refusal:
            refused.append(Refused(one.opportunity_id, refusal.detail, refusal.remedy))
            continue
        if _differs(row, one):
            rows.append(row)
        else:
            unchanged.append(one.opportunity_id)
    ids = [row["opportunity_id"] for row in rows]
    if rehearse:
        return ManyMoved(ids, unchanged, refused)
    if refused:
        raise NotAllCanMove(
            f"{len(refused)} of {len(present)} opportunities cannot be moved; the first: "
            f"{refused[0].reason}",
            facts={
                "count": len(refused),
                "blockers": [str(one.opportunity_id) for one in refused[:NAMED_AT_MOST]],
            },
        )
    operation_id = new_id()
    await belong_to(uow.connection, operation_id)
    await store.update_opportunities(uow.connection, rows, now=uow.now)
    await tell_changes(ids, {one.opportunity_id: one for one in present}, uow)
    return ManyMoved(ids, unchanged, refused, operation_id)


async def _present(
    wanted: Sequence[UUID] | OpportunityFilter, uow: UnitOfWork, rules: Rules
) -> list[Row[Any]]:
    """Lock the opportunities that are wanted and return them; what is named must be there."""
    if isinstance(wanted, OpportunityFilter):
        today = day_of(uow.now, rules.zone)
        ids = await matching(uow.connection, wanted, today=today, limit=AT_MOST + 1)
        if len(ids) > AT_MOST:
            raise TooMany(f"More than {AT_MOST} opportunities match.")
        await store.fetch_opportunities(uow.connection, ids, lock=True)
        # Until they were held, somebody may have changed what they were found by.
        still = await matching(uow.connection, wanted, today=today, limit=AT_MOST, among=ids)
        return list((await store.fetch_opportunities(uow.connection, still)).values())
    rows = await store.fetch_opportunities(uow.connection, wanted, lock=True)
    return [live_opportunity(rows, one) for one in dict.fromkeys(wanted)]


def _changed(
    process: Process, present: Row[Any], change: Change, uow: UnitOfWork, rules: Rules
) -> dict[str, Any]:
    row = store.as_stored(present)
    if change.stage is not None:
        pipeline, stage = chosen_stage(process, present, change.pipeline, change.stage)
        command = Move(rejection=change.rejection, reset_probability=change.reset_probability)
        row = moved(process, present, pipeline, stage, command, uow, rules)
    if change.seller is not None:
        row |= {"sellers": [change.seller], "weights": [100]}
    if change.shift_days:
        if row["outcome"] != Outcome.OPEN:
            raise InvalidField(
                "shift_days", f"it is {row['outcome']}, so its date stands", "Leave it out."
            )
        day = present.expected_close + timedelta(days=change.shift_days)
        row["expected_close"] = checked_close("shift_days", day)
    check_asked(process.present(row["stage"]), row, present)
    return row


def _differs(row: Mapping[str, Any], present: Row[Any]) -> bool:
    return row != store.as_stored(present)
