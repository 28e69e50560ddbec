"""What a stage makes of an opportunity, whatever it went through before (TS-A1 to TS-A4)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.opportunity import ProbabilitySource
from services.pipeline.domain.stages import (
    MoveNotAllowed,
    NoSuchStage,
    Said,
    Stage,
    Standing,
    check_move,
    entered,
    first_of,
    missing,
)
from shared.chassis.errors import InvalidField

TODAY = date(2026, 11, 24)
SALES, SERVICE = 1, 2


def stage(
    key: int, outcome: Outcome = Outcome.OPEN, probability: int = 35, **more: object
) -> Stage:
    sure = {Outcome.WON: 100, Outcome.LOST: 0, Outcome.EXPIRED: 0}
    made = Stage(
        key=key,
        number=key,
        title=f"Stage {key}",
        pipeline=SALES,
        probability=sure.get(outcome, probability),
        outcome=outcome,
        closed=False,
        rejection=None,
    )
    return replace(made, **more)  # type: ignore[arg-type]


CALL = stage(1, probability=15)
VISIT = stage(2, probability=0)
WON = stage(3, Outcome.WON)
LOST = stage(4, Outcome.LOST, rejection=7, closed=True)
LOST_WITHOUT = stage(5, Outcome.LOST)
EXPIRED = stage(6, Outcome.EXPIRED)
ALL = [CALL, VISIT, WON, LOST, LOST_WITHOUT, EXPIRED]


def at(where: Stage, present: Standing | None = None, **said: object) -> Standing:
    return entered(
        where,
        present,
        Said(**said),  # type: ignore[arg-type]
        today=TODAY,
        reason_required=True,
    )


moves = st.lists(
    st.tuples(
        st.sampled_from(ALL),
        st.none() | st.integers(0, 100),
        st.booleans(),
        st.none() | st.integers(8, 9),
        st.none() | st.integers(-400, 400).map(lambda days: TODAY + timedelta(days)),
    ),
    max_size=12,
)


@given(moves, st.booleans())
@pytest.mark.requirement("TS-A1", "TS-A2", "TS-A3", "TS-A4")
def test_whatever_is_done_to_it_the_laws_hold(
    steps: list[tuple[Stage, int | None, bool, int | None, date | None]], reason_required: bool
) -> None:
    present: Standing | None = None
    for where, probability, reset, rejection, closed_on in steps:
        said = Said(probability, reset, rejection, closed_on)
        try:
            after = entered(where, present, said, today=TODAY, reason_required=reason_required)
        except InvalidField as refused:
            assert refused.fields[0].reason and refused.fields[0].remedy
            continue
        if where.outcome is Outcome.OPEN:
            assert 0 <= after.probability <= 100
        else:
            assert after.probability == (100 if where.outcome is Outcome.WON else 0)
            assert after.source is ProbabilitySource.STAGE
        assert (after.closed_on is None) == (after.outcome is Outcome.OPEN)
        assert after.closed_on is None or after.closed_on <= TODAY
        if after.outcome is not Outcome.LOST:
            assert after.rejection is None
        elif reason_required:
            assert after.rejection is not None
        nothing_said = probability is None and not reset and after.outcome is Outcome.OPEN
        if nothing_said and present and present.source is ProbabilitySource.MANUAL:
            assert after.probability == present.probability
            assert after.source is ProbabilitySource.MANUAL
        if after.source is ProbabilitySource.STAGE and after.outcome is Outcome.OPEN:
            assert after.probability == where.probability
        assert (after.stage, after.outcome, after.closed) == (
            where.key,
            where.outcome,
            where.closed,
        )
        present = after


@pytest.mark.requirement("TS-A3")
def test_nought_is_a_value() -> None:
    by_hand = at(CALL, probability=0)
    assert (by_hand.probability, by_hand.source) == (0, ProbabilitySource.MANUAL)
    assert at(WON, by_hand).probability == 100
    assert at(VISIT, at(CALL)).probability == 0


@pytest.mark.requirement("TS-A4")
def test_a_probability_by_hand_stays_until_it_is_reset_or_settled() -> None:
    by_hand = at(CALL, probability=80)
    assert at(VISIT, by_hand).probability == 80
    assert at(VISIT, by_hand, reset_probability=True).probability == VISIT.probability
    reopened = at(CALL, at(WON, by_hand))
    assert (reopened.probability, reopened.source) == (15, ProbabilitySource.STAGE)


@pytest.mark.requirement("TS-A2")
def test_the_reason_is_the_stages_until_another_is_said() -> None:
    assert at(LOST).rejection == 7
    said = at(LOST, rejection=8)
    assert at(LOST, said).rejection == 8
    assert at(LOST_WITHOUT, said).rejection == 8
    with pytest.raises(InvalidField, match="says why"):
        at(LOST_WITHOUT)
    without = entered(LOST_WITHOUT, None, Said(), today=TODAY, reason_required=False)
    assert without.rejection is None
    with pytest.raises(InvalidField, match="nothing is lost"):
        at(WON, rejection=8)


def test_the_day_stays_while_the_outcome_does() -> None:
    won = at(WON, closed_on=TODAY - timedelta(9))
    assert at(stage(9, Outcome.WON), won).closed_on == TODAY - timedelta(9)
    assert at(LOST, won).closed_on == TODAY
    assert at(CALL, won).closed_on is None
    for day in (TODAY + timedelta(1), date(1999, 12, 31)):
        with pytest.raises(InvalidField, match="closed_on"):
            at(WON, closed_on=day)
    with pytest.raises(InvalidField, match="it is open"):
        at(CALL, closed_on=TODAY)


@pytest.mark.requirement("TS-36")
def test_a_stage_leads_where_it_says_or_to_all_of_its_pipeline() -> None:
    other = stage(8, pipeline=SERVICE)
    check_move(CALL, WON, across=False)
    with pytest.raises(MoveNotAllowed):
        check_move(CALL, other, across=False)
    check_move(CALL, other, across=True)
    narrow = replace(CALL, leads_to=frozenset({VISIT.key}))
    check_move(narrow, VISIT, across=False)
    check_move(narrow, CALL, across=False)
    for forbidden in (WON, other):
        with pytest.raises(MoveNotAllowed):
            check_move(narrow, forbidden, across=True)
    assert first_of(ALL, {Outcome.LOST}, CALL, "lost") is LOST
    with pytest.raises(NoSuchStage):
        first_of(ALL, {Outcome.LOST}, narrow, "lost")
    with pytest.raises(NoSuchStage):
        first_of([replace(WON, archived=True)], {Outcome.WON}, None, "won")


def test_what_a_stage_asks_for_is_asked_of_who_enters_and_of_who_had_it() -> None:
    asking = replace(VISIT, requires=frozenset({"value", "type"}))
    assert missing(asking, {"value"}, None) == ["type"]
    assert missing(asking, set(), None) == ["value", "type"]
    assert missing(asking, {"value"}, {"value"}) == []
    assert missing(asking, set(), {"value"}) == ["value"]
