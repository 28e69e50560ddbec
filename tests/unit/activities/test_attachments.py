"""Names of files that are safe wherever they are saved, media types that no browser runs."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.activities.api.ranges import wanted_part
from services.activities.domain.attachments import (
    MAX_NAME,
    MAX_NAME_BYTES,
    checked_name,
    media_type_of,
    safe_name,
    served_as,
)
from shared.chassis.errors import InvalidField

NAMES = st.text(max_size=300) | st.text("ab./\\ .:CONnul1\u202e\x00\u0301ä", max_size=300)


@pytest.mark.requirement("LE-03")
@given(NAMES)
def test_a_name_is_safe_or_refused_with_one_that_is(name: str) -> None:
    try:
        accepted = checked_name(name)
    except InvalidField as refusal:
        assert refusal.fields[0].field == "name"
        accepted = safe_name(name)
        assert refusal.remedy == f"Send {accepted!r}."
        assert checked_name(accepted) == accepted
    assert not set(accepted) & set("/\\\x00\u202e:") and accepted.strip(". ")
    assert not any(unicodedata.category(one) in {"Cc", "Cs"} for one in accepted)
    assert len(accepted) <= MAX_NAME and len(accepted.encode()) <= MAX_NAME_BYTES


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "attachment"),
        ("", "attachment"),
        ("offer\u202efdp.exe", "offerfdp.exe"),
        ("offer.pdf\r\nX: y", "offer.pdfX y"),
        ("nul.txt", "_nul.txt"),
        ("COM1", "_COM1"),
        ("a" * 300 + ".pdf", "a" * (MAX_NAME - 5) + ".pdf"),
        ("ä" * 150 + ".pdf", "ä" * 125 + ".pdf"),
        ("offer.", "offer"),
    ],
)
def test_an_unsafe_name_is_refused_with_the_nearest_safe_one(name: str, safe: str) -> None:
    with pytest.raises(InvalidField) as refused:
        checked_name(name)
    assert refused.value.remedy == f"Send {safe!r}."


@pytest.mark.parametrize(
    "name", ["42.zip", "tarjous ä.pdf", ".profile", "👩‍💻.png", "con tract.txt"]
)
def test_a_safe_name_stays(name: str) -> None:
    assert checked_name(f" {name} ") == name


def test_a_name_is_normalised() -> None:
    assert checked_name("a\u0308.pdf") == "ä.pdf"


@pytest.mark.parametrize(
    ("content_type", "media_type", "served"),
    [
        (None, "application/octet-stream", "application/octet-stream"),
        ("Application/PDF; charset=x", "application/pdf", "application/pdf"),
        ("text/html", "text/html", "application/octet-stream"),
        ("image/svg+xml", "image/svg+xml", "application/octet-stream"),
        ("application/xhtml+xml", "application/xhtml+xml", "application/octet-stream"),
        ("text/javascript", "text/javascript", "application/octet-stream"),
        ("x/unheard-of", "x/unheard-of", "application/octet-stream"),
    ],
)
def test_only_what_no_browser_runs_is_served_as_itself(
    content_type: str | None, media_type: str, served: str
) -> None:
    assert media_type_of(content_type) == media_type
    assert served_as(media_type) == served


@pytest.mark.parametrize("content_type", ["", "pdf", "text/", "text/html\r\nX: y", "a/" + "b" * 99])
def test_what_is_no_media_type_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidField):
        media_type_of(content_type)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", (0, 0)),
        ("bytes=2-", (2, 9)),
        ("bytes=2-99", (2, 9)),
        ("bytes=-3", (7, 9)),
        ("bytes=-99", (0, 9)),
        ("bytes=-0", None),
        ("bytes=-", None),
        ("bytes=10-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
    ],
)
def test_one_range_of_bytes_is_understood(header: str | None, part: tuple[int, int] | None) -> None:
    assert wanted_part(header, 10) == part


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,3}-\d{0,3}"), st.integers(1, 500))
def test_a_part_lies_inside(header: str, size: int) -> None:
    part = wanted_part(header, size)
    assert part is None or 0 <= part[0] <= part[1] < size
