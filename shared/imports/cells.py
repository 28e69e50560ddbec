"""What cells say, whatever is imported: texts, moments, days, values of lists by title."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TypeAlias
from uuid import UUID

from shared.chassis.errors import InvalidField
from shared.chassis.headers import folded

MOST_NAMED = 50
DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%Y.%m.%d.", "%Y.%m.%d", "%d/%m/%Y")
TIMES = ("%H:%M", "%H:%M:%S", "%H.%M")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Titles: TypeAlias = Mapping[str, Mapping[str, Collection[int]]]
"""Numbers of the live values that a folded title names, by list."""


@dataclass(frozen=True, slots=True)
class Named:
    """A value of a list, and what it is called."""

    list: str
    number: int
    titles: Collection[str]


def titles_of(values: Iterable[Named]) -> Titles:
    """Return which values are called what, whatever their case and accents."""
    found: dict[str, dict[str, set[int]]] = {}
    for value in values:
        for title in value.titles:
            of_list = found.setdefault(value.list, {})
            of_list.setdefault(folded(title) or title, set()).add(value.number)
    return found


def check_signs(field: str, cell: str) -> None:
    """Refuse a cell with signs that no text has."""
    if found := _CONTROL.search(cell):
        raise InvalidField(
            field, f"holds the control character U+{ord(found[0]):04X}", "Remove it."
        )


def short_text(field: str, cell: str, longest: int) -> str:
    """Return a text of a bounded length."""
    if len(cell) > longest:
        raise InvalidField(field, f"is longer than {longest} characters", "Shorten it.")
    return cell


def several(field: str, cell: str) -> list[str]:
    """Return the parts of a cell that names several."""
    parts = [part.strip() for part in re.split(r"[;|,]", cell) if part.strip()]
    if len(parts) > MOST_NAMED:
        raise InvalidField(field, f"names more than {MOST_NAMED}", "Name fewer.")
    return parts


def id_or_number(field: str, cell: str) -> UUID | str:
    """Return a customer's id, or his number."""
    try:
        return UUID(cell)
    except ValueError:
        return short_text(field, cell, 200)


def numbers_named(list_name: str, cell: str, titles: Titles) -> list[int]:
    """Return the numbers of the values of a list that a cell may name by title or number."""
    numbers = sorted(titles.get(list_name, {}).get(folded(cell) or cell, ()))
    if not numbers and cell.isascii() and cell.isdigit() and 0 < int(cell[:10]) < 2**31:
        return [int(cell[:10])]
    return numbers


def value_named(field: str, list_name: str, cell: str, titles: Titles) -> int:
    """Return the number of the value that a cell names by title or number."""
    return one_of(field, list_name, cell, numbers_named(list_name, cell, titles))


def one_of(field: str, list_name: str, cell: str, numbers: Collection[int]) -> int:
    """Return the only one of the values that a cell may name; refuse none and several."""
    if len(numbers) > 1:
        raise InvalidField(
            field,
            f"several values are called {cell[:60]!r}",
            f"Give the number: {', '.join(map(str, [*numbers][:10]))}.",
        )
    for number in numbers:
        return number
    raise InvalidField(
        field, f"there is no {list_name} {cell[:60]!r}", "Correct it, or add it to the list first."
    )


def moment_in(cell: str) -> datetime | None:
    """Return the moment that a cell says, without a zone if it names none; None if it says none."""
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        pass
    day, _, at = cell.partition(" ")
    for form in DAYS:
        try:
            found = datetime.strptime(day, form)
        except ValueError:
            continue
        return found if not at.strip() else _with_time(found.date(), at.strip())
    return None


def _with_time(day: date, at: str) -> datetime | None:
    found = time_in(at)
    return None if found is None else datetime.combine(day, found)


def time_in(cell: str) -> time | None:
    """Return the time of day that a cell says; None if it says none."""
    for form in TIMES:
        try:
            return datetime.strptime(cell, form).time()
        except ValueError:
            continue
    return None
