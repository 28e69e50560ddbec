"""What this service refuses, with stable slugs."""

from collections.abc import Sequence

from services.mailing.domain.gate import EXPLAINED, Reason
from shared.chassis.errors import FieldProblem, Kind, Refusal


class SegmentNotFound(Refusal):
    """There is no such segment."""

    kind = Kind.NOT_FOUND
    slug = "segment_not_found"
    remedy = "List the segments at /v1/segments."


class UnknownValues(Refusal):
    """A rule names lists or values that do not exist, or are not known here yet."""

    slug = "unknown_values"
    remedy = (
        "Name values as GET /v1/lists of customers shows them. A value made a moment ago is known "
        "here in seconds; if it stays unknown, run `suhde republish customers`."
    )


class MalformedRuleText(Refusal):
    """The text is no rule; the detail says where it breaks off, and what was expected there."""

    slug = "malformed_rule_text"
    remedy = (
        "Change the text at this line and column; docs/how-to/segment-language.md has the forms."
    )

    def __init__(self, text: str, at: int, reason: str, expected: Sequence[str]) -> None:
        line, column = place_of(text, at)
        remedy = f"Write one of: {', '.join(expected)}." if len(expected) > 1 else None
        if len(expected) == 1:
            remedy = f"Write {expected[0]}."
        reason = f"line {line}, column {column}: {reason}"
        super().__init__(
            reason,
            remedy=remedy,
            fields=[FieldProblem("text", reason, remedy or self.remedy)],
            facts={"position": at, "line": line, "column": column, "expected": list(expected)},
        )


class UnknownTitles(Refusal):
    """Titles in a rule mean no value, or more than one."""

    slug = "unknown_titles"
    remedy = "Write a title that `candidates` shows, or the number of the value."


class RuleTextTooLong(Refusal):
    """A rule is longer as text than is read back."""

    slug = "rule_text_too_long"
    remedy = "Keep the rule as a tree, or divide it into segments that name each other."


class ClassificationsNotTold(Refusal):
    """What some customers or contacts hold was never told to this database."""

    kind = Kind.UNAVAILABLE
    slug = "classifications_not_told"
    remedy = "Run `suhde republish customers` once; docs/operations.md says more under Upgrade."


class BanNotFound(Refusal):
    """There is no such direct ban, or it was lifted."""

    kind = Kind.NOT_FOUND
    slug = "ban_not_found"
    remedy = "Send the ban_id that POST /v1/bans answered; other bans are lifted at customers."


class HandOffNotFound(Refusal):
    """There is no such hand-off."""

    kind = Kind.NOT_FOUND
    slug = "hand_off_not_found"
    remedy = "Send the hand_off_id that POST /v1/hand-offs answered."


class BanNotConfigured(Refusal):
    """The channel cannot be banned yet, so it is closed for marketing."""

    kind = Kind.CONFLICT
    slug = Reason.BAN_NOT_CONFIGURED.value
    remedy = EXPLAINED[Reason.BAN_NOT_CONFIGURED][1]


class ConsentNotFresh(Refusal):
    """The newest bans may be missing here, so marketing is closed."""

    kind = Kind.UNAVAILABLE
    slug = Reason.CONSENT_NOT_FRESH.value
    remedy = EXPLAINED[Reason.CONSENT_NOT_FRESH][1]


def channel_refusal(reason: Reason) -> Refusal:
    """Return the refusal of a whole channel."""
    detail = EXPLAINED[reason][0]
    if reason is Reason.BAN_NOT_CONFIGURED:
        return BanNotConfigured(detail)
    return ConsentNotFresh(detail)


def place_of(text: str, at: int) -> tuple[int, int]:
    """Return line and column of a place in a text, both from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
