"""Show a pipeline as a board: its stages with what is in them, in the order of the board."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.search import OpportunityFilter
from services.pipeline.persistence import board
from services.pipeline.persistence.conditions import conditions_of
from services.pipeline.persistence.search import fetch_shown
from shared.chassis.errors import Kind, Refusal

Place = tuple[Decimal, UUID]


class NoBoard(Refusal):
    """There is no such pipeline or stage."""

    kind = Kind.NOT_FOUND
    slug = "no_such_board"
    remedy = "List them: GET /v1/pipelines and GET /v1/stages."


@dataclass(frozen=True, slots=True)
class Column:
    """A stage, its totals by currency, its first cards, and where they end if there are more."""

    stage: Row[Any]
    totals: Sequence[Row[Any]]
    cards: Sequence[Row[Any]]
    end: Place | None


async def show_board(
    connection: AsyncConnection,
    pipeline: int | None,
    wanted: OpportunityFilter,
    *,
    limit: int,
    language: str | None,
    today: date,
) -> list[Column]:
    """Return the stages of a pipeline by its number, of the default one if None."""
    stages = await board.stages_of(connection, pipeline, language=language)
    if not stages:
        raise NoBoard(f"There is no pipeline {pipeline}, or it has no stages.")
    keys = [stage.key for stage in stages]
    conditions = await conditions_of(connection, wanted, today=today)
    totals = await board.totals(connection, keys, conditions)
    few = wanted.seller is not None or wanted.customer_id is not None
    cards = board.few_cards if few else board.cards
    places = await cards(connection, keys, conditions, limit=limit + 1)
    by_stage = {key: [one for one in places if one.stage == key] for key in keys}
    shown = await _shown(
        connection, [one for key in keys for one in by_stage[key][:limit]], language
    )
    return [
        Column(
            stage,
            [one for one in totals if one.stage == stage.key],
            [shown[one.opportunity_id] for one in by_stage[stage.key][:limit]],
            _end(by_stage[stage.key], limit),
        )
        for stage in stages
    ]


async def show_stage(
    connection: AsyncConnection,
    stage: int,
    wanted: OpportunityFilter,
    *,
    after: Place | None,
    limit: int,
    language: str | None,
    today: date,
) -> tuple[list[Row[Any]], Place | None]:
    """Return the next cards of a stage by its key, and where they end if there are more."""
    conditions = await conditions_of(connection, wanted, today=today)
    places = await board.cards(connection, [stage], conditions, after=after, limit=limit + 1)
    shown = await _shown(connection, places[:limit], language)
    return [shown[one.opportunity_id] for one in places[:limit]], _end(places, limit)


async def _shown(
    connection: AsyncConnection, places: Sequence[Row[Any]], language: str | None
) -> Mapping[UUID, Row[Any]]:
    ids = [one.opportunity_id for one in places]
    rows = await fetch_shown(connection, ids, language=language) if ids else []
    return {row.opportunity_id: row for row in rows}


def _end(places: Sequence[Row[Any]], limit: int) -> Place | None:
    if len(places) <= limit:
        return None
    return places[limit - 1].position, places[limit - 1].opportunity_id
