"""The facts that this service tells."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.mailing.domain.channels import Channel, Purpose


@dataclass(frozen=True, slots=True)
class ConsentProbed:
    """It was asked how far the consent news goes."""

    nonce: UUID


@dataclass(frozen=True, slots=True)
class AddressBanned:
    """An address was banned here."""

    ban_id: UUID
    channel: Channel
    address: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RecipientHandedOff:
    """One recipient was released for sending."""

    hand_off_id: UUID
    contact_id: UUID
    channel: Channel
    purpose: Purpose
    campaign: str
    consent_seq: int
    at: datetime
    topic: str | None
    segment_id: UUID | None
    rule_version: int | None
    log_position: int | None
