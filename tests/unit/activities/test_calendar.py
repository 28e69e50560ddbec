"""An iCalendar as RFC 5545 has it: folded, escaped, in UTC, and the same bytes for the same."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.activities.domain.calendar import Appointment, calendar_of

HELSINKI = ZoneInfo("Europe/Helsinki")
WHEN = datetime(2026, 3, 29, 9, tzinfo=HELSINKI)


def appointment(**said: object) -> Appointment:
    values: dict[str, object] = {
        "activity_id": UUID(int=7),
        "version": 3,
        "starts_at": WHEN,
        "ends_at": WHEN + timedelta(hours=1),
        "subject": "Offer",
        "customer": "Kauppa Oy",
        "category": "Customer visit",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "updated_at": datetime(2026, 1, 2, tzinfo=UTC),
        **said,
    }
    return Appointment(**values)  # type: ignore[arg-type]


def unfolded(calendar: bytes) -> list[str]:
    return calendar.replace(b"\r\n ", b"").decode().split("\r\n")


def unescaped(value: str) -> str:
    out, chars = [], iter(value)
    for char in chars:
        if char == "\\":
            escaped = next(chars)
            out.append("\n" if escaped in "nN" else escaped)
        else:
            out.append(char)
    return "".join(out)


def test_an_event_says_when_with_whom_and_what_about() -> None:
    lines = unfolded(calendar_of("Anna", [appointment()]))
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    for line in (
        "VERSION:2.0",
        "UID:00000000-0000-0000-0000-000000000007@suhde",
        "DTSTAMP:20260102T000000Z",
        # Summer time began that night.
        "DTSTART:20260329T060000Z",
        "DTEND:20260329T070000Z",
        "SEQUENCE:3",
        "SUMMARY:Kauppa Oy: Offer",
        "STATUS:CONFIRMED",
    ):
        assert line in lines


def test_what_has_no_end_has_none_in_the_calendar() -> None:
    for end in (None, WHEN):
        assert "DTEND" not in calendar_of("", [appointment(ends_at=end)]).decode()


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_folded_escaped_and_comes_back(subject: str, customer: str) -> None:
    calendar = calendar_of("Anna", [appointment(subject=subject, customer=customer)])
    for line in calendar.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
        assert not any(byte < 32 and byte != 9 for byte in line) and b"\x7f" not in line
    (summary,) = [one for one in unfolded(calendar) if one.startswith("SUMMARY:")]
    told = f"{customer}: {subject}" if customer else subject
    said = "".join(one for one in told if one in "\n\t" or (ord(one) >= 32 and one not in "\r\x7f"))
    assert unescaped(summary.removeprefix("SUMMARY:")) == said
    assert calendar == calendar_of("Anna", [appointment(subject=subject, customer=customer)])
