"""Users are put into groups, and groups into a tree (TS-08 to TS-15)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import pairwise

from shared.chassis.errors import InvalidField

MAX_DEPTH = 20
MOST_MEMBERSHIPS = 2000


class GroupKind(StrEnum):
    """What sort of group it is: members of a sales group are the people who sell (TS-09, TS-10)."""

    STANDARD = "standard"
    SALES = "sales"


@dataclass(frozen=True, slots=True)
class Membership:
    """From when until when, both days included, a seller is in a user group (TS-15)."""

    seller: str
    since: date
    until: date | None

    def holds_on(self, day: date) -> bool:
        """Tell whether the seller is in the group on this day."""
        return self.since <= day and (self.until is None or day <= self.until)


def check_memberships(memberships: Iterable[Membership], *, field: str = "members") -> None:
    """Refuse too many memberships, one that ends before it begins, and a seller twice on a day."""
    ordered = sorted(memberships, key=lambda one: (one.seller, one.since))
    if len(ordered) > MOST_MEMBERSHIPS:
        raise InvalidField(
            field,
            f"a group has {MOST_MEMBERSHIPS:,} memberships at most, not {len(ordered):,}",
            "Put some of them into a group below it.",
        )
    for one in ordered:
        if one.until is not None and one.until < one.since:
            raise InvalidField(
                field,
                f"{one.seller!r} would leave on {one.until}, before joining on {one.since}",
                "Send `until` on or after `since`; both days are included.",
            )
    for one, following in pairwise(ordered):
        if one.seller == following.seller and one.holds_on(following.since):
            raise InvalidField(
                field,
                f"{one.seller!r} would be in the group twice on {following.since}",
                "Let one membership end before the next begins.",
            )


def ended(memberships: Sequence[Membership], seller: str, last_day: date) -> list[Membership]:
    """Return the memberships when that of a seller on this day ends with it; one of later stays."""
    return [
        replace(one, until=last_day) if one.seller == seller and one.holds_on(last_day) else one
        for one in memberships
    ]
