"""Routes of the board: the stages of a pipeline with what is in them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.pipeline.api.fields import SellerKey
from services.pipeline.api.search import OpportunityRow, place_on_board
from services.pipeline.domain.lists import STAGE, Outcome
from services.pipeline.domain.opportunity import Rules
from services.pipeline.domain.search import OpportunityFilter
from services.pipeline.handlers.show_board import Column, NoBoard, Place, show_board, show_stage
from shared.chassis.clock import day_of
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import Cursor, Limit, Page, write_cursor
from shared.chassis.http.shapes import Number
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.api import Language
from shared.lists.store import find_value

Seller = Annotated[SellerKey | None, Query(description="who has a share in it")]
Group = Annotated[UUID | None, Query(description="somebody of the group, or below it, sells")]
Customer = Annotated[UUID | None, Query(description="with those that were merged into it")]


class BoardSum(BaseModel):
    """Whole amounts in one currency, in minor units."""

    currency: str
    value: int
    weighted: int = Field(description="of each the part that its probability lets expect")


class BoardStage(BaseModel):
    """A stage: how many opportunities are there, what they are worth, and the first of them."""

    stage: int
    title: str
    outcome: Outcome
    closed: bool
    probability: int
    opportunities: int
    sums: list[BoardSum]
    cards: list[OpportunityRow] = Field(description="the first, in the order of the board")
    next: str | None = Field(description="cursor of GET /v1/opportunity-board/{stage}")


class BoardOutput(BaseModel):
    """A pipeline by its stages, in their order."""

    pipeline: int
    stages: list[BoardStage]


def board_router(units: UnitOfWorkFactory, rules: Rules) -> APIRouter:
    """Return the routes of the board."""
    router = APIRouter(prefix="/v1/opportunity-board", tags=["board"])

    @router.get("", responses=may_refuse(NoBoard))
    async def board(
        pipeline: Annotated[Number | None, Query(description="the default if left out")] = None,
        seller: Seller = None,
        group_id: Group = None,
        customer_id: Customer = None,
        language: Language = None,
        limit: Annotated[int, Query(ge=1, le=100, description="cards per stage")] = 20,
    ) -> BoardOutput:
        """Show a pipeline: per stage how many, what they are worth, and the first cards."""
        async with units.engine.connect() as connection:
            columns = await show_board(
                connection,
                pipeline,
                OpportunityFilter(seller=seller, group_id=group_id, customer_id=customer_id),
                limit=limit,
                language=language,
                today=day_of(units.clock(), rules.zone),
            )
        return BoardOutput(
            pipeline=columns[0].stage.pipeline, stages=[_shown(column) for column in columns]
        )

    @router.get("/{stage}")
    async def cards(
        stage: Number,
        seller: Seller = None,
        group_id: Group = None,
        customer_id: Customer = None,
        language: Language = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[OpportunityRow]:
        """Show the cards of a stage, by its number, in the order of the board."""
        async with units.engine.connect() as connection:
            value = await find_value(connection, STAGE, stage)
            if value is None:
                raise NoBoard(f"There is no stage {stage}.")
            rows, end = await show_stage(
                connection,
                value.key,
                OpportunityFilter(seller=seller, group_id=group_id, customer_id=customer_id),
                after=place_on_board(cursor),
                limit=limit,
                language=language,
                today=day_of(units.clock(), rules.zone),
            )
        return Page(items=_rows(rows), next=_cursor(end))

    return router


def _shown(column: Column) -> BoardStage:
    stage = column.stage
    return BoardStage(
        stage=stage.number,
        title=stage.title,
        outcome=stage.outcome,
        closed=stage.closed,
        probability=stage.probability,
        opportunities=sum(one.opportunities for one in column.totals),
        sums=[
            BoardSum(currency=one.currency, value=int(one.value), weighted=int(one.weighted))
            for one in column.totals
        ],
        cards=_rows(column.cards),
        next=_cursor(column.end),
    )


def _rows(rows: Any) -> list[OpportunityRow]:
    return [OpportunityRow.model_validate(row) for row in rows]


def _cursor(end: Place | None) -> str | None:
    return None if end is None else write_cursor(str(end[0]), str(end[1]))
