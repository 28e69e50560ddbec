"""Routes of exchange rates into the house's currency."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy.engine import Row

from services.pipeline.api.fields import BoundedDay, CurrencyCode, text_and_day
from services.pipeline.handlers.keep_rates import delete_rate, found_rate, put_rate
from services.pipeline.persistence.rates import list_rates
from shared.chassis.http.paging import Cursor, Limit, Page, page_of
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory


def _above_nought(value: str) -> str:
    if not Decimal(value):
        raise ValueError("is 0; send what one unit is worth")
    return value


Rate = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$",
        description="how many units of the house's currency one unit is worth: decimal text, above "
        "0, never a binary float",
        examples=["0.0879"],
    ),
    AfterValidator(_above_nought),
]


class RateInput(Input):
    """What one unit of the currency is worth, from the day on until the next rate."""

    rate: Rate


class RateOutput(BaseModel):
    """The rate of a currency from a day on."""

    currency: str
    valid_from: date
    rate: str
    house_currency: str
    updated_at: datetime


def rates_router(units: UnitOfWorkFactory, house: str) -> APIRouter:
    """Return the routes below /v1/exchange-rates; `house` is the currency that rates are in."""
    router = APIRouter(prefix="/v1/exchange-rates", tags=["exchange-rates"])

    def output(row: Row[Any]) -> RateOutput:
        return RateOutput(
            currency=row.currency,
            valid_from=row.valid_from,
            rate=f"{row.rate.normalize():f}",
            house_currency=house,
            updated_at=row.updated_at,
        )

    @router.get("")
    async def show_all(
        currency: Annotated[CurrencyCode | None, Query(description="only of this one")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[RateOutput]:
        """List rates, by currency and day."""
        async with units.engine.connect() as connection:
            rows = await list_rates(
                connection, currency=currency, after=text_and_day(cursor), limit=limit + 1
            )
        return page_of(
            [output(row) for row in rows],
            limit,
            lambda one: (one.currency, one.valid_from.isoformat()),
        )

    @router.get("/{currency}/{valid_from}")
    async def fetch(currency: CurrencyCode, valid_from: BoundedDay) -> RateOutput:
        """Fetch the rate of a currency that begins on a day."""
        async with units.engine.connect() as connection:
            return output(await found_rate(currency, valid_from, connection))

    @router.put("/{currency}/{valid_from}", response_model=RateOutput)
    async def put(
        request: Request, currency: CurrencyCode, valid_from: BoundedDay, body: RateInput
    ) -> Response:
        """Set the rate of a currency from a day on. The same twice does no harm.

        Forecasts convert what was closed by the rate of that day, what is open by today's.
        """

        async def work(unit: UnitOfWork) -> Answer:
            return Answer(
                output(await put_rate(currency, valid_from, Decimal(body.rate), unit, house=house))
            )

        return await write(request, units, work)

    @router.delete("/{currency}/{valid_from}", response_model=RateOutput)
    async def delete(request: Request, currency: CurrencyCode, valid_from: BoundedDay) -> Response:
        """Take a rate back; the one before it holds on."""

        async def work(unit: UnitOfWork) -> Answer:
            return Answer(output(await delete_rate(currency, valid_from, unit)))

        return await write(request, units, work)

    return router
