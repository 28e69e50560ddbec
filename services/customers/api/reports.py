"""Routes of the reports on customers."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.customers.api.shapes import BoundedDay
from services.customers.domain.lists import CUSTOMER_GROUP, LISTS
from services.customers.persistence import reports as store
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWorkFactory

By = Annotated[str, Query(max_length=40, description="a list that customers are sorted by")]
Since = Annotated[BoundedDay | None, Query()]


class CountOutput(BaseModel):
    """How many live customers hold a value, or a pair; null is none of the list."""

    by: int | None
    and_by: int | None = None
    customers: int


class EndingOutput(BaseModel):
    """How many relationships ended in a month, by reason, or by status where there is none."""

    month: date
    reason: int | None
    status: int | None
    customers: int


class TurnoverOutput(BaseModel):
    """Net invoices minus credit notes of the customers of one value, subtree included."""

    number: int
    title: str
    currency: str
    customers: int
    invoices: int
    turnover: Decimal
    margin: Decimal | None = Field(description="null where the ERP tells none")


def _sorting(field: str, name: str) -> str:
    if name not in LISTS or not LISTS[name].held_by_customers:
        known = ", ".join(one.name for one in LISTS.values() if one.held_by_customers)
        raise InvalidField(field, f"customers are not sorted by {name!r}", f"Choose of: {known}.")
    return name


def reports_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below /v1/reports."""
    router = APIRouter(prefix="/v1/reports", tags=["reports"])

    @router.get("/customers")
    async def counts(by: By, and_by: By | None = None) -> list[CountOutput]:
        """Count live customers by the values of a list, or by pairs of two lists (LS-04)."""
        _sorting("by", by)
        if and_by is not None:
            _sorting("and_by", and_by)
        async with units.engine.connect() as connection:
            rows = await store.count_by(connection, by, and_by)
        return [
            CountOutput(by=row.first, and_by=row.second, customers=row.customers) for row in rows
        ]

    @router.get("/endings")
    async def endings(since: Since = None, until: Since = None) -> list[EndingOutput]:
        """Count ended relationships by month and reason, the most typical first (VF-38)."""
        async with units.engine.connect() as connection:
            rows = await store.count_endings(connection, since, until)
        return [EndingOutput(**row._mapping) for row in rows]

    @router.get("/turnover")
    async def turnover(
        by: By = CUSTOMER_GROUP, since: Since = None, until: Since = None
    ) -> list[TurnoverOutput]:
        """Sum turnover and margin by value, the largest first (LS-07, LS-13)."""
        _sorting("by", by)
        async with units.engine.connect() as connection:
            rows = await store.sum_turnover(connection, by, since, until)
        return [TurnoverOutput(**row._mapping) for row in rows]

    return router
