"""Numbers in E.164 are read in one look, with the same answer as the library's."""

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberFormat, PhoneNumberType

from services.customers.domain.contact_data import normal_phone
from services.customers.domain.phone_numbers import is_plainly_valid

CODES = sorted(COUNTRY_CODE_TO_REGION_CODE)
EXAMPLES = sorted(
    {
        phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for region in phonenumbers.SUPPORTED_REGIONS
        for kind in PhoneNumberType.values()
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None
    }
)


def slow(value: str, region: str = "FI") -> str | None:
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def test_examples_of_all_countries_and_kinds() -> None:
    assert {one for one in EXAMPLES if is_plainly_valid(one) and slow(one) != one} == set()
    # Most are read at once; the rest are regions that share a code, zeros and prefixes.
    assert sum(map(is_plainly_valid, EXAMPLES)) > len(EXAMPLES) * 0.75
    assert all(map(is_plainly_valid, ["+358401234567", "+36201234567", "+46701234567"]))


@given(st.sampled_from(EXAMPLES), st.text("0123456789", max_size=5), st.integers(0, 6))
def test_the_neighbours_of_valid_numbers(example: str, end: str, cut: int) -> None:
    value = example[: len(example) - cut] + end
    assert normal_phone(value, region="FI") == slow(value)


@given(st.sampled_from(CODES), st.integers(0, 10**13).map(str))
def test_any_digits_behind_any_country(code: int, digits: str) -> None:
    value = f"+{code}{digits}"
    assert normal_phone(value, region="FI") == slow(value)


@given(st.text("+ 0123456789-()x\u0663\n", max_size=16))
def test_anything_that_looks_like_a_number(value: str) -> None:
    assume(value.strip())
    assert normal_phone(value, region="FI") == slow(value)


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        ("+358401234567", "+358401234567"),
        ("+3580401234567", "+358401234567"),
        ("+36201234567", "+36201234567"),
        ("+3606201234567", "+36201234567"),
        ("+390612345678", "+390612345678"),
        ("+358", None),
        ("+35840", None),
        ("040 1234567", "+358401234567"),
    ],
)
def test_prefixes_and_zeros(value: str, normal: str | None) -> None:
    assert normal_phone(value, region="FI") == normal
    assert slow(value) == normal
