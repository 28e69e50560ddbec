"""What became of a message that was sent, and what follows from it for the address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.mailing.domain.channels import Channel


class ReportKind(StrEnum):
    """What is reported of a message."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    COMPLAINT = "complaint"


class Effect(StrEnum):
    """What a report did; the slugs never change."""

    KEPT = "kept"
    SUPPRESSED = "suppressed"
    BANNED = "banned"
    STANDS = "stands"
    LATE = "late"
    ERASED = "erased"
    NOT_HANDED_OFF = "not_handed_off"
    DUPLICATE = "duplicate"


EXPLAINED: dict[Effect, str] = {
    Effect.KEPT: "It counts with others; by itself nothing follows.",
    Effect.SUPPRESSED: "No more marketing is released to the address.",
    Effect.BANNED: "The address is banned, and customers is told.",
    Effect.STANDS: "The address was suppressed or banned for that before.",
    Effect.LATE: "The bounce is too old to say anything of the address today.",
    Effect.ERASED: "The person was erased: nothing about him is written any more.",
    Effect.NOT_HANDED_OFF: "Nothing was handed off to this address, so nothing follows.",
    Effect.DUPLICATE: "The provider has sent this report_id before; nothing was done.",
}
"""What each effect means, in words."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report, as a provider sent it: of an address by its key, or of a hand-off."""

    provider: str
    report_id: str
    kind: ReportKind
    channel: Channel
    address_key: str | None
    hand_off_id: UUID | None
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class BounceRules:
    """How many days with soft bounces, in how long a time, suppress an address."""

    soft_days: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with an address: what was done to it, and the days with soft bounces."""

    suppressed: bool
    banned: bool
    soft_days: int


def effects(
    told: Sequence[tuple[ReportKind, datetime]],
    standing: Standing,
    rules: BounceRules,
    *,
    now: datetime,
) -> list[Effect]:
    """
    Return what reports of one address do, in their order.

    `told` are kinds and moments of the new ones; `standing` counts the days of these too. What the
    reports bring about together does not depend on their order.
    """
    suppressed, banned = standing.suppressed, standing.banned
    found: list[Effect] = []
    for kind, reported_at in told:
        if kind is ReportKind.COMPLAINT:
            # A wish does not age.
            found.append(Effect.STANDS if banned else Effect.BANNED)
            banned = True
        elif reported_at <= now - rules.within:
            found.append(Effect.LATE)
        elif suppressed:
            found.append(Effect.STANDS)
        elif kind is ReportKind.HARD_BOUNCE or standing.soft_days >= rules.soft_days:
            found.append(Effect.SUPPRESSED)
            suppressed = True
        else:
            found.append(Effect.KEPT)
    return found
