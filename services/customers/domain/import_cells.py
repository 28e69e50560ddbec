"""What the cells of an import say: numbers, days, addresses, values of lists, yes and no."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.customers.domain.attribute_values import TICK, value_type_of
from services.customers.domain.business_ids import checked_business_id
from services.customers.domain.classification import Held
from services.customers.domain.contact_data import checked_email, checked_phone
from services.customers.domain.import_fields import CONTACT, NO, YES, Column, folded
from services.customers.domain.lists import LISTS
from shared.chassis.errors import InvalidField

LONGEST = {"language": 20, "country": 2}


@dataclass(frozen=True, slots=True)
class Rules:
    """How an import reads its cells: its mapping, the lists, the settings, the place it is in."""

    columns: Sequence[Column]
    match: Sequence[str]
    values: Mapping[str, Sequence[Held]]
    titles: Mapping[int, Collection[str]]
    settings: Mapping[str, int | None]
    attributes: Collection[int]
    # What a new customer holds of the compulsory lists.
    default_keys: Collection[int]
    ended_statuses: Collection[int]
    end_reasons: Collection[int]
    region: str
    countries: Collection[str]
    day: date
    headcount_class: Callable[[int], int | None]
    new_id: Callable[[], UUID]
    # The key for a title that no list has yet, where the column creates what is missing.
    missing: Callable[[str, str], int] | None = None


def read_cell(column: Column, text: str, rules: Rules) -> Any:
    """Return what a cell says; raise `InvalidField` where it cannot mean anything."""
    if column.tick is not None:
        return _yes(text), _ticked_value(column, rules)
    if column.list_name is not None:
        return _without_value(column.list_name, _values(column, text, rules))
    name = column.field
    if column.ban is not None:
        if _yes(text) and rules.settings.get(column.ban) is None:
            raise InvalidField(name, "the setting of this ban holds no attribute", "Set it first.")
        return _yes(text)
    if name == "relationship_start":
        return _read_day(text)
    if name == "headcount":
        return _read_count(text)
    if name == "email":
        return checked_email(name, text)
    if name in ("phone", "mobile"):
        return checked_phone(name, text, region=rules.region)
    if name == "business_id":
        return checked_business_id(name, text, rules.countries)
    longest = LONGEST.get(name, 200)
    if len(text) > longest:
        raise InvalidField(name, f"is longer than {longest} characters", "Shorten it.")
    if name == "country":
        if not (len(text) == 2 and text.isascii() and text.isalpha()):
            raise InvalidField(name, f"{text!r} is no country code", "Give two letters: FI.")
        return text.upper()
    return text


def _yes(text: str) -> bool:
    word = folded(text) or text.strip()
    if word in YES:
        return True
    if word in NO:
        return False
    raise InvalidField("tick", f"{text[:40]!r} is neither yes nor no", "Write yes, no or nothing.")


def _ticked_value(column: Column, rules: Rules) -> Held | None:
    assert column.tick is not None
    name, number = column.tick
    if column.record == CONTACT:
        if number not in rules.attributes:
            raise InvalidField(name, f"no attribute {number} is ticked alone", "Map another.")
        return None
    found = next((one for one in rules.values.get(name, ()) if one.number == number), None)
    if found is None:
        raise InvalidField(name, f"there is no {name} {number}", "Map the column to another.")
    return _without_value(name, [found])[0]


def _values(column: Column, text: str, rules: Rules) -> list[Held]:
    """Return the values that a cell names by number or title; several are parted by ; or |."""
    assert column.list_name is not None
    one = _value(column, text, rules, required=False)
    if one is not None:
        return [one]
    parts = [part.strip() for part in text.replace("|", ";").split(";") if part.strip()]
    if not LISTS[column.list_name].several or not parts:
        parts = [text]
    return [value for part in parts if (value := _value(column, part, rules)) is not None]


def _without_value(name: str, values: Sequence[Held]) -> list[Held]:
    """Return values that are held by a tick alone; attributes with values need more than that."""
    if any(value_type_of(one.facts) != TICK for one in values):
        raise InvalidField(
            name,
            "the attribute has a value of its own",
            "Give it the value by hand, or map others.",
        )
    return list(values)


def _value(column: Column, text: str, rules: Rules, *, required: bool = True) -> Held | None:
    name = column.list_name or ""
    wanted = text.casefold()
    values = rules.values.get(name, ())
    titled = [one for one in values if wanted in rules.titles[one.key]]
    live = [one for one in titled if not one.archived] or titled
    if len(live) > 1:
        numbers = ", ".join(str(one.number) for one in live[:10])
        raise InvalidField(
            name, f"several values are called {text[:60]!r}", f"Give the number: {numbers}."
        )
    if live:
        return live[0]
    by_number = [one for one in values if text.isdigit() and str(one.number) == text.lstrip("0")]
    if by_number:
        return by_number[0]
    if not required:
        return None
    if column.create_missing and rules.missing and not text.isdigit() and len(text) <= 200:
        return Held(rules.missing(name, text), name, 0, text, None, {}, archived=False)
    raise InvalidField(
        name,
        f"there is no {name} {text[:60]!r}",
        "Correct it, add it to the list, or let the column create what is missing.",
    )


def _read_day(text: str) -> date:
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y.%m.%d.", "%Y.%m.%d", "%d/%m/%Y", "%Y-%m-%d %H:%M:%S"):
        try:
            day = datetime.strptime(text, form).date()
        except ValueError:
            continue
        if date(1900, 1, 1) <= day <= date(2199, 12, 31):
            return day
    raise InvalidField("day", f"{text[:40]!r} is no day", "Write it as 2026-01-31.")


def _read_count(text: str) -> int:
    digits = text.replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and int(digits[:9]) <= 10_000_000):
        raise InvalidField("headcount", f"{text[:40]!r} is no number of people", "Write digits.")
    return int(digits[:9])


def missing_titles(rows: Sequence[Sequence[str]], rules: Rules) -> list[tuple[str, str]]:
    """Return list and title of the values that rows name and columns may create, each once."""
    found: dict[tuple[str, str], str] = {}

    def note(name: str, title: str) -> int:
        found.setdefault((name, title.casefold()), title)
        return 0

    noting = replace(rules, missing=note)
    columns = [one for one in rules.columns if one.create_missing]
    cells = {(column, row[column.place]) for column in columns for row in rows}
    for column, text in cells if columns else ():
        if text:
            with suppress(InvalidField):
                _values(column, text, noting)
    return [(name, title) for (name, _), title in sorted(found.items())]
