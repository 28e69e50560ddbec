"""What an activity's times may be, and how its category steers it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.activities.domain.activity import (
    Category,
    CategoryLocked,
    State,
    checked_times,
    steered,
    subject_of,
)
from shared.chassis.clock import day_of
from shared.chassis.errors import InvalidField

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = st.none() | st.integers(1, 4)


def times(state: State = State.DONE, **said: object) -> object:
    nothing = {"starts_at": None, "ends_at": None, "duration": None, "due_at": None}
    return checked_times(state, **{**nothing, **said}, now=NOW)  # type: ignore[arg-type]


@pytest.mark.requirement("LE-A7")
def test_what_is_done_began_now_unless_something_is_said() -> None:
    assert times().starts_at == NOW  # type: ignore[attr-defined]


@pytest.mark.requirement("LE-A7")
def test_what_is_open_is_due_at_some_time() -> None:
    with pytest.raises(InvalidField, match="due_at"):
        times(State.OPEN)
    assert times(State.OPEN, due_at=NOW + HOUR).starts_at == NOW + HOUR  # type: ignore[attr-defined]
    assert times(State.OPEN, starts_at=NOW + HOUR).due_at == NOW + HOUR  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"starts_at": NOW + HOUR}, "starts_at"),
        ({"starts_at": NOW, "ends_at": NOW - HOUR}, "ends_at"),
        ({"starts_at": NOW, "ends_at": NOW + HOUR, "duration": 2 * HOUR}, "duration_minutes"),
        ({"starts_at": NOW - 400 * 24 * HOUR, "ends_at": NOW}, "ends_at"),
    ],
)
def test_times_that_cannot_be_are_refused_by_field(said: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        times(**said)
    assert refused.value.fields[0].field == field


@given(st.integers(0, 10_000))
def test_a_duration_gives_the_end(minutes: int) -> None:
    duration = timedelta(minutes=minutes)
    found = times(starts_at=NOW - duration, duration=duration)
    assert found.ends_at == NOW  # type: ignore[attr-defined]


@pytest.mark.requirement("LE-18", "LE-19", "LE-A2")
@given(kind=KEYS, type_=KEYS, chosen_kind=KEYS, chosen_type=KEYS, allow=st.booleans())
def test_a_category_steers_unless_it_allows_selection(
    kind: int | None,
    type_: int | None,
    chosen_kind: int | None,
    chosen_type: int | None,
    allow: bool,
) -> None:
    category = Category(7, "Customer visit", kind, type_, allow)
    pairs = [(kind, chosen_kind), (type_, chosen_type)]
    try:
        found = steered(category, kind=chosen_kind, type_=chosen_type)
    except CategoryLocked as locked:
        assert not allow
        assert any(None not in pair and pair[0] != pair[1] for pair in pairs)
        assert "Customer visit" in locked.detail
    except InvalidField:
        assert (None, None) in pairs
    else:
        for (set_, chosen), one in zip(pairs, found, strict=True):
            assert one == (chosen if chosen is not None else set_)
            assert allow or set_ in (None, one)


def test_a_day_is_the_installations() -> None:
    moment = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)
    assert str(day_of(moment, ZoneInfo("Europe/Helsinki"))) == "2027-01-01"
    assert str(day_of(moment, ZoneInfo("America/New_York"))) == "2026-12-31"


def test_the_first_line_of_the_memo_is_the_subject_where_none_is_given() -> None:
    assert subject_of(" ", "\n  Wants an offer \nby Friday") == "Wants an offer"
    assert subject_of("Offer", "Wants one") == "Offer"
    with pytest.raises(InvalidField, match="subject"):
        subject_of("", " \n ")
