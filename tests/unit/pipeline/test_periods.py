from datetime import date, timedelta

import pytest

from services.pipeline.domain.periods import Period, months_between, read_period


def test_a_period_is_read_as_it_is_called() -> None:
    for first_day in (date(1900 + n // 12, n % 12 + 1, 1) for n in range(300 * 12)):
        called = Period.MONTH.called(first_day)
        assert read_period(called) == (Period.MONTH, first_day)
        assert Period.MONTH.last_day(first_day) + timedelta(days=1) == (
            (first_day + timedelta(days=31)).replace(day=1)
        )
        quarter, began = read_period(Period.QUARTER.called(first_day))
        assert quarter is Period.QUARTER
        assert began <= first_day <= quarter.last_day(began)
        assert months_between(began, quarter.last_day(began)) == 3


@pytest.mark.parametrize(
    "name",
    ["", "2026", "2026-00", "2026-13", "2026-Q0", "2026-Q5", "1899-12", "2026-1", "2026-11\n"],
)
def test_what_is_no_period_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="neither a month"):
        read_period(name)


def test_months_between_counts_both_ends() -> None:
    assert months_between(date(2026, 11, 1), date(2026, 11, 30)) == 1
    assert months_between(date(2026, 11, 1), date(2027, 10, 31)) == 12
    assert months_between(date(2026, 11, 1), date(2026, 10, 31)) == 0
