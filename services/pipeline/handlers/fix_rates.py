"""Find rates to make one currency of several, all of one day, so that none causes a change."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.money import digits_of
from services.pipeline.persistence.fixed_rates import rates_on
from shared.chassis.errors import Refusal


class RateMissing(Refusal):
    """An amount cannot be converted: nobody has said what its currency is worth."""

    slug = "rate_missing"
    remedy = "Set the rate, PUT /v1/exchange-rates, or leave `currency` out."


async def factors_into(
    currency: str,
    currencies: Collection[str],
    day: date,
    connection: AsyncConnection,
    *,
    house: str,
) -> Mapping[str, Decimal]:
    """
    Return, by currency, how many minor units of `currency` one of its own is worth on a day.

    Raises `RateMissing`, naming currency and day.
    """
    foreign = {currency, *currencies} - {house}
    rates = {house: Decimal(1), **await rates_on(connection, foreign, day)}
    for one in sorted(foreign):
        if one not in rates:
            raise RateMissing(
                f"There is no rate of {one} on {day}.", facts={"currency": one, "day": str(day)}
            )
    return {
        one: (rates[one] / rates[currency]).scaleb(digits_of(currency) - digits_of(one))
        for one in {currency, *currencies}
    }
