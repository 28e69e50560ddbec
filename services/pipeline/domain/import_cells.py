"""What the cells of an import of opportunities say: amounts, days, per cent, who sells."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from services.pipeline.domain.lists import (
    OPPORTUNITY_SOURCE,
    OPPORTUNITY_TYPE,
    PIPELINE,
    REJECTION_REASON,
    STAGE,
)
from services.pipeline.domain.money import LARGEST, digits_of, to_minor
from services.pipeline.domain.opportunity import MOST_SELLERS
from shared.chassis.errors import InvalidField
from shared.imports.cells import (
    Titles,
    id_or_number,
    moment_in,
    numbers_named,
    one_of,
    short_text,
    value_named,
)

MAX_NAME = 200
MAX_MEMO = 100_000
_LIST_OF = {
    "pipeline": PIPELINE,
    "type": OPPORTUNITY_TYPE,
    "source": OPPORTUNITY_SOURCE,
    "rejection": REJECTION_REASON,
}
_CURRENCY = re.compile(r"[A-Z]{3}")
_SIGNS = {"€": "EUR", "£": "GBP"}
_AMOUNT = re.compile(
    r"(?P<before>[A-Z]{3}|[€£])?\s*(?P<digits>-?\d[\d\s.,']*?)\s*(?P<after>[A-Z]{3}|[€£])?"
)
_PERCENT = re.compile(r"(-?\d{1,9})\s*%?")
_SELLER = re.compile(r"(?P<seller>[^\s/?#:]{1,100})\s*(?::\s*(?P<weight>-?\d{1,9})\s*%?)?")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as it is written; in which currency, if that is written with it."""

    text: str
    currency: str | None


@dataclass(frozen=True, slots=True)
class StageNamed:
    """The stages that a cell may name: several are called so in several pipelines."""

    cell: str
    numbers: tuple[int, ...]

    def among(self, numbers: frozenset[int]) -> int:
        """Return the one that is meant, if that is one, of those of a pipeline before others."""
        return one_of(
            "stage",
            STAGE,
            self.cell,
            [one for one in self.numbers if one in numbers] or self.numbers,
        )


def read_cell(field: str, cell: str, zone: ZoneInfo, titles: Titles) -> Any:
    """Return what a cell says; raise `InvalidField` where it cannot mean anything."""
    match field:
        case "customer":
            return id_or_number(field, cell)
        case "pipeline" | "type" | "source" | "rejection":
            return value_named(field, _LIST_OF[field], cell, titles)
        case "stage":
            return StageNamed(cell, tuple(numbers_named(STAGE, cell, titles)))
        case "value":
            return _amount(cell)
        case "currency":
            return _currency(cell)
        case "expected_close" | "closed_on":
            return _day(field, cell, zone)
        case "probability":
            return _percent(cell)
        case "sellers":
            return _sellers(cell)
        case "ref":
            return short_text(field, cell, 100)
        case "memo":
            return short_text(field, cell, MAX_MEMO)
        case _:
            return short_text(field, cell, MAX_NAME)


def minor_units(amount: Amount, currency: str) -> int:
    """Return an amount in minor units, exactly; refuse one that may be read in two ways.

    The point or comma that stands last begins the decimals; one that stands several times parts
    thousands.
    """
    plain = re.sub(r"[\s']", "", amount.text)
    last = max(plain.rfind("."), plain.rfind(","))
    if last >= 0 and plain.count(plain[last]) > 1:
        last = len(plain)
    whole = re.sub(r"[.,]", "", plain[:last] if last >= 0 else plain)
    decimals = plain[last + 1 :] if last >= 0 else ""
    if len(decimals) == 3 and not re.search(r"[.,]", plain[:last]) and digits_of(currency) != 3:
        raise InvalidField(
            "value",
            f"{amount.text[:40]!r} may be {whole}{decimals} or {whole} and a bit",
            f"Write {whole}{decimals}, or the decimals of {currency}.",
        )
    exact = Decimal(f"{whole}.{decimals or 0}")
    minor = to_minor(exact, currency)
    if Decimal(minor).scaleb(-digits_of(currency)) != exact:
        raise InvalidField(
            "value",
            f"{amount.text[:40]!r} has more decimals than {currency}",
            f"Write {digits_of(currency)} at most.",
        )
    if not 0 <= minor <= LARGEST:
        raise InvalidField(
            "value", f"{amount.text[:40]!r} is below 0 or too large", "Correct the amount."
        )
    return minor


def _amount(cell: str) -> Amount:
    found = _AMOUNT.fullmatch(cell)
    if found is None or (found["before"] and found["after"]):
        raise InvalidField(
            "value", f"{cell[:40]!r} is no amount", "Write it as 1200.50, or 1200,50 EUR."
        )
    currency = found["before"] or found["after"]
    return Amount(found["digits"], None if currency is None else _SIGNS.get(currency, currency))


def _currency(cell: str) -> str:
    code = _SIGNS.get(cell, cell.upper())
    if not _CURRENCY.fullmatch(code):
        raise InvalidField(
            "currency", f"{cell[:40]!r} is no currency", "Write three letters of ISO 4217: EUR."
        )
    return code


def _day(field: str, cell: str, zone: ZoneInfo) -> date:
    """Return a day; of a moment with a zone, its day where the file is from."""
    moment = moment_in(cell)
    if moment is None:
        raise InvalidField(field, f"{cell[:40]!r} is no day", "Write it as 2026-01-31.")
    try:
        return (moment if moment.tzinfo is None else moment.astimezone(zone)).date()
    except OverflowError:
        raise InvalidField(field, f"{cell[:40]!r} is no day", "Write the real day.") from None


def _percent(cell: str) -> int:
    found = _PERCENT.fullmatch(cell)
    if found is None or not 0 <= int(found[1]) <= 100:
        raise InvalidField(
            "probability", f"{cell[:40]!r} is not 0 to 100 per cent", "Write it as 65."
        )
    return int(found[1])


def _sellers(cell: str) -> tuple[tuple[str, int | None], ...]:
    """Return who sells, with how many per cent where that is said: "anna.k:60; ville.s:40"."""
    shares: list[tuple[str, int | None]] = []
    for part in re.split(r"[;|,]", cell):
        if not part.strip():
            continue
        found = _SELLER.fullmatch(part.strip())
        weight = None if found is None or found["weight"] is None else int(found["weight"])
        if found is None or (weight is not None and not 1 <= weight <= 100):
            raise InvalidField(
                "sellers",
                f"{part.strip()[:60]!r} is no seller, or no share of 1 to 100 per cent",
                "Write keys of sellers and shares: anna.k:60; ville.s:40.",
            )
        shares.append((found["seller"], weight))
    if len(shares) > MOST_SELLERS:
        raise InvalidField("sellers", f"there are more than {MOST_SELLERS}", "Name fewer.")
    return tuple(shares)
