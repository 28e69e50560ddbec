"""The facts that this service tells."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.delivery_reports import ReportKind


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
class AddressBounced:
    """Nothing of marketing is released any more to the address of a hand-off, since it bounced."""

    stop_id: UUID
    hand_off_id: UUID
    contact_id: UUID
    channel: Channel
    kind: ReportKind
    reported_at: datetime
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


@dataclass(frozen=True, slots=True)
class MemberMove:
    """One contact came into a segment or left it, and why."""

    position: int
    contact_id: UUID
    entered: bool
    cause: str
    told_type: str | None
    told_by: str | None


@dataclass(frozen=True, slots=True)
class SegmentMembersChanged:
    """Members of a segment came or went, in this order; `replaced` if too many to be named."""

    segment_id: UUID
    moves: tuple[MemberMove, ...]
    at: datetime
    replaced: bool = False
    position: int | None = None
