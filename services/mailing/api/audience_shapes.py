"""What the routes of audiences take and give."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.mailing.api.shapes import HandOffAnswer, Name, ReleasedShown
from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import Reason
from shared.chassis.http.shapes import Input

MOST = 500
Token = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


class AudienceBody(Input):
    """Whom to take of a segment, and for what; the purpose is mandatory."""

    segment_id: UUID
    channel: Channel
    purpose: Purpose
    campaign: Name = Field(examples=["spring"])
    keep_up: bool = Field(
        description="true: follows who enters the segment and who leaves; false: stays frozen"
    )
    customer_id: UUID | None = Field(
        default=None, description="only contacts of this customer, in their role there"
    )


class AudienceShown(BaseModel):
    """An audience as it stands."""

    model_config = ConfigDict(from_attributes=True)

    audience_id: UUID
    segment_id: UUID
    channel: Channel
    purpose: Purpose
    campaign: str
    customer_id: UUID | None
    keep_up: bool
    position: int = Field(description="the last change of the segment's members it knows of")
    version: int
    made_at: datetime
    closed_at: datetime | None


class AudienceMember(BaseModel):
    """One whom the audience took."""

    model_config = ConfigDict(from_attributes=True)

    contact_id: UUID
    first_name: str
    last_name: str
    position: int = Field(description="the change of the segment's members with which he came")
    consent_seq: int = Field(description="how far the news of bans went then")
    joined_at: datetime
    left_at: datetime | None


class AudienceCountsShown(BaseModel):
    """Mailable, banned and without address add up to the members."""

    model_config = ConfigDict(from_attributes=True)

    members: int = Field(description="who is in it now")
    mailable: int = Field(description="members as decided by bans alone, handed off or not")
    addresses: int = Field(description="different addresses of the mailable")
    banned: int = Field(description="members banned since they came in")
    without_address: int = Field(description="members without one by now, or deleted")
    left: int | None = Field(
        description="who was taken and is not in the segment now; null: the segment is removed"
    )
    handed_off: int = Field(description="who was taken and has a receipt of the campaign")
    refused: Reason | None = Field(description="why the whole channel is closed")


class NextBody(Input):
    """How many to hand off."""

    limit: int = Field(ge=1, le=MOST, examples=[100])


class SealsBody(Input):
    """For how many to give tokens, and how long these are good."""

    limit: int = Field(ge=1, le=MOST, examples=[100])
    hours: int = Field(default=24, ge=1, le=720)


class SealsShown(BaseModel):
    """Tokens in an order that tells nothing; they are shown this once."""

    tokens: list[str] = Field(description="empty: every member has one, or was handed off")
    expires_at: datetime


class SealedBody(Input):
    """Tokens of those to hand off."""

    tokens: list[Token] = Field(min_length=1, max_length=MOST)


class SealRefused(BaseModel):
    """The one for whom the token stands must not be sent to, or it is good for nobody."""

    reason: Reason | None = Field(
        description="null: forged, of another audience, used, expired, or of one who left"
    )
    detail: str
    remedy: str


class SealedOutcome(BaseModel):
    """What was decided on one token; exactly one of the two is set."""

    token: str
    released: ReleasedShown | None = None
    refused: SealRefused | None = None


class SealedAnswer(BaseModel):
    """One outcome per token, in the order asked."""

    outcomes: list[SealedOutcome]


class AudienceHandOffAnswer(HandOffAnswer):
    """One outcome for each of the next members; none: everybody was handed off."""
