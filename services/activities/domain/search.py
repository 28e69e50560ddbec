"""What activities may be searched by."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.activities.domain.activity import State


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """
    What activities must match; everything given must hold.

    Values of lists go by number: one of several, but of attributes all. A customer or contact
    stands for those that were merged into it. Of `since` to `until` the end is not included.
    """

    customer_id: UUID | None = None
    contact_id: UUID | None = None
    opportunity_id: UUID | None = None
    seller: str | None = None
    participant: str | None = None
    category: tuple[int, ...] = ()
    kind: tuple[int, ...] = ()
    type: tuple[int, ...] = ()
    attribute: tuple[int, ...] = ()
    state: State | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    deleted: bool = False
