"""Milestones: what the other services told of a customer that its timeline shows (LE-01).

Some say how things stand, and there is one of each kind: the newest word holds. Turns are read off
two words on the customer that follow one another, so the first word that is heard is no turn, and
what is heard late finds its place between its neighbours. Nothing is given a time that nobody said.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo


class MilestoneKind(StrEnum):
    """What happened."""

    RELATIONSHIP_STARTED = "relationship_started"
    FIRST_INVOICE = "first_invoice"
    FIRST_SALES_ORDER = "first_sales_order"
    STATUS_CHANGED = "status_changed"
    RELATIONSHIP_ENDED = "relationship_ended"
    RELATIONSHIP_RESUMED = "relationship_resumed"
    CUSTOMER_DELETED = "customer_deleted"
    CUSTOMER_MERGED = "customer_merged"
    CUSTOMER_RESTORED = "customer_restored"
    OPPORTUNITY_WON = "opportunity_won"
    OPPORTUNITY_LOST = "opportunity_lost"
    OPPORTUNITY_EXPIRED = "opportunity_expired"
    OPPORTUNITY_REOPENED = "opportunity_reopened"


SINGULAR = frozenset(
    {
        MilestoneKind.RELATIONSHIP_STARTED,
        MilestoneKind.FIRST_INVOICE,
        MilestoneKind.FIRST_SALES_ORDER,
    }
)
"""Kinds of which a customer has one; after a merge that of the survivor covers both."""

TURNS = frozenset(
    {
        MilestoneKind.STATUS_CHANGED,
        MilestoneKind.RELATIONSHIP_ENDED,
        MilestoneKind.RELATIONSHIP_RESUMED,
        MilestoneKind.CUSTOMER_DELETED,
        MilestoneKind.CUSTOMER_MERGED,
        MilestoneKind.CUSTOMER_RESTORED,
    }
)
"""Kinds that are read off neighbouring words."""

OUTCOMES = {
    "won": MilestoneKind.OPPORTUNITY_WON,
    "lost": MilestoneKind.OPPORTUNITY_LOST,
    "expired": MilestoneKind.OPPORTUNITY_EXPIRED,
    "open": MilestoneKind.OPPORTUNITY_REOPENED,
}


@dataclass(frozen=True, slots=True)
class Word:
    """What of one version of a customer decides about turns; a deletion says no more than that."""

    customer_id: UUID
    version: int
    at: datetime
    deleted: bool = False
    merged_into: UUID | None = None
    status: int | None = None
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A word between those heard: the one before, and the nearest ones that are no deletion."""

    word: Word
    before: Word | None
    saved_before: Word | None
    saved_after: Word | None


@dataclass(frozen=True, slots=True)
class Milestone:
    """One milestone; `key` tells several of a kind apart, the highest version of a key holds."""

    customer_id: UUID
    kind: MilestoneKind
    key: str
    version: int
    at: datetime
    facts: dict[str, Any] = field(default_factory=dict)
    withdrawn: bool = False


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins where the installation is."""
    return datetime.combine(day, time.min, zone)


def turns(place: Place, zone: ZoneInfo) -> list[Milestone]:
    """Return what turned with a word, given its neighbours."""
    word = place.word
    found = _deletion(word, place.before) if word.deleted else _saved(place, zone)
    return [
        Milestone(word.customer_id, kind, str(word.version), word.version, at, facts)
        for kind, at, facts in found
    ]


_Turn = tuple[MilestoneKind, datetime, dict[str, Any]]


def _deletion(word: Word, before: Word | None) -> list[_Turn]:
    if before is not None and before.deleted and before.merged_into == word.merged_into:
        return []
    if word.merged_into is None:
        return [(MilestoneKind.CUSTOMER_DELETED, word.at, {})]
    return [(MilestoneKind.CUSTOMER_MERGED, word.at, {"merged_into": str(word.merged_into)})]


def _saved(place: Place, zone: ZoneInfo) -> list[_Turn]:
    word, former, later = place.word, place.saved_before, place.saved_after
    found: list[_Turn] = []
    if place.before is not None and place.before.deleted:
        found.append((MilestoneKind.CUSTOMER_RESTORED, word.at, {}))
    if former is not None and former.status != word.status:
        facts = {"status_before": former.status, "status_after": word.status}
        found.append((MilestoneKind.STATUS_CHANGED, word.at, facts))
    if word.ended_on is not None and (later is None or later.ended_on is None):
        # The last word of several about one end corrects the day.
        day = {"day": word.ended_on.isoformat()}
        found.append((MilestoneKind.RELATIONSHIP_ENDED, start_of(word.ended_on, zone), day))
    if word.ended_on is None and former is not None and former.ended_on is not None:
        found.append((MilestoneKind.RELATIONSHIP_RESUMED, word.at, {}))
    return found
