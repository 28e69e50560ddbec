"""The interval of a share holds the true one as often as it says."""

from math import comb

import pytest

from services.pipeline.domain.wilson import wilson

SHARES = [percent / 100 for percent in range(2, 99, 4)]


def held(cases: int, share: float) -> float:
    """Return how often the interval of so many cases holds this true share, over all outcomes."""
    return sum(
        comb(cases, won) * share**won * (1 - share) ** (cases - won)
        for won in range(cases + 1)
        if wilson(won, cases)[0] <= share <= wilson(won, cases)[1]
    )


def test_it_is_what_textbooks_say() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
    shown = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)]
    for won, cases, low, high in shown:
        assert wilson(won, cases) == pytest.approx((low, high), abs=0.00006)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=0.00006)


# Outcomes are whole, so no interval holds in exactly 95 of 100; Brown, Cai and DasGupta,
# Statistical Science 16 (2001), show that Wilson's is so on the average, and seldom far below.
@pytest.mark.parametrize("cases", [10, 20, 46, 112])
def test_it_holds_the_true_share_in_95_of_100_cases(cases: int) -> None:
    found = [held(cases, share) for share in SHARES]
    assert 0.945 <= sum(found) / len(found) <= 0.965
    assert min(found) >= 0.87


@pytest.mark.parametrize("cases", [1, 10, 112])
def test_it_lies_between_nothing_and_all_around_what_was_seen(cases: int) -> None:
    for won in range(cases + 1):
        low, high = wilson(won, cases)
        assert 0 <= low <= won / cases + 1e-12 and won / cases - 1e-12 <= high <= 1
        assert low < high
