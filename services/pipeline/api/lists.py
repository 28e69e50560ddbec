"""Routes of the lists that sort opportunities, with what opportunities say of them."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.pipeline.handlers.pipeline_lists import PIPELINE_LISTS
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists import api


class OpportunityListOutput(BaseModel):
    """One list and what is particular about it."""

    name: str
    path: str
    meaning: str
    several: bool = Field(description="an opportunity may have more than one of its values")
    tree: bool
    inside: str | None = Field(description="the list its values may be kept in")
    bundles: str | None = Field(description="the list whose values it bundles")
    held_by_opportunities: bool
    compulsory: bool
    may_own_tab: bool = Field(description="whether it may show as a tab of its own")
    own_tab: bool = Field(description="layout hint: show it as a tab of its own")
    version: int


class OpportunityUsageOutput(BaseModel):
    """How many live opportunities hold a value."""

    number: int
    opportunities: int = 0


class OpportunityValueDeletionOutput(BaseModel):
    """What became of a value: gone, or archived because deleted opportunities hold it."""

    archived: bool
    moved_opportunities: int = 0


SHAPES = api.Shapes(OpportunityListOutput, OpportunityUsageOutput, OpportunityValueDeletionOutput)


def lists_routers(units: UnitOfWorkFactory) -> list[APIRouter]:
    """Return the routes of every list there is."""
    return api.lists_routers(PIPELINE_LISTS, SHAPES, units)
