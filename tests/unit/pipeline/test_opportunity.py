"""What an opportunity may say: its value, its sellers, its day."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.domain.money import LARGEST
from services.pipeline.domain.opportunity import (
    Line,
    checked_close,
    checked_sellers,
    checked_value,
)
from shared.chassis.errors import InvalidField


@pytest.mark.parametrize(
    ("quantity", "price", "total"),
    [("1", 250, 250), ("2.5", 3, 8), ("0.5", 1, 1), ("0.4999", 1, 0), ("0.1", 10**14, 10**13)],
)
def test_a_line_comes_to_quantity_times_price_rounded_half_up(
    quantity: str, price: int, total: int
) -> None:
    assert Line("Service", Decimal(quantity), price).total == total


def test_the_value_is_what_the_lines_come_to() -> None:
    lines = [Line("Lift", Decimal(2), 100), Line("Service", Decimal("0.5"), 3)]
    assert checked_value(None, lines) == checked_value(202, lines) == 202
    with pytest.raises(InvalidField, match="202"):
        checked_value(200, lines)
    with pytest.raises(InvalidField, match="lines"):
        checked_value(None, [Line("Ship", Decimal(2), LARGEST)])
    assert checked_value(None, []) == checked_value(0, []) == 0


@given(st.integers(1, 20))
@pytest.mark.requirement("TS-A12")
def test_without_weights_all_share_evenly_and_the_first_gets_the_rest(count: int) -> None:
    shares = checked_sellers([(f"s{place}", None) for place in range(count)])
    weights = [weight for _, weight in shares]
    assert sum(weights) == 100
    assert shares[0] == ("s0", 100 // count + 100 % count)
    assert set(weights[1:]) <= {100 // count}


@given(st.lists(st.integers(1, 100), min_size=1, max_size=20))
@pytest.mark.requirement("TS-A12")
def test_weights_sum_to_a_hundred_or_are_refused(weights: list[int]) -> None:
    given_shares = [(f"s{place}", weight) for place, weight in enumerate(weights)]
    if sum(weights) == 100:
        shares = checked_sellers(given_shares)
        assert sorted(shares) == sorted(given_shares)
        assert [one for _, one in shares] == sorted(weights, reverse=True)
    else:
        with pytest.raises(InvalidField, match=f"sum to {sum(weights)}"):
            checked_sellers(given_shares)


def test_neither_half_the_weights_nor_somebody_twice() -> None:
    with pytest.raises(InvalidField, match="some have none"):
        checked_sellers([("anna", 100), ("bo", None)])
    with pytest.raises(InvalidField, match="twice"):
        checked_sellers([("anna", 50), ("anna", 50)])
    assert checked_sellers([]) == []


@pytest.mark.parametrize("day", [date(1899, 12, 31), date(1999, 12, 31), date(2200, 1, 1)])
def test_a_day_that_cannot_be_meant_is_refused(day: date) -> None:
    with pytest.raises(InvalidField) as refused:
        checked_close("expected_close", day)
    assert refused.value.fields[0].field == "expected_close"
    assert checked_close("expected_close", date(2000, 1, 1)) == date(2000, 1, 1)
