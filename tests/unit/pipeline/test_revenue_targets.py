"""Months and quarters by name."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.domain.periods import Period
from services.pipeline.domain.revenue_targets import Span, span_of
from shared.chassis.errors import InvalidField


@given(st.sampled_from(Period), st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_a_span_is_found_by_what_it_is_called(period: Period, day: date) -> None:
    month = day.month if period is Period.MONTH else (day.month - 1) // 3 * 3 + 1
    span = Span(period, date(day.year, month, 1))
    assert span_of(span.called) == span


def test_spans_are_called_as_people_call_them() -> None:
    assert Span(Period.MONTH, date(2026, 11, 1)).called == "2026-11"
    assert Span(Period.QUARTER, date(2026, 10, 1)).called == "2026-Q4"


@pytest.mark.parametrize(
    "called",
    ["", "2026", "2026-00", "2026-1", "2026-Q0", "2026-q4", "26-11", "2026-11\n", "٢٠٢٦-11"],
)
def test_what_is_neither_is_refused(called: str) -> None:
    with pytest.raises(InvalidField) as refused:
        span_of(called)
    assert refused.value.fields[0].field == "period"
