"""How what was won compares with what was invoiced, customer by customer (TS-31).

It only compares: nothing about an opportunity follows from an invoice, or the other way (TS-34).
"""

from enum import StrEnum
from itertools import product
from typing import NamedTuple


class Match(StrEnum):
    """What became of what was won with a customer."""

    WON_AND_INVOICED = "won_and_invoiced"
    MORE = "more"
    LESS = "less"
    WON_NOT_INVOICED = "won_not_invoiced"
    INVOICED_WITHOUT_OPPORTUNITY = "invoiced_without_opportunity"


class Compared(NamedTuple):
    """Whether there are won opportunities and documents, and the sign of invoiced less won."""

    won: bool
    invoiced: bool
    sign: int


def match_of(one: Compared) -> Match:
    """Return how a customer compares: the same, more or less where there is both."""
    if not one.won:
        return Match.INVOICED_WITHOUT_OPPORTUNITY
    if not one.invoiced:
        return Match.WON_NOT_INVOICED
    return (Match.LESS, Match.WON_AND_INVOICED, Match.MORE)[one.sign + 1]


def compared_as(match: Match) -> list[Compared]:
    """Return every way to compare so."""
    ways = (Compared(*one) for one in product((True, False), (True, False), (-1, 0, 1)))
    return [one for one in ways if match_of(one) is match]
