"""What the routes of this service take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.mailing.domain.addresses import MAX_KEY
from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import Reason
from services.mailing.domain.rules import Rule
from services.mailing.handlers.evaluate_rule import Unknown
from shared.chassis.http.paging import Page
from shared.chassis.http.shapes import Input

Name = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
]
AddressText = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_KEY, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class SegmentBody(Input):
    """A segment: its name and its rule."""

    name: Name = Field(examples=["New customers"])
    rule: Rule = Field(examples=[{"op": "has_attribute", "number": 1}])


class PreviewBody(Input):
    """A rule to be tried."""

    rule: Rule = Field(examples=[{"op": "has_attribute", "number": 1}])


class UnknownShown(BaseModel):
    """A value that a rule names and that matches nobody."""

    model_config = ConfigDict(from_attributes=True)

    at: str = Field(description="where the rule names it, such as rule.rules.0.numbers.1")
    list: str
    number: int
    why: Unknown = Field(description="removed: deleted or merged; never_told: not known here")


class SegmentShown(BaseModel):
    """A segment as it stands."""

    segment_id: UUID
    name: str
    rule: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime
    unknown_values: list[UnknownShown]
    building: bool = Field(description="members of the present rule are being found")


class BuildShown(BaseModel):
    """How the members of a segment were found once."""

    rule_id: UUID
    version: int = Field(description="of the segment")
    why: Literal["made", "changed", "checked"]
    made_at: datetime
    live_from: datetime | None = Field(description="when it took over; null: not yet, or never")
    live_until: datetime | None
    entered: int | None = Field(description="who was a member then and not before")
    exited: int | None = Field(description="who was a member before; of a check both are drift")


class BuildsShown(BaseModel):
    """The newest builds of a segment."""

    items: list[BuildShown]


class Member(BaseModel):
    """One member of a segment."""

    contact_id: UUID
    first_name: str
    last_name: str


class Members(Page[Member]):
    """One page of members."""

    unknown_values: list[UnknownShown]


class CountsShown(BaseModel):
    """Members on one channel: mailable, banned and without address add up to all."""

    members: int
    mailable: int = Field(description="as decided by bans alone")
    banned: int
    without_address: int
    refused: Reason | None = Field(description="why marketing is closed on the whole channel")
    unknown_values: list[UnknownShown]


class HandOffBody(Input):
    """Contacts to release for sending. The purpose is mandatory: bans stop marketing only."""

    contact_ids: list[UUID] = Field(min_length=1, max_length=500)
    channel: Channel
    purpose: Purpose
    campaign: Name = Field(examples=["spring"])
    customer_id: UUID | None = None


class ReleasedShown(BaseModel):
    """The recipient may be sent to."""

    hand_off_id: UUID
    address: str
    consent_seq: int
    at: datetime
    unsubscribe_url: str | None = Field(
        default=None, description="of marketing e-mail: the link to put into the text"
    )
    mail_headers: dict[str, str] = Field(
        default={}, description="of marketing e-mail: header fields to send with it (RFC 8058)"
    )


class ReceiptShown(BaseModel):
    """One recipient that was released."""

    hand_off_id: UUID
    contact_id: UUID
    channel: Channel
    purpose: Purpose
    campaign: str
    consent_seq: int
    at: datetime


class RefusedShown(BaseModel):
    """The recipient must not be sent to."""

    reason: Reason
    detail: str
    remedy: str
    earlier: ReceiptShown | None = None


class OutcomeShown(BaseModel):
    """What was decided on one contact; exactly one of the two is set."""

    contact_id: UUID
    released: ReleasedShown | None = None
    refused: RefusedShown | None = None


class HandOffAnswer(BaseModel):
    """One outcome per contact, in the order asked."""

    outcomes: list[OutcomeShown]


class BanBody(Input):
    """An address to ban: e-mail, number in E.164, or street|postal code|city|country."""

    channel: Channel
    address: AddressText = Field(examples=["aino.virtanen@example.com"])
    source: Name = Field(description="where the wish came from", examples=["unsubscribe-link"])


class BanAnswer(BaseModel):
    """`fenced`: nothing is released after this answer. `accepted`: that follows soon."""

    fence: Literal["fenced", "accepted"]
    ban_id: UUID


class BanLifted(BaseModel):
    """A direct ban was undone."""

    lifted: UUID


class BanShown(BaseModel):
    """One closed gate of a contact, and the subjects that close it."""

    closed: str
    by: list[str]


class ReachabilityShown(BaseModel):
    """May the contact be written to, and if not, why."""

    contact_id: UUID
    channel: Channel
    purpose: Purpose
    reachable: bool
    reason: Reason | None
    detail: str | None
    remedy: str | None
    bans: list[BanShown]


class ConsentShown(BaseModel):
    """How far the news of bans goes."""

    applied_through: int
    confirmed_seq: int
    fresh: bool
    age_seconds: float | None
    configured: dict[Channel, bool]


class Removed(BaseModel):
    """A record was removed."""

    removed: UUID
