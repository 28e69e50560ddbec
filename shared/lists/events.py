"""What happened to values of lists. Each service decides how the public hears of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from shared.lists.definition import FactValue


@dataclass(frozen=True, slots=True)
class ListValueSaved:
    """A value of a list as it now stands; `parent`, `members` and references are numbers."""

    list_name: str
    value_id: UUID
    version: int
    number: int
    title: str
    titles: Mapping[str, str]
    order: int
    archived: bool
    parent: int | None
    members: tuple[int, ...]
    facts: Mapping[str, FactValue]


@dataclass(frozen=True, slots=True)
class ListValueRemoved:
    """A value of a list is gone; nobody holds it."""

    list_name: str
    value_id: UUID
    version: int
    number: int
    title: str
