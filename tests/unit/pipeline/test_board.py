"""Places on the board: there is always one between two others, until it takes too many digits."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.domain.board import LONGEST, spread

places = st.none() | st.decimals(
    min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False, places=30
)


def digits(place: Decimal) -> int:
    exponent = place.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


@given(places, places, st.integers(1, 250))
def test_places_are_in_order_between_two_others(
    low: Decimal | None, high: Decimal | None, count: int
) -> None:
    found = spread(low, high, count)
    if low is not None and high is not None and low >= high:
        assert found is None
        return
    assert found is not None and len(found) == count
    assert found == sorted(set(found))
    assert low is None or low < found[0]
    assert high is None or found[-1] < high
    assert all(digits(place) <= LONGEST for place in found)


@given(st.lists(st.booleans(), min_size=260, max_size=260))
def test_between_the_same_two_there_is_room_for_many_and_not_for_ever(below: list[bool]) -> None:
    low, high, made = Decimal(1), Decimal(2), 0
    for upper in below:
        found = spread(low, high, 1)
        if found is None:
            break
        made += 1
        low, high = (low, found[0]) if upper else (found[0], high)
    assert 150 < made < 260
