from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.domain.forecasts import Coverage

AMOUNTS = st.integers(0, 10**15)


@pytest.mark.requirement("TS-30", "TS-31")
@given(target=st.integers(1, 10**15), won=AMOUNTS, opened=AMOUNTS, percent=st.integers(0, 100))
def test_what_covers_a_target_fits_together(
    target: int, won: int, opened: int, percent: int
) -> None:
    expected = opened * percent // 100
    found = Coverage(target, won, opened, expected)
    assert found.still_wanted == max(0, target - won)
    assert (found.ratio is None) == (won >= target)
    if found.ratio is not None:
        assert abs(found.ratio * found.still_wanted - opened) <= found.still_wanted
        assert found.gap == found.still_wanted - expected


@pytest.mark.requirement("TS-31")
def test_a_ratio_is_rounded_half_up_to_two_digits() -> None:
    assert Coverage(800, 0, 1001, 0).ratio == Decimal("1.25")
    assert Coverage(200, 0, 1, 0).ratio == Decimal("0.01")
    assert Coverage(200, 200, 1, 0).ratio is None
