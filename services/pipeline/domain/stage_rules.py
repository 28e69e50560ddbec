"""What a stage may be: outcome, closed bit, probability and reason agree (TS-A1, TS-A3)."""

from collections.abc import Mapping

from services.pipeline.domain.lists import CERTAIN, Outcome
from shared.chassis.errors import InvalidField
from shared.lists.definition import FactValue


def outcome_of(facts: Mapping[str, FactValue]) -> Outcome:
    """Return what became of those who are in a stage."""
    return Outcome(str(facts["outcome"]))


def completed(facts: Mapping[str, FactValue]) -> Mapping[str, FactValue]:
    """Return the facts of a stage; where no probability is said, that of its outcome."""
    if facts["probability"] is not None:
        return facts
    return {**facts, "probability": CERTAIN.get(outcome_of(facts))}


def check_stage(facts: Mapping[str, FactValue]) -> None:
    """Refuse a stage whose facts contradict each other, naming the field."""
    outcome = outcome_of(facts)
    _check_probability(facts["probability"], outcome)
    if facts["rejection"] is not None and outcome is not Outcome.LOST:
        raise InvalidField(
            "rejection",
            f"only who is lost has a reason for it, and the outcome is {outcome}",
            "Leave it out, or send the outcome lost.",
        )
    if outcome is Outcome.OPEN and facts["closed"]:
        raise InvalidField(
            "closed",
            "what is open is not closed",
            "Leave it out, or send the outcome won, lost or expired.",
        )
    if outcome in (Outcome.LOST, Outcome.EXPIRED) and not facts["closed"]:
        raise InvalidField("closed", f"what is {outcome} is closed", "Send true.")


def _check_probability(probability: FactValue, outcome: Outcome) -> None:
    if probability is None:
        raise InvalidField(
            "probability",
            "an open stage says how likely its deals are won",
            "Send 0 to 100 per cent; 0 is a value.",
        )
    if not 0 <= int(probability) <= 100:
        raise InvalidField("probability", f"{probability} is no per cent", "Send 0 to 100.")
    certain = CERTAIN.get(outcome)
    if certain is not None and probability != certain:
        raise InvalidField(
            "probability",
            f"a stage of the outcome {outcome} has {certain} per cent, not {probability}",
            f"Send {certain}, or leave it out.",
        )
