"""An activity: what was done with a customer, or is to be done, and what its category steers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.chassis.errors import InvalidField, Refusal

SKEW = timedelta(minutes=5)
"""How far a caller's clock may be ahead of ours."""

LONGEST = timedelta(days=366)
MAX_SUBJECT = 200


class State(StrEnum):
    """Whether it has happened; what is recorded is done unless it is said to be open (LE-A7)."""

    DONE = "done"
    OPEN = "open"


class Channel(StrEnum):
    """By what means the customer was met."""

    PHONE = "phone"
    EMAIL = "email"
    MEETING = "meeting"
    VIDEO = "video"
    MESSAGE = "message"
    LETTER = "letter"
    OTHER = "other"


class Direction(StrEnum):
    """Who began: `in` is the customer."""

    IN = "in"
    OUT = "out"


class CategoryLocked(Refusal):
    """The category steers kind and type, and does not allow another selection (LE-19)."""

    slug = "category_locked"
    remedy = "Leave the field out, or set `allow_selection` on the category."


@dataclass(frozen=True, slots=True)
class Times:
    """When it began and ended; of what is open, when it is due and when it is to begin."""

    starts_at: datetime
    ends_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Category:
    """A category with its settings; kind and type are keys, None where it steers none."""

    number: int
    title: str
    kind: int | None
    type: int | None
    allow_selection: bool


def checked_times(
    state: State,
    *,
    starts_at: datetime | None,
    ends_at: datetime | None,
    duration: timedelta | None,
    due_at: datetime | None,
    now: datetime,
) -> Times:
    """Return the times of an activity; refuse, by field, those that cannot be.

    What is done began now if nothing is said. What is open is due when it begins, or begins when it
    is due; one of the two must be said.
    """
    if state is State.OPEN:
        due_at = due_at or starts_at
        if due_at is None:
            raise InvalidField(
                "due_at", "an open activity is due at some time", "Send `due_at` or `starts_at`."
            )
        starts_at = starts_at or due_at
    starts_at = starts_at or now
    if state is State.DONE and starts_at > now + SKEW:
        raise InvalidField(
            "starts_at",
            "what lies in the future is not done",
            "Send `state` open, or another time.",
        )
    ends_at = _end(starts_at, ends_at, duration)
    if ends_at is not None and ends_at - starts_at > LONGEST:
        raise InvalidField("ends_at", "it lasts more than 366 days", "Record it as several.")
    return Times(starts_at, ends_at, due_at)


def _end(
    starts_at: datetime, ends_at: datetime | None, duration: timedelta | None
) -> datetime | None:
    if ends_at is not None and ends_at < starts_at:
        raise InvalidField("ends_at", "it ends before it begins", "Send a later end.")
    if duration is None:
        return ends_at
    if ends_at is not None and ends_at != starts_at + duration:
        raise InvalidField(
            "duration_minutes", "start and duration give another end", "Send one of the two."
        )
    return starts_at + duration


def steered(category: Category, *, kind: int | None, type_: int | None) -> tuple[int, int]:
    """
    Return kind and type as the category steers them (LE-18), or those chosen where it lets one.

    Equal values are always accepted (LE-A2). Raises `CategoryLocked`, naming the category.
    """
    return (
        _steered(category, "kind", category.kind, kind),
        _steered(category, "type", category.type, type_),
    )


def _steered(category: Category, field: str, steers: int | None, chosen: int | None) -> int:
    if steers is None or (category.allow_selection and chosen is not None):
        if chosen is None:
            raise InvalidField(
                field,
                f"the category {category.title!r} sets no {field}",
                f"Choose one: GET /v1/activity-{field}s.",
            )
        return chosen
    if chosen not in (None, steers):
        raise CategoryLocked(
            f"{field}: the category {category.title!r} ({category.number}) sets it.",
            facts={"category": category.number, "field": field},
        )
    return steers


def subject_of(subject: str, memo: str) -> str:
    """Return the subject, or the first line of the memo where none is given; refuse neither."""
    for line in (subject, *memo.splitlines()):
        if line.strip():
            return line.strip()[:MAX_SUBJECT]
    raise InvalidField("subject", "there is neither a subject nor a memo", "Say what it was about.")
