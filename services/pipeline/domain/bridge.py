"""Why a forecast is another than it was: the bridge from one moment to another (TS-31).

Each opportunity that counts at either end has one cause, the first of `cause_of` that applies, and
the difference of its two amounts. The amounts of the causes therefore sum to the difference of the
two ends, in minor units, whatever happened in between.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Measure(StrEnum):
    """Which amounts are compared; all with what is won."""

    WEIGHTED = "weighted"
    BEST = "best"
    COMMITTED = "committed"
    WON = "won"


class Cause(StrEnum):
    """Why the amount of an opportunity is another than it was."""

    DELETED = "deleted"
    RESTORED = "restored"
    NEW = "new"
    LOST = "lost"
    EXPIRED = "expired"
    REOPENED = "reopened"
    SLIPPED_OUT = "slipped_out"
    HANDED = "handed"
    WON = "won"
    SLIPPED_IN = "slipped_in"
    GROWN = "grown"
    SHRUNK = "shrunk"
    MORE_LIKELY = "more_likely"
    LESS_LIKELY = "less_likely"


@dataclass(frozen=True, slots=True)
class Change:
    """
    An opportunity at both ends, as far as causes go by it.

    `before` and `after` are its outcome, `deleted`, or `none` where it was not there. `inside`: its
    day lies in the months asked for. `part`: those who are asked for have a part of it. `counts`:
    its amount is part of the forecast. The signs are those of what was added to value, probability
    and amount. `recurrent`: it counts in another currency at the other end.
    """

    before: str
    after: str
    inside_before: bool
    inside_after: bool
    part_before: bool
    part_after: bool
    counts_before: bool
    counts_after: bool
    recurrent: bool
    weight_differs: bool
    value_sign: int
    probability_sign: int
    amount_sign: int


def cause_of(change: Change) -> Cause | None:
    """
    Return the cause of what became of an opportunity that counts at either end; None: it is as was.

    The first that applies, in this order:

    1. it was deleted, restored, or made since, whatever else became of it;
    2. it was lost or has expired;
    3. it is in another currency: grown where it came to, shrunk where it went from;
    4. those who are asked for have no part of it any more, or have come to one: handed;
    5. it was won, lost or expired, and is open: reopened;
    6. its day has left the months asked for: slipped out;
    7. it was won;
    8. its day has come into the months asked for: slipped in;
    9. it counts at one end only: its probability has passed the bound of what is committed;
    10. their part of it is another: handed;
    11. its value or its probability is another: that which moved the amount the way it went, the
        value if both did.
    """
    one = change
    match (one.before, one.after):
        case (_, "deleted"):
            return Cause.DELETED
        case ("deleted", _):
            return Cause.RESTORED
        case ("none", _):
            return Cause.NEW
        case (_, "lost"):
            return Cause.LOST
        case (_, "expired"):
            return Cause.EXPIRED
    if one.recurrent:
        return Cause.GROWN if one.counts_after else Cause.SHRUNK
    if one.part_before != one.part_after:
        return Cause.HANDED
    if one.after == "open" and one.before != "open":
        return Cause.REOPENED
    if one.inside_before and not one.inside_after:
        return Cause.SLIPPED_OUT
    if one.after == "won" and one.before != "won":
        return Cause.WON
    if one.inside_after and not one.inside_before:
        return Cause.SLIPPED_IN
    return _revalued(one)


def _revalued(one: Change) -> Cause | None:
    """Return the cause where nothing but value, probability or parts may have changed."""
    if one.counts_before != one.counts_after:
        return Cause.MORE_LIKELY if one.counts_after else Cause.LESS_LIKELY
    if one.amount_sign == 0:
        return None
    # Parts are rounded, so that one may be a minor unit less where the whole is more: then what
    # moved is told as it moved.
    if one.weight_differs or not (one.value_sign or one.probability_sign):
        return Cause.HANDED
    by_value = one.value_sign == one.amount_sign or not one.probability_sign
    if by_value:
        return Cause.GROWN if one.value_sign > 0 else Cause.SHRUNK
    return Cause.MORE_LIKELY if one.probability_sign > 0 else Cause.LESS_LIKELY


@dataclass(frozen=True, slots=True)
class Moved:
    """Opportunities of one currency that changed alike, and their amounts at both ends."""

    currency: str
    change: Change
    count: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one cause did: to how many, and by how much, in minor units."""

    cause: Cause
    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class Bridge:
    """The way of a forecast in one currency: start and all steps sum to its end."""

    currency: str
    start: int
    end: int
    unchanged: int
    steps: tuple[Step, ...]


def bridges(moved: Iterable[Moved]) -> list[Bridge]:
    """Return the bridge of each currency, by its name; the steps in the order of `Cause`."""
    by_currency: dict[str, list[Moved]] = {}
    for one in moved:
        by_currency.setdefault(one.currency, []).append(one)
    return [_bridge(currency, rows) for currency, rows in sorted(by_currency.items())]


def _bridge(currency: str, rows: list[Moved]) -> Bridge:
    counts: dict[Cause | None, int] = {}
    amounts: dict[Cause | None, int] = {}
    for one in rows:
        cause = cause_of(one.change)
        counts[cause] = counts.get(cause, 0) + one.count
        amounts[cause] = amounts.get(cause, 0) + one.after - one.before
    return Bridge(
        currency,
        start=sum(one.before for one in rows),
        end=sum(one.after for one in rows),
        unchanged=counts.get(None, 0),
        steps=tuple(Step(one, counts[one], amounts[one]) for one in Cause if one in counts),
    )
