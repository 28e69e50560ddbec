"""Weeks and months: every day is in one of each, across week 53 and the ends of years."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.activities.domain.periods import Period

DAYS = st.dates(date(1999, 1, 1), date(2100, 12, 31))
PERIODS = st.sampled_from(Period)


@pytest.mark.requirement("LE-A4", "LE-A6")
@given(PERIODS, DAYS)
def test_every_day_is_in_one_period(period: Period, day: date) -> None:
    first, last = period.first_day(day), period.last_day(day)
    assert first <= day <= last
    assert period.following(day) == last + timedelta(days=1)
    assert period.first_day(last) == first
    assert period.first_day(period.following(day)) == period.following(day)


@pytest.mark.requirement("LE-A4")
@given(DAYS)
def test_weeks_are_those_of_iso_8601(day: date) -> None:
    year, week, _ = day.isocalendar()
    assert Period.WEEK.first_day(day) == date.fromisocalendar(year, week, 1)
    assert Period.WEEK.called(day) == f"{year}-W{week:02}"


def test_periods_are_called_as_people_call_them() -> None:
    assert Period.WEEK.called(date(2027, 1, 3)) == "2026-W53"
    assert Period.MONTH.called(date(2027, 1, 3)) == "2027-01"
