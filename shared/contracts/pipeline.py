"""What the pipeline service tells. Events about a record carry its whole public state."""

from typing import Annotated, Literal
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


Outcome = Literal["open", "won", "lost", "expired"]
Percent = Annotated[int, Field(ge=0, le=100)]


class SellerShare(Contract):
    """What part of an opportunity is a seller's; the parts of all sum to 100."""

    seller: Key
    weight: Annotated[int, Field(ge=1, le=100)]


class OpportunitySaved(Contract):
    """An opportunity was created or changed. Values of lists go by their number."""

    opportunity_id: UUID
    version: Version
    customer_id: UUID
    project_source: Text | None = None
    project_ref: Key | None = None
    name: Text
    value: Money
    currency: Currency
    expected_close: Day
    pipeline: int
    stage: int
    outcome: Outcome
    closed: bool = Field(description="nothing more is to be done; a won one may still be open")
    closed_on: Day | None = Field(default=None, description="when it was won, lost or expired")
    probability: Percent
    probability_source: Literal["stage", "manual"]
    rejection: int | None = None
    type: int | None = None
    source: int | None = None
    contacts: list[UUID] = Field(default_factory=list)
    sellers: list[SellerShare] = Field(default_factory=list)
    rule_violated: Text | None = Field(
        default=None, description="the rule that its project breaks, such as selectable_in_project"
    )


class OpportunityDeleted(Contract):
    """An opportunity was deleted; it may be restored under a higher version."""

    opportunity_id: UUID
    version: Version


class OpportunityStageChanged(Contract):
    """An opportunity entered a stage; `from_stage` is the one before, none for a new one."""

    opportunity_id: UUID
    version: Version
    customer_id: UUID
    pipeline: int
    from_stage: int | None = None
    stage: int
    outcome: Outcome
    at: Moment


class OpportunityWentStale(Contract):
    """An open opportunity needs a look: its day has passed, or it is quiet. Each is told once."""

    opportunity_id: UUID
    version: Version
    customer_id: UUID
    reason: Literal["date_passed", "no_activity"]
    since: Day


class OpportunityClosed(Contract):
    """An opportunity was won, lost or expired, or (`open`) was opened again."""

    opportunity_id: UUID
    version: Version
    customer_id: UUID
    name: Text
    outcome: Outcome
    closed_on: Day | None = None
    at: Moment
    value: Money | None = None
    currency: Currency | None = None


class ClassificationSaved(Contract):
    """A value of a list that sorts opportunities was created or changed."""

    list_name: Text = Field(description="such as stage")
    value_id: UUID
    version: Version
    number: int
    title: Text
    titles: dict[str, Text] = Field(default_factory=dict, description="by language: fi sv hu en")
    order: int = 0
    archived: bool = Field(default=False, description="stays where it is, is given to nothing new")
    removed: bool = Field(default=False, description="nothing holds it, and it will not come back")
    parent: int | None = Field(default=None, description="number of the pipeline of a stage")
    flags: dict[str, bool] = Field(default_factory=dict)
    facts: dict[str, Text] = Field(default_factory=dict, description="such as probability")
