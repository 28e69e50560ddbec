"""What the mailing service tells."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.types import Contract, Moment, Text

Channel = Literal["email", "sms", "post"]
Purpose = Literal["marketing", "service"]


class ConsentProbed(Contract):
    """Mailing asks how far the consent news goes (see `customers.consent-confirmed.v1`)."""

    nonce: UUID


class ContactUnsubscribed(Contract):
    """An address was banned at mailing; the contacts who have it are to be banned too."""

    ban_id: UUID
    channel: Channel
    address: Text = Field(description="normalised address or number")
    source: Text
    at: Moment


class AddressBounced(Contract):
    """An address bounced, so no more marketing is released to it. Carries no address."""

    stop_id: UUID = Field(description="what is lifted to write to the address again")
    hand_off_id: UUID
    contact_id: UUID
    channel: Channel
    kind: Literal["hard_bounce", "soft_bounce"]
    reported_at: Moment
    at: Moment


class RecipientHandedOff(Contract):
    """One recipient was released for sending. Carries no address."""

    hand_off_id: UUID
    contact_id: UUID
    channel: Channel
    purpose: Purpose
    campaign: Text
    consent_seq: Annotated[int, Field(ge=0)]
    at: Moment


class MemberMove(Contract):
    """One contact came into a segment (`entered`) or left it."""

    position: Annotated[int, Field(ge=1)] = Field(description="rises with every move; has gaps")
    contact_id: UUID
    entered: bool
    cause: Literal["event", "day", "rule", "pin", "check"] = Field(
        description="a fact that was told, a day that came, a new rule, a person's decision, or a "
        "recomputation"
    )
    told_type: Text | None = Field(default=None, description="type of the event that told the fact")
    told_by: Text | None = Field(default=None, description="its id")


class SegmentMembersChanged(Contract):
    """Members of a segment came or went. Carries no personal data.

    Of one segment these events come in the order of their positions. `replaced` says that more have
    changed at once than are named: read the members anew.
    """

    segment_id: UUID
    position: Annotated[int, Field(ge=0)] = Field(description="that of the last move")
    at: Moment
    moves: Annotated[list[MemberMove], Field(max_length=500)] = Field(default_factory=list)
    replaced: bool = False
