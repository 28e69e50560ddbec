"""Find an opportunity its place on the board, beside another.

A place is between two others, so that a move touches one row; where there is no room left, some
neighbours are spread anew. What it costs does not grow with the stage.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.pipeline.domain.board import spread
from services.pipeline.persistence import board
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Anchor:
    """The opportunity beside which another is put, and on which side."""

    opportunity_id: UUID
    after: bool

    @property
    def field(self) -> str:
        """Return what names it in a request."""
        return "position.after" if self.after else "position.before"


async def rows_to_lock(
    opportunity_id: UUID, anchor: Anchor | None, uow: UnitOfWork
) -> Collection[UUID]:
    """Return whom to lock, all at once and so in one order: itself, and who has to make room."""
    if anchor is None or anchor.opportunity_id == opportunity_id:
        return [opportunity_id]
    low, high = await board.places_around(
        uow.connection, anchor.opportunity_id, after=anchor.after, but=opportunity_id
    )
    if spread(low, high, 1) is not None:
        return [opportunity_id]
    near = await board.neighbours(uow.connection, anchor.opportunity_id, but=opportunity_id)
    return {opportunity_id, *near}


async def place_beside(
    anchor: Anchor,
    moving: Row[Any],
    stage: int,
    locked: Mapping[UUID, Row[Any]],
    uow: UnitOfWork,
) -> Decimal:
    """Return the place beside another opportunity of the stage; neighbours are locked or have room.

    Where the room was taken since, it is that of the other one: ids decide then.
    """
    if anchor.opportunity_id == moving.opportunity_id:
        raise InvalidField(anchor.field, "it is the one that moves", "Name another one.")
    beside = await board.place_of(uow.connection, anchor.opportunity_id, stage)
    if beside is None:
        raise InvalidField(
            anchor.field,
            f"opportunity {anchor.opportunity_id} is not in that stage",
            "Name one that is: GET /v1/opportunity-board.",
        )
    low, high = await board.places_around(
        uow.connection, anchor.opportunity_id, after=anchor.after, but=moving.opportunity_id
    )
    found = spread(low, high, 1)
    if found is None:
        found = await _make_room(anchor, moving, stage, locked, uow)
    return beside if found is None else found[0]


async def _make_room(
    anchor: Anchor,
    moving: Row[Any],
    stage: int,
    locked: Mapping[UUID, Row[Any]],
    uow: UnitOfWork,
) -> list[Decimal] | None:
    near = sorted(
        (
            row
            for row in locked.values()
            if row.stage == stage and row.deleted_at is None and row is not moving
        ),
        key=lambda row: (row.position, row.opportunity_id),
    )
    ids = [row.opportunity_id for row in near]
    if anchor.opportunity_id not in ids:
        return None
    low, high = await board.places_outside(uow.connection, stage, near[0], near[-1])
    places = spread(low, high, len(near) + 1)
    if places is None:
        return None
    own = places.pop(ids.index(anchor.opportunity_id) + (1 if anchor.after else 0))
    await board.set_places(uow.connection, dict(zip(ids, places, strict=True)))
    return [own]
