"""What entering a stage makes of an opportunity (TS-A1 to TS-A4). The logic reads no titles."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from services.pipeline.domain.lists import CERTAIN, REQUIREMENTS, Outcome
from services.pipeline.domain.opportunity import ProbabilitySource, checked_close
from shared.chassis.errors import InvalidField, Kind, Refusal


class MoveNotAllowed(Refusal):
    """The present stage does not lead to that one."""

    kind = Kind.CONFLICT
    slug = "move_not_allowed"
    remedy = "Choose one of the stages that the present one leads to."


class NoSuchStage(Refusal):
    """The pipeline has no stage for that."""

    kind = Kind.CONFLICT
    slug = "no_such_stage"
    remedy = "Add a stage of that outcome: POST /v1/stages."


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a pipeline; all but the number are keys. `leads_to` is empty: to all."""

    key: int
    number: int
    title: str
    pipeline: int
    probability: int
    outcome: Outcome
    closed: bool
    rejection: int | None
    requires: frozenset[str] = frozenset()
    leads_to: frozenset[int] = frozenset()
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an opportunity stands, and what follows from that."""

    stage: int
    outcome: Outcome
    closed: bool
    closed_on: date | None
    probability: int
    source: ProbabilitySource
    rejection: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """What is said about where an opportunity is to stand, beside the stage; None: nothing."""

    probability: int | None = None
    reset_probability: bool = False
    rejection: int | None = None
    closed_on: date | None = None


def entered(
    stage: Stage, present: Standing | None, said: Said, *, today: date, reason_required: bool
) -> Standing:
    """Return how an opportunity stands at a stage, which it enters or is at; refuse by field.

    `present` is how it stood, None of a new one.
    """
    probability, source = _probability(stage, present, said)
    return Standing(
        stage=stage.key,
        outcome=stage.outcome,
        closed=stage.closed,
        closed_on=_closed_on(stage, present, said, today),
        probability=probability,
        source=source,
        rejection=_rejection(stage, present, said, reason_required),
    )


def _probability(
    stage: Stage, present: Standing | None, said: Said
) -> tuple[int, ProbabilitySource]:
    if said.probability is not None and said.reset_probability:
        raise InvalidField(
            "probability", "it is both given and to be the stage's", "Send one of the two."
        )
    if stage.outcome in CERTAIN:
        sure = CERTAIN[stage.outcome]
        if said.probability not in (None, sure):
            raise InvalidField(
                "probability",
                f"{said.probability} does not fit {stage.title!r}, which is {stage.outcome}",
                f"Send {sure}, or leave it out.",
            )
        return sure, ProbabilitySource.STAGE
    if said.probability is not None:
        return said.probability, ProbabilitySource.MANUAL
    by_hand = present is not None and present.source is ProbabilitySource.MANUAL
    if present is not None and by_hand and not said.reset_probability:
        return present.probability, ProbabilitySource.MANUAL
    return stage.probability, ProbabilitySource.STAGE


def _rejection(
    stage: Stage, present: Standing | None, said: Said, reason_required: bool
) -> int | None:
    if stage.outcome is not Outcome.LOST:
        if said.rejection is not None:
            raise InvalidField(
                "rejection",
                f"at {stage.title!r} nothing is lost",
                "Leave it out, or choose a stage whose outcome is lost.",
            )
        return None
    held = None if present is None else present.rejection
    reason = said.rejection or held or stage.rejection
    if reason is None and reason_required:
        raise InvalidField(
            "rejection",
            f"whoever comes to {stage.title!r} says why",
            "Choose a reason: GET /v1/rejection-reasons.",
        )
    return reason


def _closed_on(stage: Stage, present: Standing | None, said: Said, today: date) -> date | None:
    if stage.outcome is Outcome.OPEN:
        if said.closed_on is not None:
            raise InvalidField(
                "closed_on", f"at {stage.title!r} it is open", "Leave it out, or choose a stage."
            )
        return None
    if said.closed_on is None:
        stays = present is not None and present.outcome is stage.outcome
        return present.closed_on if present is not None and stays else today
    if said.closed_on > today:
        raise InvalidField("closed_on", f"{said.closed_on} is yet to come", "Send a day that was.")
    return checked_close("closed_on", said.closed_on)


def check_move(present: Stage, stage: Stage, *, across: bool) -> None:
    """Refuse a stage that the present one does not lead to.

    It leads to those that it bundles; if it bundles none, to all of its pipeline, and `across` to
    those of others.
    """
    if stage.key == present.key or stage.key in present.leads_to:
        return
    if present.leads_to or not (across or stage.pipeline == present.pipeline):
        raise MoveNotAllowed(
            f"{present.title!r} ({present.number}) does not lead to {stage.title!r} "
            f"({stage.number}).",
            facts={"stage": present.number},
        )


def first_of(
    stages: Iterable[Stage], outcomes: Collection[Outcome], present: Stage | None, what: str
) -> Stage:
    """Return the first stage of one of these outcomes that the present one leads to, if any."""
    for stage in stages:
        leads = present is None or not present.leads_to or stage.key in present.leads_to
        if stage.outcome in outcomes and not stage.archived and leads:
            return stage
    raise NoSuchStage(f"There is no stage that is {what}.")


def missing(stage: Stage, has: Collection[str], had: Collection[str] | None) -> Sequence[str]:
    """Return the fields that the stage asks for and that are empty, in one order.

    `had` are those that were not empty where it was at this stage before: what nobody has asked
    for then is not asked for now. None: it enters.
    """
    asked = [field for field in REQUIREMENTS.values() if field in stage.requires]
    return [field for field in asked if field not in has and (had is None or field in had)]
