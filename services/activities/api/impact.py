"""Routes that show what a change of a list value would do, before it is made."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from services.activities.domain.impact import SORTS
from services.activities.domain.lists import LISTS
from services.activities.handlers.read_impact import read_impact
from shared.chassis.http.shapes import Number
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.history.api import Output, ValueNameOutput


class HeldOutput(Output):
    """The activities that hold the value; all but `deleted` are of the live ones."""

    live: int
    deleted: int
    open: int
    counting: int = Field(description="count to targets, once they are done")
    first_at: datetime | None = Field(description="when the earliest of them began")
    last_at: datetime | None


class EffectOutput(Output):
    """One change that could be made."""

    change: str = Field(examples=["sales_target"])
    does: str
    does_not: str
    activities_kept: int = Field(description="activities that stay as they are")


class ImpactOutput(Output):
    """What goes by a value, and what each change of it would and would not do."""

    value: ValueNameOutput
    held: HeldOutput
    categories: list[ValueNameOutput] = Field(description="that steer to it")
    cards: list[ValueNameOutput] = Field(description="of the seller view that show it")
    targets: int = Field(description="set for it")
    effects: list[EffectOutput]


def impact_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes of all lists whose values activities hold."""
    router = APIRouter(prefix="/v1")
    for name in SORTS:
        _add(router, units, name)
    return router


def _add(router: APIRouter, units: UnitOfWorkFactory, name: str) -> None:
    path = LISTS[name].path

    @router.get(f"/{path}/{{number}}/impact", operation_id=f"impact_of_{name}", tags=[path])
    async def impact(number: Number) -> ImpactOutput:
        """Show what a change of the value would and would not do, before it is made (LE-06)."""
        async with units.engine.connect() as connection:
            return ImpactOutput.model_validate(await read_impact(name, number, connection))
