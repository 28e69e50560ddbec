"""Keep exchange rates: the user's own, each from a day on until the next."""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.persistence import rates as store
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork


class RateNotFound(Refusal):
    """No rate of the currency begins on that day."""

    kind = Kind.NOT_FOUND
    slug = "exchange_rate_not_found"
    remedy = "List those there are: GET /v1/exchange-rates."


async def put_rate(
    currency: str, valid_from: date, rate: Decimal, uow: UnitOfWork, *, house: str
) -> Row[Any]:
    """
    Set what one unit of a currency is worth in the house's from a day on; twice does no harm.

    The rate is above 0. Refuses the house's own currency, which is worth itself.
    """
    if currency == house:
        raise InvalidField(
            "currency", f"{house} is the house's own currency", "Send the rate of another one."
        )
    return await store.put_rate(uow.connection, currency, valid_from, rate, now=uow.now)


async def delete_rate(currency: str, valid_from: date, uow: UnitOfWork) -> Row[Any]:
    """Take a rate back; the one before it holds on. Returns what it was."""
    row = await store.delete_rate(uow.connection, currency, valid_from)
    return _found(row, currency, valid_from)


async def found_rate(currency: str, valid_from: date, connection: AsyncConnection) -> Row[Any]:
    """Return the rate of a currency that begins on a day; refuse one that is not there."""
    return _found(await store.find_rate(connection, currency, valid_from), currency, valid_from)


def _found(row: Row[Any] | None, currency: str, valid_from: date) -> Row[Any]:
    if row is None:
        raise RateNotFound(f"There is no rate of {currency} from {valid_from} on.")
    return row
