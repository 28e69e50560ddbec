"""Routes of the classification lists, and of the drop-down of statuses."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.customers.domain.lists import CUSTOMER_STATUS, STATUS_GROUP
from services.customers.handlers.customer_lists import CUSTOMER_LISTS
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists import api, store
from shared.lists.api import Language, Shapes


class ListOutput(BaseModel):
    """One list and what is particular about it."""

    name: str
    path: str
    meaning: str
    several: bool = Field(description="a holder may have more than one of its values")
    tree: bool
    inside: str | None = Field(description="the list its values may be kept in")
    bundles: str | None = Field(description="the list whose values it bundles")
    held_by_customers: bool
    held_by_contacts: bool
    compulsory: bool = Field(description="every customer has one of its values")
    may_own_tab: bool = Field(description="whether it may show as a tab of its own")
    own_tab: bool = Field(description="layout hint: show it as a tab of its own (TS-02)")
    version: int


class ChoiceOutput(BaseModel):
    """One line of the drop-down of statuses: a status, or a group of them."""

    list: Literal["customer_status", "status_group"]
    number: int
    label: str
    colour: str | None = None


class UsageOutput(BaseModel):
    """How many live records hold a value."""

    number: int
    customers: int = 0
    contacts: int = 0


class DeletionOutput(BaseModel):
    """What became of a value: gone, or archived because deleted records hold it."""

    archived: bool
    moved_customers: int
    moved_contacts: int


SHAPES = Shapes(
    ListOutput,
    UsageOutput,
    DeletionOutput,
    forced="take it from those whom a narrower scope leaves out",
)


def lists_routers(units: UnitOfWorkFactory) -> list[APIRouter]:
    """Return the routes of every list there is."""
    overview, *lists = api.lists_routers(CUSTOMER_LISTS, SHAPES, units)
    choices = APIRouter(prefix="/v1/customer-status-choices", tags=["lists"])

    @choices.get("")
    async def status_choices(language: Language = None) -> list[ChoiceOutput]:
        """Show the drop-down to search by: all statuses by order, then all groups by order."""
        async with units.engine.connect() as connection:
            rows = [
                row
                for name in (CUSTOMER_STATUS, STATUS_GROUP)
                for row in await store.list_values(connection, name, archived=False)
            ]
        return [
            ChoiceOutput(
                list=row.list,
                number=row.number,
                label=row.titles.get(language, row.title),
                colour=row.facts.get("colour"),
            )
            for row in rows
        ]

    return [overview, choices, *lists]
