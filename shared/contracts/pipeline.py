"""What the pipeline service tells. Events about a record carry its whole public state."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.customers import Version
from shared.contracts.types import Contract, Currency, Day, Key, Moment, Money, Text


class Membership(Contract):
    """From when until when, both days included, a seller is in a user group."""

    seller: Key
    since: Day | None = None
    until: Day | None = None


class UserGroupSaved(Contract):
    """A user group was created, changed or removed."""

    group_id: UUID
    version: Version
    title: Text
    kind: Literal["standard", "sales"] = "standard"
    parent_id: UUID | None = None
    members: list[Membership] = Field(default_factory=list)
    removed: bool = False


class OpportunityClosed(Contract):
    """An opportunity was won, lost or expired, or (`open`) was opened again."""

    opportunity_id: UUID
    version: Version
    customer_id: UUID
    name: Text
    outcome: Literal["open", "won", "lost", "expired"]
    closed_on: Day | None = None
    at: Moment
    value: Money | None = None
    currency: Currency | None = None
