"""Users are put into groups, and groups into a tree (TS-08 to TS-15)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


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
