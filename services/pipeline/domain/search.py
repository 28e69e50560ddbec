"""What opportunities can be searched for."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.pipeline.domain.lists import Outcome

COUNTED_AT_MOST = 10_000
"""Matches are counted up to here."""


class Sort(StrEnum):
    """What a list of opportunities is sorted by."""

    EXPECTED_CLOSE = "expected_close"
    VALUE = "value"
    NAME = "name"
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class OpportunityFilter:
    """What must hold of an opportunity; None and empty: anything.

    Values of lists go by number, one of several. A customer or contact stands for those that were
    merged into it, a group for all below it, on the day on which they are asked for: that on which
    the opportunity closed, today for an open one. Ranges include both ends; a value is meant in a
    currency where one is given.
    """

    text: str | None = None
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    project_source: str | None = None
    project_ref: str | None = None
    pipeline: tuple[int, ...] = ()
    stage: tuple[int, ...] = ()
    type: tuple[int, ...] = ()
    source: tuple[int, ...] = ()
    rejection: tuple[int, ...] = ()
    outcome: tuple[Outcome, ...] = ()
    closed: bool | None = None
    seller: str | None = None
    group_id: UUID | None = None
    currency: str | None = None
    value_from: int | None = None
    value_to: int | None = None
    probability_from: int | None = None
    probability_to: int | None = None
    expected_from: date | None = None
    expected_to: date | None = None
    closed_from: date | None = None
    closed_to: date | None = None
    stale: bool | None = None
    deleted: bool = False
