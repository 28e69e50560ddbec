"""What the cells of an import say: moments, durations, choices, names of values."""

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, TypeVar
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
from shared.imports.cells import (
    Titles,
    id_or_number,
    moment_in,
    several,
    short_text,
    time_in,
    value_named,
)

EARLIEST, LATEST = 1900, 2199
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
_DURATION = re.compile(r"(?:(\d{1,4}):)?(\d{1,6})(?::(\d{2}))?")
_Choice = TypeVar("_Choice", bound=StrEnum)


def read_cell(field: str, cell: str, zone: ZoneInfo, titles: Titles) -> Any:
    """Return what a cell says; raise `InvalidField` where it cannot mean anything."""
    match field:
        case "category" | "kind" | "type":
            return value_named(field, LIST_OF[field], cell, titles)
        case "attributes":
            return frozenset(
                value_named(field, LIST_OF[field], one, titles) for one in several(field, cell)
            )
        case "participants":
            return tuple(several(field, cell))
        case "customer":
            return id_or_number(field, cell)
        case "state":
            return _choice(field, cell, State)
        case "channel":
            return _choice(field, cell, Channel)
        case "direction":
            return _choice(field, cell, Direction)
        case "starts_at" | "ends_at" | "due_at":
            return _moment(field, cell, zone)
        case "time":
            return _time(cell)
        case "duration":
            return _duration(cell)
        case "subject":
            return short_text(field, cell, MAX_SUBJECT)
        case "ref" | "seller":
            return short_text(field, cell, 100)
        case _:
            return cell


def begins_at(day: datetime, at: time | None) -> datetime:
    """Return when an activity begins whose time of day may be in a column of its own."""
    return day if at is None else datetime.combine(day.date(), at, day.tzinfo)


def _choice(field: str, cell: str, kind: type[_Choice]) -> _Choice:
    found = _WORDS[kind].get(folded(cell))
    if not isinstance(found, kind):
        raise InvalidField(
            field, f"{cell[:40]!r} is none", f"Write one of: {', '.join(kind)}, or nothing."
        )
    return found


def _moment(field: str, cell: str, zone: ZoneInfo) -> datetime:
    """Return a moment; a day alone begins at midnight, and what names no zone is of this one."""
    moment = moment_in(cell)
    if moment is None or not EARLIEST <= moment.year <= LATEST:
        raise InvalidField(
            field, f"{cell[:40]!r} is no time", "Write it as 2026-01-31 14:30, or with a zone."
        )
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _time(cell: str) -> time:
    found = time_in(cell)
    if found is None:
        raise InvalidField("time", f"{cell[:40]!r} is no time of day", "Write it as 14:30.")
    return found


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
