"""Shapes of requests and answers: their own models, apart from the domain."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints
from sqlalchemy.engine import Row

from services.activities.domain.activity import Channel, Direction, State
from services.activities.handlers.complete_activity import Completion, FollowUp
from services.activities.handlers.plan_activity import SaveActivity
from shared.chassis.http.shapes import Input, Number

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def readable(value: str) -> str:
    """Refuse text with control characters other than tabs and line ends."""
    if found := _CONTROL.search(value):
        raise ValueError(f"holds the control character U+{ord(found[0]):04X}; remove it")
    return value


def _in_range(value: datetime) -> datetime:
    if not EARLIEST <= value.date() <= LATEST:
        raise ValueError(f"lies outside {EARLIEST} to {LATEST}; send the real time")
    return value


def _day_in_range(value: date) -> date:
    if not EARLIEST <= value <= LATEST:
        raise ValueError(f"lies outside {EARLIEST} to {LATEST}; send the real day")
    return value


Day = Annotated[date, AfterValidator(_day_in_range)]
Moment = Annotated[
    AwareDatetime, AfterValidator(_in_range), Field(examples=["2026-01-30T10:00:00+02:00"])
]
Subject = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(readable)
]
Memo = Annotated[str, Field(max_length=100_000), AfterValidator(readable)]
Minutes = Annotated[int | None, Field(ge=0, le=366 * 24 * 60)]
SellerKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s/?#\x00-\x1f\x7f]+$"),
    Field(examples=["anna.k"], description="the key of a seller"),
]


def _duration(minutes: int | None) -> timedelta | None:
    return None if minutes is None else timedelta(minutes=minutes)


class ActivityInput(Input):
    """An activity as a person describes it. A customer, a category and a memo are enough.

    What is left out is empty; kind and type are then as the category says.
    """

    customer_id: UUID
    category: Annotated[Number, Field(examples=[1], description="number of the category")]
    subject: Annotated[Subject, Field(description="the first line of the memo if left out")] = ""
    memo: Annotated[Memo, Field(examples=["Wants an offer by Friday."])] = ""
    result: Memo = ""
    contacts: list[UUID] = Field(default_factory=list, max_length=100)
    opportunity_id: UUID | None = None
    kind: Annotated[Number | None, Field(description="where the category allows selection")] = None
    type: Annotated[Number | None, Field(description="where the category allows selection")] = None
    attributes: list[Number] = Field(
        default_factory=list, max_length=100, description="numbers of ticked attributes"
    )
    seller: SellerKey | None = None
    participants: list[SellerKey] = Field(default_factory=list, max_length=50)
    state: State = State.DONE
    starts_at: Annotated[Moment | None, Field(description="now if it is done")] = None
    ends_at: Moment | None = None
    duration_minutes: Annotated[Minutes, Field(description="instead of `ends_at`")] = None
    due_at: Annotated[Moment | None, Field(description="of what is open")] = None
    channel: Channel | None = None
    direction: Direction | None = None

    def to_command(self) -> SaveActivity:
        """Return what is asked for."""
        return SaveActivity(
            customer_id=self.customer_id,
            category=self.category,
            subject=self.subject,
            memo=self.memo,
            result=self.result,
            contacts=tuple(self.contacts),
            opportunity_id=self.opportunity_id,
            kind=self.kind,
            type=self.type,
            attributes=frozenset(self.attributes),
            seller=self.seller,
            participants=tuple(self.participants),
            state=self.state,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            duration=_duration(self.duration_minutes),
            due_at=self.due_at,
            channel=self.channel,
            direction=self.direction,
        )


class CompletionInput(Input):
    """When it was done and what came of it."""

    starts_at: Annotated[Moment | None, Field(description="now if left out")] = None
    duration_minutes: Minutes = None
    result: Annotated[Memo, Field(description="stays as it is if empty")] = ""

    def to_command(self) -> Completion:
        """Return what is asked for."""
        return Completion(self.starts_at, _duration(self.duration_minutes), self.result)


class FollowUpInput(Input):
    """What is to be done next. What is left out is as it was in what is done; memo is empty."""

    due_at: Annotated[Moment | None, Field(description="or `starts_at`, one of the two")] = None
    starts_at: Moment | None = None
    duration_minutes: Minutes = None
    category: Number | None = None
    kind: Annotated[Number | None, Field(description="where the category allows selection")] = None
    type: Annotated[Number | None, Field(description="where the category allows selection")] = None
    subject: Subject = ""
    memo: Memo = ""
    seller: SellerKey | None = None

    def to_command(self) -> FollowUp:
        """Return what is asked for."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        return FollowUp(duration=_duration(said.pop("duration_minutes")), **said)


class ActivityOutput(BaseModel):
    """An activity as it stands; values of lists by number."""

    activity_id: UUID
    version: int
    customer_id: UUID
    contacts: list[UUID]
    opportunity_id: UUID | None
    follows: UUID | None = Field(description="the done activity that it was made from")
    category: int
    kind: int
    type: int
    attributes: list[int]
    seller: str | None
    participants: list[str]
    state: State
    starts_at: datetime
    ends_at: datetime | None
    due_at: datetime | None
    channel: Channel | None
    direction: Direction | None
    subject: str
    memo: str
    result: str
    counts_to_target: bool = Field(
        description="its category was a sales target when it was recorded"
    )
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


def activity_output(row: Row[Any]) -> ActivityOutput:
    """Return an activity as it is shown."""
    own = {"category", "kind", "type", "attributes"}
    return ActivityOutput(
        **{name: getattr(row, name) for name in ActivityOutput.model_fields if name not in own},
        category=row.category_number,
        kind=row.kind_number,
        type=row.type_number,
        attributes=list(row.attribute_numbers),
    )
