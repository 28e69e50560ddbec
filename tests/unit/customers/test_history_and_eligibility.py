"""Times in statuses, and what statuses allow, by the rules alone."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.customers.domain.eligibility import Purpose, Status, eligibility
from services.customers.domain.history import StatusChange, StatusPeriod, status_periods

DAY = datetime(2024, 1, 1, tzinfo=UTC)


def day(n: int) -> datetime:
    return DAY + timedelta(days=n)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=8))
def test_an_unbroken_history_has_no_unknown_time_and_no_hole(statuses: list[int]) -> None:
    steps = list(itertools.pairwise(statuses))
    changes = [StatusChange(day(n + 1), *step) for n, step in enumerate(steps)]

    periods = status_periods(changes, present=statuses[-1], since=DAY)

    assert periods[0].begin == DAY
    assert [one.end for one in periods] == [*(one.begin for one in periods[1:]), None]
    assert [one.status for one in periods] == [
        status for n, status in enumerate(statuses) if n == 0 or statuses[n - 1] != status
    ]


def test_where_something_was_not_kept_the_times_are_unknown() -> None:
    changes = [StatusChange(day(1), 1, 2), StatusChange(day(5), 3, 1)]

    assert status_periods(changes, present=1, since=None) == [
        StatusPeriod(1, None, day(1)),
        StatusPeriod(2, day(1), None),
        StatusPeriod(3, None, day(5)),
        StatusPeriod(1, day(5), None),
    ]
    assert status_periods(changes[:1], present=3, since=DAY)[1:] == [
        StatusPeriod(2, day(1), None),
        StatusPeriod(3, None, None),
    ]


def test_what_lasted_no_time_is_no_time() -> None:
    changes = [StatusChange(DAY, 1, 2)]

    assert status_periods(changes, present=2, since=DAY) == [StatusPeriod(2, DAY, None)]
    assert status_periods([], present=2, since=None) == [StatusPeriod(2, None, None)]
    assert status_periods([], present=None, since=DAY) == []


@pytest.mark.requirement("VF-11", "VF-13", "TS-32")
@given(
    project=st.booleans(),
    supplier=st.booleans(),
    ended=st.booleans(),
    purpose=st.sampled_from(list(Purpose)),
)
def test_the_flags_of_the_status_decide_and_nothing_else(
    project: bool, supplier: bool, ended: bool, purpose: Purpose
) -> None:
    facts = {
        "selectable_in_project": project,
        "selectable_as_supplier": supplier,
        "ended": ended,
    }

    verdict = eligibility(Status(1, "S", facts), purpose)

    expected = {Purpose.PROJECT: project, Purpose.OPPORTUNITY: True}.get(purpose, supplier)
    assert verdict.allowed is expected
    assert eligibility(None, purpose).allowed is (purpose is Purpose.OPPORTUNITY)
