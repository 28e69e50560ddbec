"""Conditions of a statement, put together one by one with the values they need."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Conditions:
    """Conditions, all of which must hold, with the values they need."""

    conditions: list[str]
    values: dict[str, Any] = field(default_factory=dict)

    def add(self, condition: str, **values: Any) -> None:
        """Let one more condition hold."""
        self.conditions.append(condition)
        self.values |= values

    def add_one_of(self, column: str, cast: str, wanted: Collection[Any]) -> None:
        """Let a column be one of some; where there is one only, an index gives the order too."""
        if len(wanted) == 1:
            (one,) = wanted
            self.add(f"{column} = CAST(:{column} AS {cast})", **{column: one})
        else:
            self.add(f"{column} = ANY(CAST(:{column} AS {cast}[]))", **{column: list(wanted)})

    @property
    def where(self) -> str:
        """Return the condition of a statement."""
        return " AND ".join(self.conditions)


def escaped(fragment: str) -> str:
    """Return a fragment as a pattern of LIKE that finds it and nothing else."""
    return fragment.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
