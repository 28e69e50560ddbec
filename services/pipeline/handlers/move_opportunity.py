"""Move opportunities through the process and on the board; win, lose, reopen, expire them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.pipeline.domain.lists import REJECTION_REASON, Outcome
from services.pipeline.domain.opportunity import Rules
from services.pipeline.domain.stages import Said, Stage, check_move, entered, first_of
from services.pipeline.handlers.live import live_opportunity
from services.pipeline.handlers.place_opportunity import Anchor, place_beside, rows_to_lock
from services.pipeline.handlers.plan_opportunity import check_asked, chosen_stage
from services.pipeline.handlers.process import (
    Process,
    process_of,
    standing_columns,
    standing_of,
)
from services.pipeline.handlers.tell_opportunities import tell_changes
from services.pipeline.persistence import opportunities as store
from services.pipeline.persistence.stages import keep_values
from shared.chassis.clock import day_of
from shared.chassis.errors import InvalidField, Kind, Refusal, check_version
from shared.chassis.unit_of_work import UnitOfWork


class AlreadySettled(Refusal):
    """The opportunity has that outcome already."""

    kind = Kind.CONFLICT
    slug = "opportunity_settled"
    remedy = "Change it: PUT /v1/opportunities/{id}, or move it: POST .../stage."


@dataclass(frozen=True, slots=True)
class Move:
    """Where to: a stage by number, of another pipeline if that is named; where it is if left out.

    Beside another opportunity of the stage if one is named, else at its end. A reason goes by
    number.
    """

    stage: int | None = None
    pipeline: int | None = None
    beside: Anchor | None = None
    rejection: int | None = None
    reset_probability: bool = False
    closed_on: date | None = None


async def move_opportunity(
    opportunity_id: UUID, command: Move, uow: UnitOfWork, rules: Rules, *, expected: int
) -> None:
    """Move an opportunity that is still at the expected version to a stage or a place in it."""
    process = await kept_process(uow)
    present, locked = await _locked(opportunity_id, command, uow, expected)
    pipeline, stage = chosen_stage(process, present, command.pipeline, command.stage)
    row = moved(process, present, pipeline, stage, command, uow, rules)
    if command.beside is not None:
        row["position"] = await place_beside(command.beside, present, stage.key, locked, uow)
    await _store(row, stage, present, uow)


async def settle_opportunity(
    opportunity_id: UUID,
    outcome: Outcome,
    command: Move,
    uow: UnitOfWork,
    rules: Rules,
    *,
    expected: int,
) -> None:
    """
    Win, lose, expire or reopen (`open`) an opportunity still at the expected version.

    It goes to the first stage of that outcome to which its own leads, unless one is named. Raises
    `AlreadySettled`, and `NoSuchStage` where its pipeline has none.
    """
    process = await kept_process(uow)
    present, _ = await _locked(opportunity_id, command, uow, expected)
    if present.outcome == outcome:
        raise AlreadySettled(f"Opportunity {opportunity_id} is {outcome}.")
    stage = _settled_at(process, present, outcome, command.stage)
    row = moved(process, present, present.pipeline, stage, command, uow, rules)
    await _store(row, stage, present, uow)


def moved(
    process: Process,
    present: Row[Any],
    pipeline: int,
    stage: Stage,
    command: Move,
    uow: UnitOfWork,
    rules: Rules,
) -> dict[str, Any]:
    """
    Return the row of an opportunity that is moved; refuse, by field, what contradicts the stage.

    Whether it has what the stage asks for is checked when all is said about it: `check_asked`.
    """
    reason = command.rejection
    if reason is not None:
        reason = process.value("rejection", REJECTION_REASON, reason, present.rejection).key
    standing = entered(
        stage,
        standing_of(present),
        Said(None, command.reset_probability, reason, command.closed_on),
        today=day_of(uow.now, rules.zone),
        reason_required=rules.reason_required,
    )
    return {**store.as_stored(present), "pipeline": pipeline, **standing_columns(standing)}


async def kept_process(uow: UnitOfWork) -> Process:
    """Return the process, kept as it is until the commit."""
    return process_of(await keep_values(uow.connection))


def _settled_at(process: Process, present: Row[Any], outcome: Outcome, number: int | None) -> Stage:
    before = process.present(present.stage)
    if number is None:
        return first_of(process.of(present.pipeline), {outcome}, before, outcome)
    stage = process.stage(number, present.pipeline, None)
    if stage.outcome is not outcome:
        raise InvalidField(
            "stage", f"at {stage.title!r} it is {stage.outcome}, not {outcome}", "Leave it out."
        )
    check_move(before, stage, across=False)
    return stage


async def _locked(
    opportunity_id: UUID, command: Move, uow: UnitOfWork, expected: int
) -> tuple[Row[Any], Mapping[UUID, Row[Any]]]:
    """Lock an opportunity, and the neighbours that have to make room; return it, and all."""
    ids = await rows_to_lock(opportunity_id, command.beside, uow)
    rows = await store.fetch_opportunities(uow.connection, ids, lock=True)
    present = live_opportunity(rows, opportunity_id)
    check_version("opportunity", present.version, expected)
    return present, rows


async def _store(row: Mapping[str, Any], stage: Stage, present: Row[Any], uow: UnitOfWork) -> None:
    check_asked(stage, row, present)
    await store.update_opportunities(uow.connection, [row], now=uow.now)
    await tell_changes([present.opportunity_id], {present.opportunity_id: present}, uow)
