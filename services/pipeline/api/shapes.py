"""Shapes of requests and answers: their own models, apart from the domain. Amounts are integers in
minor units of their currency.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy.engine import Row

from services.pipeline.api.fields import (
    CurrencyCode,
    Key,
    SellerKey,
    Title,
    WrittenDay,
    readable,
    within,
)
from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.money import LARGEST
from services.pipeline.domain.opportunity import (
    EARLIEST,
    LATEST,
    MOST_SELLERS,
    Line,
    ProbabilitySource,
    StaleReason,
)
from services.pipeline.handlers.move_opportunity import Move
from services.pipeline.handlers.place_opportunity import Anchor
from services.pipeline.handlers.plan_opportunity import SaveOpportunity
from shared.chassis.errors import InvalidField
from shared.chassis.http.shapes import Input, Number

Day = Annotated[WrittenDay, within(EARLIEST, LATEST)]
Memo = Annotated[str, Field(max_length=100_000), AfterValidator(readable)]
Amount = Annotated[int, Field(ge=0, le=LARGEST)]
Percent = Annotated[int, Field(ge=0, le=100)]
Source = Annotated[Key, Field(description="whose project it is, as the ERP names itself")]


class LineInput(Input):
    """A part of what is to be sold."""

    title: Annotated[Title, Field(examples=["Yearly service"])]
    quantity: Annotated[
        Decimal,
        Field(gt=0, max_digits=13, decimal_places=4, allow_inf_nan=False, examples=["2.5"]),
    ]
    unit_price: Annotated[Amount, Field(description="in minor units", examples=[10000])]


class SellerInput(Input):
    """Who sells, and how many per cent are his."""

    seller: SellerKey
    weight: Annotated[
        int | None,
        Field(ge=1, le=100, description="per cent; all sum to 100; even if all leave it out"),
    ] = None


class OpportunityInput(Input):
    """An opportunity as a person describes it. A customer or project, a name, a day are enough."""

    customer_id: Annotated[
        UUID | None, Field(description="may be left out where a project is named, which brings it")
    ] = None
    project_source: Annotated[Source | None, Field(examples=["/erp/one"])] = None
    project_ref: Annotated[Key | None, Field(examples=["P-1001"])] = None
    name: Annotated[Title, Field(examples=["Lift for the harbour"])]
    memo: Memo = ""
    value: Annotated[
        Amount | None,
        Field(
            description="in minor units; what the lines come to if there are any", examples=[25000]
        ),
    ] = None
    currency: Annotated[CurrencyCode | None, Field(description="the house's if left out")] = None
    lines: Annotated[list[LineInput], Field(max_length=200)] = Field(default_factory=list)
    expected_close: Annotated[Day, Field(examples=["2026-12-18"])]
    pipeline: Annotated[Number | None, Field(description="the default one if left out")] = None
    stage: Annotated[Number | None, Field(description="the first open one if left out")] = None
    probability: Annotated[
        Percent | None, Field(description="per cent, by hand; the stage's if left out")
    ] = None
    reset_probability: Annotated[
        bool, Field(description="let the stage's replace one that was given by hand")
    ] = False
    rejection: Annotated[
        Number | None, Field(description="why it was lost; the stage's if left out")
    ] = None
    closed_on: Annotated[
        Day | None, Field(description="when it was won, lost or expired; today if left out")
    ] = None
    type: Number | None = None
    source: Annotated[Number | None, Field(description="where it came from")] = None
    contacts: list[UUID] = Field(default_factory=list, max_length=100)
    sellers: list[SellerInput] = Field(default_factory=list, max_length=MOST_SELLERS)

    def to_command(self) -> SaveOpportunity:
        """Return what is asked for; refuse half a project."""
        project = None
        if self.project_source is not None and self.project_ref is not None:
            project = (self.project_source, self.project_ref)
        elif self.project_source is not None or self.project_ref is not None:
            missing = "project_ref" if self.project_ref is None else "project_source"
            raise InvalidField(missing, "a project has a source and a reference", "Send both.")
        return SaveOpportunity(
            customer_id=self.customer_id,
            project=project,
            name=self.name,
            memo=self.memo,
            value=self.value,
            currency=self.currency,
            lines=tuple(Line(one.title, one.quantity, one.unit_price) for one in self.lines),
            expected_close=self.expected_close,
            pipeline=self.pipeline,
            stage=self.stage,
            probability=self.probability,
            reset_probability=self.reset_probability,
            rejection=self.rejection,
            closed_on=self.closed_on,
            type=self.type,
            source=self.source,
            contacts=tuple(self.contacts),
            sellers=tuple((one.seller, one.weight) for one in self.sellers),
        )


class PositionInput(Input):
    """A place on the board: right before or after another opportunity of the stage."""

    before: UUID | None = None
    after: UUID | None = None

    def to_anchor(self) -> Anchor:
        """Return it; refuse both and neither."""
        if self.after is not None and self.before is None:
            return Anchor(self.after, after=True)
        if self.before is not None and self.after is None:
            return Anchor(self.before, after=False)
        raise InvalidField("position", "it is one place", "Send either `before` or `after`.")


class MoveInput(Input):
    """Where an opportunity goes."""

    stage: Annotated[Number, Field(description="number of the stage", examples=[2])]
    pipeline: Annotated[
        Number | None, Field(description="that of the stage, where it is another")
    ] = None
    position: Annotated[
        PositionInput | None, Field(description="the end of a stage that it enters, if left out")
    ] = None
    rejection: Annotated[
        Number | None, Field(description="why it was lost; the stage's if left out")
    ] = None
    reset_probability: Annotated[
        bool, Field(description="let the stage's replace one that was given by hand")
    ] = False
    closed_on: Annotated[Day | None, Field(description="today if left out")] = None

    def to_command(self) -> Move:
        """Return what is asked for."""
        return Move(
            stage=self.stage,
            pipeline=self.pipeline,
            beside=None if self.position is None else self.position.to_anchor(),
            rejection=self.rejection,
            reset_probability=self.reset_probability,
            closed_on=self.closed_on,
        )


class OutcomeInput(Input):
    """At which stage, and when: the first of that outcome, and today, if nothing is said."""

    stage: Number | None = None
    closed_on: Day | None = None

    def to_command(self) -> Move:
        """Return what is asked for."""
        return Move(stage=self.stage, closed_on=self.closed_on)


class LossInput(OutcomeInput):
    """Why, at which stage, and when."""

    rejection: Annotated[Number | None, Field(description="the stage's if left out")] = None

    def to_command(self) -> Move:
        """Return what is asked for."""
        return Move(stage=self.stage, rejection=self.rejection, closed_on=self.closed_on)


class ReopeningInput(Input):
    """At which stage: the first open one if nothing is said."""

    stage: Number | None = None

    def to_command(self) -> Move:
        """Return what is asked for."""
        return Move(stage=self.stage)


class CopyInput(Input):
    """What is different about the other one."""

    name: Annotated[Title | None, Field(description="the same if left out")] = None


class LineOutput(BaseModel):
    """A part of what is to be sold; `total` is quantity times price, rounded half up."""

    title: str
    quantity: Decimal
    unit_price: int
    total: int


class SellerOutput(BaseModel):
    """Who sells, and how many per cent are his."""

    seller: str
    weight: int


class OpportunityOutput(BaseModel):
    """An opportunity as it stands; values of lists by number, amounts in minor units."""

    opportunity_id: UUID
    version: int
    customer_id: UUID
    project_source: str | None
    project_ref: str | None
    rule_violated: str | None = Field(
        description="the rule of the customer's status that its project breaks"
    )
    name: str
    memo: str
    value: int
    currency: str
    lines: list[LineOutput]
    expected_close: date
    pipeline: int
    stage: int
    outcome: Outcome
    closed: bool = Field(description="nothing more is to be done; what is won may not be closed")
    closed_on: date | None
    entered_at: datetime = Field(description="since when it is at its stage")
    probability: int
    probability_source: ProbabilitySource
    rejection: int | None
    type: int | None
    source: int | None
    contacts: list[UUID]
    sellers: list[SellerOutput]
    last_activity_at: datetime | None
    stale_reason: StaleReason | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


def sellers_output(row: Row[Any]) -> list[SellerOutput]:
    """Return who sells, the heaviest first."""
    return [
        SellerOutput(seller=seller, weight=weight)
        for seller, weight in zip(row.sellers, row.weights, strict=True)
    ]


def opportunity_output(row: Row[Any]) -> OpportunityOutput:
    """Return an opportunity as it is shown."""
    own = {"pipeline", "stage", "rejection", "type", "source", "sellers"}
    return OpportunityOutput(
        **{name: getattr(row, name) for name in OpportunityOutput.model_fields if name not in own},
        pipeline=row.pipeline_number,
        stage=row.stage_number,
        rejection=row.rejection_number,
        type=row.type_number,
        source=row.origin_number,
        sellers=sellers_output(row),
    )
