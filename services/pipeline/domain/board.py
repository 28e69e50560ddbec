"""Places on the board: decimals, so that there is always one between two others."""

from decimal import ROUND_FLOOR, Context, Decimal
from fractions import Fraction

LONGEST = 60
"""So many digits has a place at most; then the neighbours are spread anew."""

_EXACT = Context(prec=1000)


def spread(low: Decimal | None, high: Decimal | None, count: int) -> list[Decimal] | None:
    """
    Return so many places between two others, in order, evenly, with as few digits as it takes.

    An end that is None is open. Returns None where there is no room, or none of `LONGEST` digits.
    """
    if low is None:
        first = Decimal(0) if high is None else high.to_integral_value(ROUND_FLOOR) - count - 1
        return [first + place for place in range(1, count + 1)]
    if high is None:
        first = low.to_integral_value(ROUND_FLOOR)
        return [first + place for place in range(1, count + 1)]
    step = (Fraction(high) - Fraction(low)) / (count + 1)
    if step <= 0:
        return None
    digits = 0
    while Fraction(1, 10**digits) > step:
        digits += 1
    # One digit more than the step needs: rounded down, each is still above the one before.
    if digits + 1 > LONGEST:
        return None
    scale = 10 ** (digits + 1)
    return [
        Decimal(int((Fraction(low) + step * place) * scale // 1)).scaleb(-digits - 1, _EXACT)
        for place in range(1, count + 1)
    ]
