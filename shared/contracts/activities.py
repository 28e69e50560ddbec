"""What the activities service tells. Events about a record carry its whole public state."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.customers import Version
from shared.contracts.types import Contract, Day, Key, Moment, Text

State = Literal["done", "open"]
Channel = Literal["phone", "email", "meeting", "video", "message", "letter", "other"]
Direction = Literal["in", "out"]
Period = Literal["week", "month"]
Count = Annotated[int, Field(ge=0)]


class ActivitySaved(Contract):
    """An activity was recorded or changed. Category, kind, type and attributes go by number.

    What was said and written (memo, result, documents) stays with the activities service.
    """

    activity_id: UUID
    version: Version
    customer_id: UUID
    contacts: list[UUID] = Field(default_factory=list)
    opportunity_id: UUID | None = None
    follows: UUID | None = Field(default=None, description="the activity that it was made from")
    category: int
    kind: int
    type: int
    attributes: list[int] = Field(default_factory=list)
    seller: Key | None = Field(default=None, description="whom it is assigned to")
    participants: list[Key] = Field(default_factory=list, description="who of the staff took part")
    state: State
    starts_at: Moment
    ends_at: Moment | None = None
    due_at: Moment | None = None
    channel: Channel | None = None
    direction: Direction | None = None
    subject: Text
    counts_to_target: bool = Field(
        default=False, description="its category was a sales target when it was recorded (LE-A5)"
    )


class ActivityDeleted(Contract):
    """An activity was deleted; it may be restored under a higher version."""

    activity_id: UUID
    version: Version


class ClassificationSaved(Contract):
    """A value of a list that sorts activities was created, changed or removed."""

    list_name: Text = Field(description="such as activity_category")
    value_id: UUID
    version: Version
    number: int
    title: Text
    titles: dict[str, Text] = Field(default_factory=dict, description="by language: fi sv hu en")
    order: int = 0
    archived: bool = Field(default=False, description="stays where it is, is given to nobody")
    removed: bool = Field(default=False, description="nobody holds it, and it will not come back")
    flags: dict[str, bool] = Field(default_factory=dict, description="such as sales_target")
    facts: dict[str, Text] = Field(
        default_factory=dict, description="such as kind and type of a category, by number"
    )


class TargetProgressed(Contract):
    """How far a seller or a user group is in one period of a target; the newest version holds."""

    target_id: UUID
    version: Version
    seller: Key | None = None
    group_id: UUID | None = None
    category: int
    period: Period
    first_day: Day = Field(description="the Monday of the ISO week, or the first of the month")
    done: Count
    wanted: Count


class TargetReached(TargetProgressed):
    """A target was reached; told once, until it is lost again by an edit and reached anew."""
