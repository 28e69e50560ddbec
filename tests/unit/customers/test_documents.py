"""Of two states of one document, which is the newer, whatever the order they come in."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.customers.domain.documents import INVOICE, DocumentState, contradiction

START = datetime(2024, 1, 1, tzinfo=UTC)


def state(
    version: int = 0, voided: bool = False, hours: int = 0, content: int = 0, currency: str = "EUR"
) -> DocumentState:
    return DocumentState(
        source="/erp",
        kind=INVOICE,
        document_id="1",
        version=version,
        voided=voided,
        said_at=START + timedelta(hours=hours),
        content_hash=bytes([version, voided, content]),
        customer_id=UUID(int=1),
        currency=None if voided else currency,
    )


STATES = st.builds(state, st.integers(0, 3), st.booleans(), st.integers(0, 3), st.integers(0, 3))


def fold(states: list[DocumentState]) -> DocumentState:
    """Fold as the handler does."""

    def newer(current: DocumentState, told: DocumentState) -> DocumentState:
        if contradiction(current, told) is not None or told.content_hash == current.content_hash:
            return current
        return max(current, told, key=lambda one: one.rank)

    return reduce(newer, states)


@pytest.mark.requirement("LS-A1", "LS-A2")
@given(states=st.lists(STATES, min_size=1, max_size=6), data=st.data())
def test_any_order_with_duplicates_folds_to_the_same_state(
    states: list[DocumentState], data: st.DataObject
) -> None:
    # One content is said at one moment, and one version posts one content: else it is an error.
    unique = list({one.content_hash: one for one in states}.values())
    posted = [one.version for one in unique if one.version and not one.voided]
    assume(len(posted) == len(set(posted)))

    shuffled = data.draw(st.permutations(unique + data.draw(st.permutations(unique))))

    assert fold(list(shuffled)) == max(unique, key=lambda one: one.rank)


@pytest.mark.requirement("LS-A2")
@given(version=st.integers(0, 3), hours=st.integers(1, 9))
def test_a_cancellation_outlasts_a_later_posting_of_its_version(version: int, hours: int) -> None:
    cancelled, later = state(version, voided=True), state(version, hours=hours)

    assert fold([later, cancelled]) == fold([cancelled, later]) == cancelled


@pytest.mark.requirement("LS-A2")
def test_a_higher_version_posts_a_cancelled_document_anew() -> None:
    cancelled, anew = state(1, voided=True, hours=5), state(2)

    assert fold([anew, cancelled]) == fold([cancelled, anew]) == anew


def test_a_version_used_twice_with_other_content_is_a_contradiction() -> None:
    found = contradiction(state(1, content=1), state(1, content=2))

    assert found is not None
    assert found.reason == "document_version_reused"


@pytest.mark.parametrize("version", [0, 2])
def test_another_currency_is_a_contradiction_and_says_what_to_do(version: int) -> None:
    before = state(min(version, 1))
    found = contradiction(before, state(version, hours=1, content=1, currency="USD"))

    assert found is not None
    assert found.reason == "currency_changed"
    assert "another document_id" in found.detail


@given(one=STATES)
def test_the_same_again_contradicts_nothing(one: DocumentState) -> None:
    assert contradiction(one, one) is None
