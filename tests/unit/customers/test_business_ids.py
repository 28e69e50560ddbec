"""Business ids and VAT numbers: what is recognised, brought into form, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.customers.domain.business_ids import (
    COUNTRIES,
    checked_business_id,
    normal_business_id,
)
from shared.chassis.errors import InvalidField


def checked(value: str | None, *countries: str) -> str | None:
    return checked_business_id("business_id", value, countries or COUNTRIES)


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        ("0201724-4", "0201724-4"),
        (" 02017244 ", "0201724-4"),
        ("556036-0793", "556036-0793"),
        ("556036 0793", "556036-0793"),
        ("12892312-2-42", "12892312-2-42"),
        ("12892312242", "12892312-2-42"),
        ("12892312", "12892312"),
        ("fi 0201724-4", "FI02017244"),
        ("SE556036079301", "SE556036079301"),
        ("HU 12892312", "HU12892312"),
        ("DE 136 695 976", "DE136695976"),
        ("EL094259216", "EL094259216"),
    ],
)
def test_what_is_valid_gets_its_normal_form(value: str, normal: str) -> None:
    assert checked(value) == normal
    assert checked(normal) == normal


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("0201724-5", "Y-tunnus"),
        ("556036-0794", "organisationsnummer"),
        ("12892313-2-42", "adószám"),
        ("FI02017245", "VAT number of FI"),
        ("HU12892313", "VAT number of HU"),
        ("DE136695978", "VAT number of DE"),
    ],
)
def test_a_recognised_form_with_a_wrong_check_digit_is_refused(value: str, name: str) -> None:
    with pytest.raises(InvalidField) as refused:
        checked(value)
    (problem,) = refused.value.fields
    assert problem.field == "business_id"
    assert name in problem.reason
    assert problem.remedy
    assert normal_business_id(value, COUNTRIES) == value


@pytest.mark.parametrize(
    "value",
    [
        *("02017245", "5560360794", "12892313242"),  # bare digits may be another country's
        *("DE123", "FI-12", "GB980780684", "B1", "CHE-107.787.577", "Ⅷ", "١٢٣٤٥٦٧-٨"),
    ],
)
def test_what_is_not_recognised_is_kept_as_it_is(value: str) -> None:
    assert checked(value) == value


def test_only_the_countries_of_the_installation_count() -> None:
    assert checked("0201724-5", "SE") == "0201724-5"
    assert checked("02017244", "SE", "HU") == "02017244"
    # Valid as the core of an adószám and as a Y-tunnus: nobody can tell which.
    both = next(
        digits
        for digits in (f"{number:08}" for number in range(10_000_000, 10_001_000))
        if normal_business_id(digits, ["FI"]) != digits
        and normal_business_id(digits, COUNTRIES) == digits
    )
    assert normal_business_id(both, ["FI"]) == f"{both[:7]}-{both[7]}"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_is_nothing(value: str | None) -> None:
    assert checked(value) is None


@given(
    st.one_of(st.text(max_size=30), st.from_regex(r"(FI|SE|HU|DE|ES|FR|IE|XI)[0-9A-Z*+ .-]{0,13}"))
)
def test_any_text_is_kept_brought_into_form_or_refused(value: str) -> None:
    normal = normal_business_id(value, COUNTRIES)
    assert normal_business_id(normal, COUNTRIES) == normal
    try:
        assert checked(value) in (normal, None)
    except InvalidField:
        assert normal == value.strip()
