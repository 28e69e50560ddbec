"""What is to be expected of a target: honest about how little is known."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.activities.domain.forecast import LEAST_DAYS, forecast, working_days
from services.activities.domain.targets import Progress, wanted_in

COUNTS = st.integers(0, 500)


def test_a_steady_pace_goes_on() -> None:
    found = forecast(before=50, done=50, wanted=100, passed=10, left=10)
    assert found is not None
    assert (found.expected, found.low < 100 < found.high) == (100, True)
    assert 40 <= found.chance <= 60


def test_too_few_days_say_nothing() -> None:
    assert forecast(before=9, done=9, wanted=10, passed=LEAST_DAYS - 1, left=3) is None


@given(before=COUNTS, today=st.integers(0, 20), wanted=st.integers(1, 1_000))
def test_the_interval_holds_what_is_expected_and_never_less_than_is_done(
    before: int, today: int, wanted: int
) -> None:
    found = forecast(before=before, done=before + today, wanted=wanted, passed=8, left=5)
    assert found is not None
    assert before + today <= found.low <= found.high
    assert found.expected <= found.high
    assert 0 <= found.chance <= 100
    assert found.chance == 100 or before + today < wanted


def test_many_pieces_are_expected_as_few_are() -> None:
    few = forecast(before=3_900, done=3_900, wanted=5_900, passed=10, left=5)
    many = forecast(before=4_100, done=4_100, wanted=6_150, passed=10, left=5)
    assert few is not None and many is not None
    assert few.high - few.expected == pytest.approx(many.high - many.expected, rel=0.1)


def test_the_end_is_known_when_no_working_day_is_left() -> None:
    found = forecast(before=9, done=9, wanted=10, passed=5, left=0)
    assert found is not None
    assert (found.low, found.high, found.chance) == (9, 9, 0)


def test_working_days_are_monday_to_friday_less_exceptions() -> None:
    # November 2026 has 21 working days; the week of the 2nd is half a week.
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    assert working_days(first, last, {}) == 21
    assert working_days(first, last, {date(2026, 11, 2): 50}) == 18.5
    assert working_days(date(2026, 11, 7), date(2026, 11, 8), {}) == 0


@given(wanted=st.integers(0, 1_000_000), percent=st.integers(0, 100))
def test_a_part_is_rounded_up_to_whole_pieces(wanted: int, percent: int) -> None:
    part = wanted_in(wanted, percent)
    assert 0 <= part * 100 - wanted * percent < 100


def test_a_target_is_reached_when_all_of_it_is_done() -> None:
    assert Progress(10, 10).is_reached
    assert not Progress(9, 10).is_reached
    assert not Progress(0, 0).is_reached
    assert (Progress(12, 10).missing, Progress(12, 10).percent) == (0, 120)
    assert Progress(3, 0).percent is None
