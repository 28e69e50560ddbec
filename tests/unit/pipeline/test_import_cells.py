"""Amounts in files are read as they were meant, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.domain.import_cells import Amount, minor_units
from services.pipeline.domain.money import digits_of
from shared.chassis.errors import InvalidField


@given(
    minor=st.integers(0, 10**12),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    thousands=st.sampled_from(["", " ", "\N{NO-BREAK SPACE}", "'"]),
    point=st.sampled_from([",", "."]),
)
def test_an_amount_comes_back_however_it_is_written(
    minor: int, currency: str, thousands: str, point: str
) -> None:
    digits = digits_of(currency)
    whole, rest = divmod(minor, 10**digits)
    text = f"{whole:,}".replace(",", thousands) + (f"{point}{rest:0{digits}}" if digits else "")
    assert minor_units(Amount(text, None), currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1,234.5", "EUR", 123450),
        ("1.234,50", "EUR", 123450),
        ("1.234.567", "EUR", 123456700),
        ("1.234,567", "KWD", 1234567),
        ("12.3000", "EUR", 1230),
        ("7", "EUR", 700),
    ],
)
def test_points_and_commas_part_thousands_or_decimals(text: str, currency: str, minor: int) -> None:
    assert minor_units(Amount(text, None), currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [("1.234", "EUR"), ("1,000", "EUR"), ("1,234", "JPY"), ("12.345", "EUR"), ("0.5", "JPY")],
)
def test_what_may_be_read_in_two_ways_is_refused(text: str, currency: str) -> None:
    with pytest.raises(InvalidField):
        minor_units(Amount(text, None), currency)
