"""What the cells of an import say: numbers, days, addresses, values of lists, yes and no."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.customers.domain.attribute_values import (
    DATE,
    LIST,
    NUMBER,
    TICK,
    Attribute,
    Value,
    checked_number,
    checked_value,
    value_type_of,
)
from services.customers.domain.business_ids import checked_business_id
from services.customers.domain.classification import Held
from services.customers.domain.contact_data import checked_email, checked_phone
from services.customers.domain.import_fields import CONTACT, NO, YES, Column
from services.customers.domain.lists import CHOICES_OF, LISTS
from shared.chassis.errors import InvalidField
from shared.chassis.headers import folded

LONGEST = {"language": 20}
KEYS = ("ref", "number")
_GAPS = str.maketrans("", "", " \u00a0\u202f'")
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_BREAK = re.compile(r"\s*[\r\n]\s*")
# What a database or a program writes behind a day.
_TIME = re.compile(r"[ T]([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rules:
    """How an import reads its cells: its mapping, the lists, the settings, the place it is in."""

    columns: Sequence[Column]
    match: Sequence[str]
    values: Mapping[str, Sequence[Held]]
    titles: Mapping[int, Collection[str]]
    settings: Mapping[str, int | None]
    # Of contacts, and of customers where a column tells of theirs, by list and number.
    attributes: Mapping[str, Mapping[int, Attribute]]
    # What a new customer holds of the compulsory lists.
    default_keys: Collection[int]
    ended_statuses: Collection[int]
    end_reasons: Collection[int]
    region: str
    countries: Collection[str]
    day: date
    headcount_class: Callable[[int], int | None]
    new_id: Callable[[], UUID]
    # Notes a title that no list has yet, where the column creates what is missing.
    missing: Callable[[str, str], int] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a cell tells of one attribute: whether it is ticked, its value, or its choice."""

    number: int
    ticked: bool | None = None
    value: Value | None = None
    choice: Held | None = None


def read_cell(column: Column, text: str, rules: Rules, *, region: str) -> Any:
    """
    Return what a cell says; raise `InvalidField` where it cannot mean anything.

    `region` is the country from which a phone number without a prefix is seen.
    """
    if column.attribute is not None:
        return _told(*column.attribute, text, rules)
    if column.tick is not None:
        return _yes(text), _ticked_value(column, rules)
    if column.list_name is not None:
        return _fit(column, _values(column, text, rules))
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
        return checked_phone(name, text, region=region)
    if name == "business_id":
        return _read_business_id(text, rules)
    if name == "country":
        if not (len(text) == 2 and text.isascii() and text.isalpha()):
            reason = f"{text[:40]!r} is no country code of two letters"
            raise InvalidField(name, reason, "Write the code of ISO 3166, such as FI.")
        return text.upper()
    longest = LONGEST.get(name, 200)
    if len(text) > longest:
        raise InvalidField(name, f"is longer than {longest} characters", "Shorten it.")
    # Keys are looked up as they stand; all else is one line.
    return text if name in KEYS else _BREAK.sub(" ", text)


def _read_business_id(text: str, rules: Rules) -> str | None:
    # Whoever has none writes that there is none, and is not one with all who write the same.
    if not any(char.isdigit() for char in text):
        raise InvalidField("business_id", f"{text[:40]!r} has no digit", "Correct or empty it.")
    return checked_business_id("business_id", text, rules.countries)


def _yes(text: str) -> bool:
    word = folded(text) or text.strip()
    if word in YES:
        return True
    if word in NO:
        return False
    raise InvalidField("tick", f"{text[:40]!r} is neither yes nor no", "Write yes, no or nothing.")


def _told(name: str, number: int, text: str, rules: Rules) -> Told:
    attribute = rules.attributes[name].get(number)
    if attribute is None:
        raise InvalidField(name, f"there is no {name} {number}", "Map the column to another.")
    kind = attribute.value_type
    if kind == TICK:
        return Told(number, ticked=_yes(text))
    if kind == LIST:
        choices = CHOICES_OF[name]
        inside = [one for one in rules.values.get(choices, ()) if one.key in attribute.choices]
        choice = _named(choices, text, inside, rules)
        if choice is None:
            raise InvalidField(
                name,
                f"{attribute.title!r} has no choice {text[:60]!r}",
                "Correct it, or add the choice first.",
            )
        return Told(number, choice=choice)
    if kind == NUMBER:
        return Told(number, value=_read_number(text))
    if kind == DATE:
        return Told(number, value=_read_day(text).isoformat())
    return Told(number, value=checked_value(name, attribute, text))


def _ticked_value(column: Column, rules: Rules) -> Held:
    assert column.tick is not None
    name, number = column.tick
    found = next((one for one in rules.values.get(name, ()) if one.number == number), None)
    if found is None:
        raise InvalidField(name, f"there is no {name} {number}", "Map the column to another.")
    return _fit(column, [found])[0]


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


def _fit(column: Column, values: Sequence[Held]) -> list[Held]:
    """Return values that such a record may hold, and by being named alone."""
    name = column.list_name or ""
    for one in values:
        if value_type_of(one.facts) != TICK:
            raise InvalidField(
                name,
                f"{one.title!r} has a value of its own",
                f"Map a column of its values to customer.{name}.{one.number}.",
            )
        if column.record == CONTACT and one.facts.get("scope") == "customer":
            raise InvalidField(
                name, f"{one.title!r} is for customers only (TS-04)", "Choose another value."
            )
    return list(values)


def _value(column: Column, text: str, rules: Rules, *, required: bool = True) -> Held | None:
    name = column.list_name or ""
    found = _named(name, text, rules.values.get(name, ()), rules)
    if found is not None or not required:
        return found
    if column.create_missing and rules.missing and not text.isdigit() and len(text) <= 200:
        return Held(rules.missing(name, text), name, 0, text, None, {}, archived=False)
    raise InvalidField(
        name,
        f"there is no {name} {text[:60]!r}",
        "Correct it, add it to the list, or let the column create what is missing.",
    )


def _named(name: str, text: str, values: Collection[Held], rules: Rules) -> Held | None:
    """Return the one of these values that is called so or has this number; refuse two of a name."""
    wanted = text.casefold()
    titled = [one for one in values if wanted in rules.titles[one.key]]
    live = [one for one in titled if not one.archived] or titled
    if len(live) > 1:
        numbers = ", ".join(str(one.number) for one in live[:10])
        raise InvalidField(
            name, f"several values are called {text[:60]!r}", f"Give the number: {numbers}."
        )
    if live:
        return live[0]
    numbered = (one for one in values if text.isdigit() and str(one.number) == text.lstrip("0"))
    return next(numbered, None)


def _read_number(text: str) -> int | float:
    """Return a number with a decimal point or comma; of two signs the first parts the thousands."""
    bare = text.translate(_GAPS)
    if "." in bare and "," in bare:
        bare = bare.replace(min(".,", key=bare.index), "")
    bare = bare.replace(",", ".")
    if len(bare) > 40 or not _DECIMAL.fullmatch(bare):
        raise InvalidField("number", f"{text[:40]!r} is no number", "Write it as 1234.5 or 1234,5.")
    return checked_number("number", Decimal(bare))


def _read_day(text: str) -> date:
    bare = _TIME.sub("", text)
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y.%m.%d.", "%Y.%m.%d", "%d/%m/%Y"):
        try:
            day = datetime.strptime(bare, form).date()
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
