"""Routes of the bridge from what was won to what was invoiced (TS-31, TS-34)."""

from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.pipeline.api.ranges import From, Into, To, read_place
from services.pipeline.domain.invoiced import Match
from services.pipeline.domain.months import Months
from services.pipeline.handlers.compare_invoiced import (
    Comparison,
    Customer,
    Question,
    compare_invoiced,
    read_match,
)
from services.pipeline.handlers.fix_rates import NoRate
from services.pipeline.persistence.invoiced import FIRST
from shared.chassis.clock import day_of
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import Cursor, Limit, Page, page_of
from shared.chassis.unit_of_work import UnitOfWorkFactory


class InvoicedCustomer(BaseModel):
    """A customer, or who stands for it now; amounts in minor units."""

    customer_id: UUID
    name: str
    currency: str
    won: int
    invoiced: int = Field(description="net invoices minus credit notes")
    amount: int = Field(description="invoiced less won")


class InvoicedStep(BaseModel):
    """Customers that compare in one way."""

    match: Match
    customers: int
    won: int
    invoiced: int
    amount: int = Field(description="invoiced less won, in minor units")
    first: list[InvoicedCustomer] = Field(
        description=f"{FIRST} at most, those that differ most; all: .../invoiced-bridge/{{match}}"
    )


class InvoicedBridge(BaseModel):
    """The way from won to invoiced in one currency: won and all steps sum to invoiced."""

    currency: str
    won: int
    invoiced: int
    steps: list[InvoicedStep]


class InvoicedBridges(BaseModel):
    """What was won beside what was invoiced: by currency, or all converted."""

    bridges: list[InvoicedBridge]


def _customer(one: Customer) -> InvoicedCustomer:
    return InvoicedCustomer(
        customer_id=one.customer_id,
        name=one.name,
        currency=one.currency,
        won=one.won,
        invoiced=one.invoiced,
        amount=one.invoiced - one.won,
    )


def _bridge(found: Comparison) -> InvoicedBridge:
    return InvoicedBridge(
        currency=found.currency,
        won=found.won,
        invoiced=found.invoiced,
        steps=[
            InvoicedStep(
                match=step.match,
                customers=step.customers,
                won=step.won,
                invoiced=step.invoiced,
                amount=step.invoiced - step.won,
                first=[_customer(one) for one in step.first],
            )
            for step in found.steps
        ],
    )


def invoiced_bridge_router(units: UnitOfWorkFactory, zone: ZoneInfo, house: str) -> APIRouter:
    """Return the routes; today is that of the zone, `house` is the currency that rates are in."""
    router = APIRouter(prefix="/v1/forecasts/invoiced-bridge", tags=["forecast-history"])

    def question(first: str, to: str, currency: str | None) -> Question:
        today = day_of(units.clock(), zone)
        return Question(Months.between(first, to), currency, today)

    @router.get("", responses=may_refuse(NoRate))
    async def bridge(first: From, to: To, currency: Into = None) -> InvoicedBridges:
        """Compare what was won in a period with what was invoiced in it, by customer.

        Nothing is tied: it sums won opportunities by the day they were won, and documents by their
        date. What names a merged customer is of who stands for it now. Rates are today's.
        """
        async with units.engine.connect() as connection:
            found = await compare_invoiced(question(first, to, currency), connection, house=house)
        return InvoicedBridges(bridges=[_bridge(one) for one in found])

    @router.get("/{match}", responses=may_refuse(NoRate))
    async def match(
        match: Match,
        first: From,
        to: To,
        currency: Into = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[InvoicedCustomer]:
        """List the customers that compare in one way, those that differ most first."""
        async with units.engine.connect() as connection:
            rows = await read_match(
                question(first, to, currency),
                match,
                connection,
                house=house,
                after=read_place(cursor),
                limit=limit,
            )
        return page_of(
            [_customer(row) for row in rows],
            limit,
            lambda one: (abs(one.amount), str(one.customer_id), one.currency),
        )

    return router
