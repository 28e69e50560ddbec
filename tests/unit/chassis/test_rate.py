"""How often somebody may ask."""

from shared.chassis.http.rate import MOST_KEYS, WINDOW_SECONDS, Rate


def test_each_key_has_its_own_bound_in_each_window() -> None:
    now = [0.0]
    rate = Rate(2, clock=lambda: now[0])
    assert [rate.take("a"), rate.take("a"), rate.take("a"), rate.take("b")] == [
        *(True, True, False, True)
    ]
    now[0] = WINDOW_SECONDS
    assert rate.take("a")


def test_what_is_counted_is_bounded() -> None:
    rate = Rate(1, clock=lambda: 0.0)
    assert all(rate.take(str(n)) for n in range(MOST_KEYS))
    assert not rate.take("one more")
