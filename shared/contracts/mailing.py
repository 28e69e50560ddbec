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
