"""What the building blocks of the contracts take and what they refuse."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.contracts.types import Day, Moment, Money


@pytest.mark.parametrize("text", ["0", "-1.5", "120.50", "123456789012345.1234"])
def test_money_is_plain_digits(text: str) -> None:
    assert str(TypeAdapter(Money).validate_json(f'"{text}"')) == text


@pytest.mark.parametrize(
    "value", ['" 5 "', '"1e3"', '"+1"', '"1,5"', '"NaN"', '".5"', '"1.23456"', "1.5", "true", '""']
)
def test_what_only_looks_like_money_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Money).validate_json(value)


@pytest.mark.parametrize("kind", [Day, Moment])
@pytest.mark.parametrize("value", ['"1700000000"', "1700000000", '"31.1.2026"', '"20260131"', '""'])
def test_seconds_and_local_dates_are_refused(kind: Any, value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_json(value)


def test_iso_dates_and_moments_are_taken() -> None:
    assert TypeAdapter(Day).validate_json('"2026-01-31"').isoformat() == "2026-01-31"
    moment = TypeAdapter(Moment).validate_json('"2026-01-31T12:00:00+02:00"')
    assert moment.isoformat() == "2026-01-31T12:00:00+02:00"
