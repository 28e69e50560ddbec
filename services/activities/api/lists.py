"""Routes of the lists that sort activities, with what activities say of them."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.activities.handlers.activity_lists import ACTIVITY_LISTS
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists import api


class ActivityListOutput(BaseModel):
    """One list and what is particular about it."""

    name: str
    path: str
    meaning: str
    several: bool = Field(description="an activity may have more than one of its values")
    tree: bool
    inside: str | None = Field(description="the list its values may be kept in")
    bundles: str | None = Field(description="the list whose values it bundles")
    held_by_activities: bool
    compulsory: bool
    may_own_tab: bool = Field(description="whether it may show as a tab of its own")
    own_tab: bool = Field(description="layout hint: show it as a tab of its own")
    version: int


class ActivityUsageOutput(BaseModel):
    """How many live activities hold a value."""

    number: int
    activities: int = 0


class ActivityValueDeletionOutput(BaseModel):
    """What became of a value: gone, or archived because deleted activities hold it."""

    archived: bool
    moved_activities: int = 0


SHAPES = api.Shapes(ActivityListOutput, ActivityUsageOutput, ActivityValueDeletionOutput)


def lists_routers(units: UnitOfWorkFactory) -> list[APIRouter]:
    """Return the routes of every list there is."""
    return api.lists_routers(ACTIVITY_LISTS, SHAPES, units)
