"""What a stage may be, whatever its facts are; and that all that are installed are so."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.domain.lists import LISTS, STAGE, Outcome
from services.pipeline.domain.stage_rules import check_stage, completed
from services.pipeline.persistence.profiles import load_profiles
from shared.chassis.errors import InvalidField
from shared.lists.definition import checked_facts

FACTS = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from([one.value for one in Outcome]),
        "closed": st.booleans(),
        "probability": st.none() | st.sampled_from([0, 1, 99, 100]) | st.integers(-5, 120),
        "rejection": st.none() | st.integers(1, 5),
    }
)


@pytest.mark.requirement("TS-A1", "TS-A3")
@given(FACTS)
def test_outcome_probability_closed_bit_and_reason_of_an_accepted_stage_agree(
    facts: dict[str, Any],
) -> None:
    whole = completed(facts)
    certain = {"won": 100, "lost": 0, "expired": 0}.get(whole["outcome"])  # type: ignore[arg-type]
    probability = whole["probability"]
    fits = (
        isinstance(probability, int)
        and 0 <= probability <= 100
        and certain in (None, probability)
        and (whole["rejection"] is None or whole["outcome"] == "lost")
        and (whole["outcome"] == "won" or whole["closed"] == (whole["outcome"] != "open"))
    )
    try:
        check_stage(whole)
    except InvalidField as refused:
        assert not fits
        (field,) = refused.fields
        assert field.field in whole and field.reason and field.remedy
    else:
        assert fits


@pytest.mark.requirement("TS-A3")
@given(FACTS)
def test_only_a_probability_that_is_left_out_is_filled_in(facts: dict[str, Any]) -> None:
    whole = completed(facts)
    if facts["probability"] is not None or facts["outcome"] == "open":
        assert whole == facts
    else:
        assert whole["probability"] == (100 if facts["outcome"] == "won" else 0)


@pytest.mark.requirement("TS-38")
@pytest.mark.parametrize("name", load_profiles())
def test_the_stages_of_profiles_are_such(name: str) -> None:
    stages = [one for one in load_profiles()[name].values if one.list_name == STAGE]
    assert stages
    for one in stages:
        references = dict.fromkeys(one.references, 1)
        check_stage(checked_facts(LISTS[STAGE], {**one.facts, **references}))
