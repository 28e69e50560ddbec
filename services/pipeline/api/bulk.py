"""Route that moves many opportunities at once."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.pipeline.api.fields import CurrencyCode, Key, SellerKey, Title
from services.pipeline.api.shapes import Amount, Day, Percent
from services.pipeline.domain.bulk import (
    AT_MOST,
    FURTHEST,
    Change,
    NotAllCanMove,
    TooMany,
)
from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.opportunity import Rules
from services.pipeline.domain.search import OpportunityFilter
from services.pipeline.handlers.live import OpportunityNotFound
from services.pipeline.handlers.move_many import move_many
from shared.chassis.errors import InvalidField
from shared.chassis.http.description import may_refuse
from shared.chassis.http.shapes import Input, Number
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

Numbers = Annotated[list[Number], Field(max_length=100)]


class FilterInput(Input):
    """Which opportunities: everything given must hold, as in GET /v1/opportunities."""

    text: Annotated[Title | None, Field(description="part of the name")] = None
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    project_source: Key | None = None
    project_ref: Key | None = None
    pipeline: Numbers = Field(default_factory=list)
    stage: Numbers = Field(default_factory=list, examples=[[1]])
    outcome: Annotated[list[Outcome], Field(max_length=4)] = Field(default_factory=list)
    closed: bool | None = None
    type: Numbers = Field(default_factory=list)
    source: Numbers = Field(default_factory=list)
    rejection: Numbers = Field(default_factory=list)
    seller: SellerKey | None = None
    group_id: UUID | None = None
    currency: CurrencyCode | None = None
    value_from: Amount | None = None
    value_to: Amount | None = None
    probability_from: Percent | None = None
    probability_to: Percent | None = None
    expected_from: Day | None = None
    expected_to: Day | None = None
    closed_from: Day | None = None
    closed_to: Day | None = None
    stale: bool | None = None

    def to_domain(self) -> OpportunityFilter:
        """Return what is asked for; refuse a filter that says nothing."""
        said: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one
            for name, one in self
            if one is not None and one != []
        }
        if not said:
            raise InvalidField("filter", "it says nothing", "Say which opportunities are meant.")
        return OpportunityFilter(**said)


class ChangeInput(Input):
    """To what: one of `stage`, `seller` and `shift_days` at least."""

    stage: Annotated[Number | None, Field(examples=[2])] = None
    pipeline: Annotated[
        Number | None, Field(description="that of the stage, where it is another")
    ] = None
    rejection: Annotated[Number | None, Field(description="the stage's if left out")] = None
    reset_probability: bool = False
    seller: Annotated[SellerKey | None, Field(description="whose all of each becomes")] = None
    shift_days: Annotated[
        int, Field(ge=-FURTHEST, le=FURTHEST, description="how much later they are to close")
    ] = 0

    def to_domain(self) -> Change:
        """Return what is asked for; refuse what changes nothing."""
        return Change(**self.model_dump())


class OpportunityMovesInput(Input):
    """Which opportunities, by id or by a filter, and to what they move."""

    opportunity_ids: Annotated[
        list[UUID] | None, Field(min_length=1, max_length=AT_MOST, description="or `filter`")
    ] = None
    filter: Annotated[
        FilterInput | None,
        Field(description=f"matching {AT_MOST} at most", examples=[{"stage": [1]}]),
    ] = None
    to: Annotated[ChangeInput, Field(examples=[{"stage": 2}])]
    dry_run: Annotated[bool, Field(description="only tell what would change")] = False

    def wanted(self) -> list[UUID] | OpportunityFilter:
        """Return which are meant; refuse both ways at once, and neither."""
        if self.opportunity_ids is not None and self.filter is None:
            return self.opportunity_ids
        if self.filter is not None and self.opportunity_ids is None:
            return self.filter.to_domain()
        raise InvalidField(
            "opportunity_ids", "they are named in one way", "Send either these or `filter`."
        )


class RefusedMove(BaseModel):
    """An opportunity that cannot be moved so, and why."""

    opportunity_id: UUID
    reason: str
    remedy: str


class OpportunityMovesOutput(BaseModel):
    """What changed (`dry_run`: would change), what is so already, and what cannot be."""

    dry_run: bool
    changed: list[UUID]
    unchanged: list[UUID]
    refused: list[RefusedMove] = Field(description="of a rehearsal; else none")
    operation_id: UUID | None = Field(description="what histories name it by")


def bulk_router(units: UnitOfWorkFactory, rules: Rules) -> APIRouter:
    """Return the route of bulk moves."""
    router = APIRouter(prefix="/v1/opportunity-moves", tags=["opportunities"])

    @router.post(
        "",
        response_model=OpportunityMovesOutput,
        responses=may_refuse(TooMany, NotAllCanMove, OpportunityNotFound),
    )
    async def move(request: Request, body: OpportunityMovesInput) -> Response:
        """Move many opportunities in one transaction: all of them, or none."""

        async def work(unit: UnitOfWork) -> Answer:
            done = await move_many(
                body.wanted(), body.to.to_domain(), unit, rules, rehearse=body.dry_run
            )
            return Answer(OpportunityMovesOutput(dry_run=body.dry_run, **asdict(done)))

        return await write(request, units, work)

    return router
