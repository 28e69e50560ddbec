"""Find rates to make one currency of several, all of one day, so that none causes a change."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.money import digits_of
from services.pipeline.persistence.fixed_rates import Factors, rates_on
from shared.chassis.errors import FieldProblem, Refusal


class NoRate(Refusal):
    """An amount cannot be converted: nobody has said what its currency is worth on its day."""

    slug = "no_exchange_rate"
    remedy = "Set the rate, or leave `currency` out to have each currency by itself."

    def __init__(self, currency: str, day: str, house: str) -> None:
        reason = f"there is no rate of {currency} in {house} for {day}"
        super().__init__(
            f"currency: {reason}",
            fields=[FieldProblem("currency", reason, self.remedy)],
            facts={"missing": {"currency": currency, "day": day}},
        )


async def factors_into(
    currency: str,
    currencies: Collection[str],
    day: date,
    connection: AsyncConnection,
    *,
    house: str,
) -> Factors:
    """
    Return, by currency, how many minor units of `currency` one of its own is worth on a day.

    Raises `NoRate`, naming currency and day.
    """
    foreign = {currency, *currencies} - {house}
    rates = {house: Decimal(1), **await rates_on(connection, foreign, day)}
    for one in sorted(foreign):
        if one not in rates:
            raise NoRate(one, str(day), house)
    into = Fraction(rates[currency]) / 10 ** digits_of(currency)
    return {
        one: Fraction(rates[one]) / 10 ** digits_of(one) / into for one in {currency, *currencies}
    }
