"""What happened in the domain. `messaging/publications.py` decides how the public hears of it."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.opportunity import ProbabilitySource, StaleReason
from services.pipeline.domain.user_groups import GroupKind, Membership


@dataclass(frozen=True, slots=True)
class OpportunitySaved:
    """An opportunity as it now stands; values of lists go by number, amounts are minor units."""

    opportunity_id: UUID
    version: int
    customer_id: UUID
    project_source: str | None
    project_ref: str | None
    name: str
    value: int
    currency: str
    expected_close: date
    pipeline: int
    stage: int
    outcome: Outcome
    closed: bool
    closed_on: date | None
    probability: int
    probability_source: ProbabilitySource
    rejection: int | None
    type: int | None
    source: int | None
    contacts: tuple[UUID, ...]
    sellers: tuple[tuple[str, int], ...]
    rule_violated: str | None


@dataclass(frozen=True, slots=True)
class OpportunityDeleted:
    """An opportunity is deleted; it may come back."""

    opportunity_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class OpportunityStageChanged:
    """An opportunity went from one stage to another; `from_stage` is None for a new one."""

    opportunity_id: UUID
    version: int
    customer_id: UUID
    pipeline: int
    from_stage: int | None
    stage: int
    outcome: Outcome
    at: datetime


@dataclass(frozen=True, slots=True)
class OpportunityClosed:
    """An opportunity was won, lost or expired, or (`open`) was opened again."""

    opportunity_id: UUID
    version: int
    customer_id: UUID
    name: str
    outcome: Outcome
    closed_on: date | None
    at: datetime
    value: int
    currency: str


@dataclass(frozen=True, slots=True)
class OpportunityWentStale:
    """An open opportunity needs a look: its date has passed, or nothing happened for long."""

    opportunity_id: UUID
    version: int
    customer_id: UUID
    reason: StaleReason
    since: date


@dataclass(frozen=True, slots=True)
class UserGroupSaved:
    """A user group as it now stands; a removed one has no members."""

    group_id: UUID
    version: int
    title: str
    kind: GroupKind
    parent_id: UUID | None
    members: tuple[Membership, ...]
    removed: bool = False
