"""What happened in the domain. `messaging/publications.py` decides how the public hears of it."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.activities.domain.periods import Period


@dataclass(frozen=True, slots=True)
class ActivitySaved:
    """An activity as it now stands; the values of lists go by number."""

    activity_id: UUID
    version: int
    customer_id: UUID
    contacts: tuple[UUID, ...]
    opportunity_id: UUID | None
    follows: UUID | None
    category: int
    kind: int
    type: int
    attributes: tuple[int, ...]
    seller: str | None
    participants: tuple[str, ...]
    state: str
    starts_at: datetime
    ends_at: datetime | None
    due_at: datetime | None
    channel: str | None
    direction: str | None
    subject: str
    counts_to_target: bool


@dataclass(frozen=True, slots=True)
class ActivityDeleted:
    """An activity is deleted; it may come back."""

    activity_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class TargetProgressed:
    """How far somebody is in one period of a target."""

    target_id: UUID
    version: int
    seller: str | None
    group_id: UUID | None
    category: int
    period: Period
    first_day: date
    done: int
    wanted: int


@dataclass(frozen=True, slots=True)
class TargetReached(TargetProgressed):
    """Somebody has reached a target that he had not reached before."""
