"""A seller's activities as an iCalendar (RFC 5545), for calendars that subscribe to it.

What is told is when, with whom and what about; memo and result stay here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

BEHIND = timedelta(days=30)
AHEAD = timedelta(days=366)
MOST_EVENTS = 2000
REFRESHED_EVERY = "PT1H"

_FOLDED_AT = 75
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


@dataclass(frozen=True, slots=True)
class Appointment:
    """What a calendar shows of an activity."""

    activity_id: UUID
    version: int
    starts_at: datetime
    ends_at: datetime | None
    subject: str
    customer: str
    category: str
    created_at: datetime
    updated_at: datetime


def calendar_of(title: str, appointments: Iterable[Appointment]) -> bytes:
    """Return the calendar; the same appointments give the same bytes."""
    return b"".join(_folded(line) for line in _lines(title, appointments))


def _lines(title: str, appointments: Iterable[Appointment]) -> Iterator[str]:
    yield "BEGIN:VCALENDAR"
    yield "VERSION:2.0"
    yield "PRODID:-//Suhde//activities//EN"
    yield "CALSCALE:GREGORIAN"
    yield f"NAME:{_text(title)}"
    yield f"X-WR-CALNAME:{_text(title)}"
    yield f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESHED_EVERY}"
    for one in appointments:
        yield "BEGIN:VEVENT"
        yield f"UID:{one.activity_id}@suhde"
        # Without a METHOD this is when it was last revised (RFC 5545, 3.8.7.2).
        yield f"DTSTAMP:{_utc(one.updated_at)}"
        yield f"CREATED:{_utc(one.created_at)}"
        yield f"LAST-MODIFIED:{_utc(one.updated_at)}"
        yield f"SEQUENCE:{one.version}"
        yield f"DTSTART:{_utc(one.starts_at)}"
        # An end that is the beginning is no end: an event without one lasts no time.
        if one.ends_at is not None and _utc(one.ends_at) > _utc(one.starts_at):
            yield f"DTEND:{_utc(one.ends_at)}"
        yield f"SUMMARY:{_text(f'{one.customer}: {one.subject}' if one.customer else one.subject)}"
        yield f"CATEGORIES:{_text(one.category)}"
        yield "STATUS:CONFIRMED"
        yield "END:VEVENT"
    yield "END:VCALENDAR"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """Return a text as a property's value, without control characters, which none may hold."""
    told = value.replace("\r\n", "\n")
    return "".join(
        char for char in told if char in "\n\t" or (ord(char) >= 32 and char != "\x7f")
    ).translate(_ESCAPED)


def _folded(line: str) -> bytes:
    """Return a content line, folded at 75 octets and never inside a character."""
    written = line.encode()
    parts = []
    room = _FOLDED_AT
    while len(written) > room:
        end = room
        while written[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(written[:end])
        written = written[end:]
        # The space that continues a line counts too.
        room = _FOLDED_AT - 1
    return b"\r\n ".join([*parts, written]) + b"\r\n"
