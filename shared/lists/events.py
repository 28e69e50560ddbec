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

    @property
    def flags(self) -> dict[str, bool]:
        """Return the facts that are true or false."""
        return {name: fact for name, fact in self.facts.items() if isinstance(fact, bool)}

    @property
    def texts(self) -> dict[str, str]:
        """Return the other facts as texts; one that is not said is left out."""
        return {
            name: str(fact)
            for name, fact in self.facts.items()
            if fact is not None and not isinstance(fact, bool)
        }


@dataclass(frozen=True, slots=True)
class ListValueRemoved:
    """A value of a list is gone; nobody holds it."""

    list_name: str
    value_id: UUID
    version: int
    number: int
    title: str
