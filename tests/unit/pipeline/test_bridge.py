"""Every opportunity that counts at either end of a bridge has one cause, and the sums agree."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.domain.bridge import Cause, Change, Moved, bridges, cause_of

STANDS = Change(
    before="open",
    after="open",
    inside_before=True,
    inside_after=True,
    part_before=True,
    part_after=True,
    counts_before=True,
    counts_after=True,
    recurrent=False,
    weight_differs=False,
    value_sign=0,
    probability_sign=0,
    amount_sign=0,
)
GONE, CAME = {"counts_after": False, "amount_sign": -1}, {"counts_before": False, "amount_sign": 1}
SIGNS = st.integers(-1, 1)
OUTCOMES = ("open", "won", "lost", "expired", "deleted")


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Draw what can become of an opportunity."""
    before, after = draw(st.sampled_from((*OUTCOMES, "none"))), draw(st.sampled_from(OUTCOMES))
    flags = [draw(st.booleans()) for _ in range(4)]
    counts_before = before in ("open", "won") and flags[0] and flags[2] and draw(st.booleans())
    counts_after = after in ("open", "won") and flags[1] and flags[3] and draw(st.booleans())
    recurrent = draw(st.booleans()) and counts_before and counts_after
    if recurrent:
        counts_before = draw(st.booleans())
        counts_after = not counts_before
    return Change(
        before,
        after,
        *flags,
        counts_before=counts_before,
        counts_after=counts_after,
        recurrent=recurrent,
        weight_differs=draw(st.booleans()),
        value_sign=draw(SIGNS),
        probability_sign=draw(SIGNS),
        amount_sign=draw(SIGNS),
    )


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({}, None),
        ({"after": "deleted", **GONE}, Cause.DELETED),
        ({"before": "deleted", "after": "won", **CAME}, Cause.RESTORED),
        ({"before": "none", "after": "won", **CAME}, Cause.NEW),
        ({"after": "lost", "part_after": False, "inside_after": False, **GONE}, Cause.LOST),
        ({"before": "won", "after": "expired", **GONE}, Cause.EXPIRED),
        ({"after": "won", "recurrent": True, **CAME}, Cause.GROWN),
        ({"after": "won", "recurrent": True, **GONE}, Cause.SHRUNK),
        ({"after": "won", "part_after": False, **GONE}, Cause.HANDED),
        ({"before": "lost", "part_before": False, **CAME}, Cause.HANDED),
        ({"before": "won", "inside_after": False, **GONE}, Cause.REOPENED),
        ({"after": "won", "inside_after": False, **GONE}, Cause.SLIPPED_OUT),
        ({"after": "won", "inside_before": False, **CAME}, Cause.WON),
        ({"after": "won"}, Cause.WON),
        ({"inside_before": False, "value_sign": 1, **CAME}, Cause.SLIPPED_IN),
        ({"value_sign": 1, **CAME}, Cause.MORE_LIKELY),
        ({"value_sign": -1, **GONE}, Cause.LESS_LIKELY),
        ({"weight_differs": True, "value_sign": 1, "amount_sign": -1}, Cause.HANDED),
        ({"amount_sign": 1}, Cause.HANDED),
        ({"value_sign": 1, "amount_sign": 1}, Cause.GROWN),
        ({"value_sign": 1, "amount_sign": -1}, Cause.GROWN),
        ({"value_sign": -1, "probability_sign": 1, "amount_sign": -1}, Cause.SHRUNK),
        ({"value_sign": -1, "probability_sign": 1, "amount_sign": 1}, Cause.MORE_LIKELY),
        ({"value_sign": 1, "probability_sign": -1, "amount_sign": -1}, Cause.LESS_LIKELY),
        ({"value_sign": 1, "probability_sign": 1}, None),
    ],
)
def test_the_first_cause_that_applies_is_the_one(
    change: dict[str, object], cause: Cause | None
) -> None:
    assert cause_of(replace(STANDS, **change)) is cause  # type: ignore[arg-type]


@given(changes())
def test_whatever_moved_an_amount_has_a_cause(change: Change) -> None:
    assert cause_of(change) is not None or change.amount_sign == 0


@given(st.lists(st.tuples(changes(), st.integers(0, 10**6), st.integers(0, 10**6))))
def test_start_and_steps_sum_to_the_end(drawn: list[tuple[Change, int, int]]) -> None:
    moved = []
    for place, (one, before, after) in enumerate(drawn):
        held = before if one.counts_before else 0, after if one.counts_after else 0
        change = replace(one, amount_sign=(held[1] > held[0]) - (held[1] < held[0]))
        moved.append(Moved(("EUR", "SEK")[place % 2], change, 1, *held))
    for bridge in bridges(moved):
        assert bridge.start + sum(step.amount for step in bridge.steps) == bridge.end
        counted = sum(one.count for one in moved if one.currency == bridge.currency)
        assert bridge.unchanged + sum(step.count for step in bridge.steps) == counted
