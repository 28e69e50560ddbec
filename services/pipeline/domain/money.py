"""Amounts of money are integers in minor units of a currency: 1250 EUR is 12.50 euros.

How many minor units make one is ISO 4217's. A part of an amount is rounded half up, once, where it
arises; what is shown is sums of whole minor units, so that all ways of adding up agree.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

LARGEST = 10**15 - 1
"""The largest amount of one opportunity, in minor units: fifteen digits, as contracts take."""

USUAL_DIGITS = 2
# ISO 4217, table A.1, of 2026.
OTHER_DIGITS = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"),
            *("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def digits_of(currency: str) -> int:
    """Return how many digits after the point amounts of a currency have (ISO 4217)."""
    return OTHER_DIGITS.get(currency, USUAL_DIGITS)


def to_minor(amount: Decimal, currency: str) -> int:
    """Return an amount in minor units, rounded half up."""
    scaled = amount.scaleb(digits_of(currency))
    return int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def to_major(minor: int, currency: str) -> Decimal:
    """Return an amount of minor units as people write it."""
    return Decimal(minor).scaleb(-digits_of(currency))


def weighted(value: int, probability: int) -> int:
    """Return the part of an amount (not negative) that a probability in per cent lets expect."""
    return (value * probability + 50) // 100


def shares(value: int, weights: Sequence[int]) -> list[int]:
    """
    Split an amount (not negative) by weights in per cent that sum to 100; the parts sum to it.

    The n-th part is what the first n weights make, rounded down, less what came before. The
    database splits in the same way (TS-A12).
    """
    parts, before, reached = [], 0, 0
    for weight in weights:
        reached += weight
        upto = value * reached // 100
        parts.append(upto - before)
        before = upto
    return parts
