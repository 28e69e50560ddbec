"""What the mailing service tells."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.types import Contract, Moment, Text

Channel = Literal["email", "sms", "post"]
HandOffChannel = Literal["email", "sms", "post", "call"]
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


class RecipientHandedOff(Contract):
    """One recipient was released for sending. Carries no address."""

    hand_off_id: UUID
    contact_id: UUID
    channel: HandOffChannel
    purpose: Purpose
    campaign: Text
    consent_seq: Annotated[int, Field(ge=0)]
    at: Moment
    topic: Text | None = None
    segment_id: UUID | None = Field(default=None, description="whose member the recipient was")
    rule_version: int | None = Field(default=None, description="of that segment's rule")
    log_position: int | None = Field(default=None, description="in the consent log")
