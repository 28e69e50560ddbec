"""What the cells of an import say: moments, durations, choices, names of values."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from services.activities.domain.activity import LONGEST, MAX_SUBJECT, Channel, Direction, State
from services.activities.domain.lists import (
    ACTIVITY_ATTRIBUTE,
    ACTIVITY_CATEGORY,
    ACTIVITY_KIND,
    ACTIVITY_TYPE,
)
from shared.chassis.errors import InvalidField
from shared.chassis.headers import folded

EARLIEST, LATEST = 1900, 2199
MOST_NAMED = 50
DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%Y.%m.%d.", "%Y.%m.%d", "%d/%m/%Y")
TIMES = ("%H:%M", "%H:%M:%S", "%H.%M")
LIST_OF = {
    "category": ACTIVITY_CATEGORY,
    "kind": ACTIVITY_KIND,
    "type": ACTIVITY_TYPE,
    "attributes": ACTIVITY_ATTRIBUTE,
}
_WORDS: Mapping[type[StrEnum], Mapping[str, StrEnum]] = {
    State: {
        **dict.fromkeys(
            ("done", "completed", "closed", "tehty", "valmis", "klar", "kesz"), State.DONE
        ),
        **dict.fromkeys(
            ("open", "planned", "to do", "todo", "avoin", "suunniteltu", "oppen", "nyitott"),
            State.OPEN,
        ),
    },
    Channel: {
        **{one.value: one for one in Channel},
        **dict.fromkeys(
            ("call", "telephone", "cellular", "mobile", "puhelin", "puhelu", "telefon", "samtal"),
            Channel.PHONE,
        ),
        **dict.fromkeys(("e mail", "mail", "sahkoposti", "epost", "e post"), Channel.EMAIL),
        **dict.fromkeys(("visit", "kaynti", "tapaaminen", "mote", "besok"), Channel.MEETING),
        **dict.fromkeys(("sms", "text message", "viesti", "tekstiviesti"), Channel.MESSAGE),
    },
    Direction: {
        **dict.fromkeys(("in", "inbound", "incoming", "saapuva", "inkommande"), Direction.IN),
        **dict.fromkeys(("out", "outbound", "outgoing", "lahteva", "utgaende"), Direction.OUT),
    },
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DURATION = re.compile(r"(?:(\d{1,4}):)?(\d{1,6})(?::(\d{2}))?")
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Rules:
    """How an import reads its cells: the place it is in, and the values of lists by title."""

    zone: ZoneInfo
    # Numbers of the live values that a folded title names, by list.
    titles: Mapping[str, Mapping[str, Collection[int]]]


def read_cell(field: str, cell: str, rules: Rules) -> Any:
    """Return what a cell says; raise `InvalidField` where it cannot mean anything."""
    if found := _CONTROL.search(cell):
        raise InvalidField(
            field, f"holds the control character U+{ord(found[0]):04X}", "Remove it."
        )
    match field:
        case "category" | "kind" | "type":
            return _value(field, cell, rules)
        case "attributes":
            return frozenset(_value(field, one, rules) for one in _several(field, cell))
        case "participants":
            return tuple(_several(field, cell))
        case "customer":
            return _customer(cell)
        case "state":
            return _choice(field, cell, State)
        case "channel":
            return _choice(field, cell, Channel)
        case "direction":
            return _choice(field, cell, Direction)
        case "starts_at" | "ends_at" | "due_at":
            return _moment(field, cell, rules.zone)
        case "time":
            return _time(cell)
        case "duration":
            return _duration(cell)
        case "subject":
            return _text(field, cell, MAX_SUBJECT)
        case "ref" | "seller":
            return _text(field, cell, 100)
        case _:
            return cell


def begins_at(day: datetime, at: time | None) -> datetime:
    """Return when an activity begins whose time of day may be in a column of its own."""
    return day if at is None else datetime.combine(day.date(), at, day.tzinfo)


def _text(field: str, cell: str, longest: int) -> str:
    if len(cell) > longest:
        raise InvalidField(field, f"is longer than {longest} characters", "Shorten it.")
    return cell


def _several(field: str, cell: str) -> list[str]:
    parts = [part.strip() for part in re.split(r"[;|,]", cell) if part.strip()]
    if len(parts) > MOST_NAMED:
        raise InvalidField(field, f"names more than {MOST_NAMED}", "Name fewer.")
    return parts


def _customer(cell: str) -> UUID | str:
    """Return a customer's id, or his number."""
    try:
        return UUID(cell)
    except ValueError:
        return _text("customer", cell, 200)


def _value(field: str, cell: str, rules: Rules) -> int:
    """Return the number of the value that a cell names by number or title."""
    numbers = sorted(rules.titles[LIST_OF[field]].get(folded(cell) or cell, ()))
    if len(numbers) > 1:
        raise InvalidField(
            field,
            f"several values are called {cell[:60]!r}",
            f"Give the number: {', '.join(map(str, numbers[:10]))}.",
        )
    if numbers:
        return numbers[0]
    if cell.isascii() and cell.isdigit() and 0 < int(cell[:10]) < 2**31:
        return int(cell[:10])
    raise InvalidField(
        field,
        f"there is no {LIST_OF[field]} {cell[:60]!r}",
        "Correct it, or add it to the list first.",
    )


def _choice(field: str, cell: str, kind: type[_Choice]) -> _Choice:
    found = _WORDS[kind].get(folded(cell))
    if not isinstance(found, kind):
        raise InvalidField(
            field, f"{cell[:40]!r} is none", f"Write one of: {', '.join(kind)}, or nothing."
        )
    return found


def _moment(field: str, cell: str, zone: ZoneInfo) -> datetime:
    """Return a moment; a day alone begins at midnight, and what names no zone is of this one."""
    moment = _parsed(cell)
    if moment is None or not EARLIEST <= moment.year <= LATEST:
        raise InvalidField(
            field, f"{cell[:40]!r} is no time", "Write it as 2026-01-31 14:30, or with a zone."
        )
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _parsed(cell: str) -> datetime | None:
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
    for form in TIMES:
        try:
            return datetime.combine(day, datetime.strptime(at, form).time())
        except ValueError:
            continue
    return None


def _time(cell: str) -> time:
    for form in TIMES:
        try:
            return datetime.strptime(cell, form).time()
        except ValueError:
            continue
    raise InvalidField("time", f"{cell[:40]!r} is no time of day", "Write it as 14:30.")


def _duration(cell: str) -> timedelta:
    """Return a duration of minutes, or of hours and minutes (1:30), seconds behind."""
    found = _DURATION.fullmatch(cell)
    lasts = (
        None
        if found is None
        else timedelta(hours=int(found[1] or 0), minutes=int(found[2]), seconds=int(found[3] or 0))
    )
    if lasts is None or lasts > LONGEST:
        raise InvalidField("duration", f"{cell[:40]!r} is none", "Write minutes, or 1:30.")
    return lasts
