"""Since when a relationship lasts, by the rules alone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.customers.domain.relationship import (
    MANUAL,
    CountedDocument,
    Relationship,
    first_recorded,
    relationship_from,
)
from services.customers.domain.settings import StartRule

DAY = datetime(2024, 1, 1, tzinfo=UTC)
DOCUMENTS = st.builds(
    CountedDocument,
    kind=st.sampled_from(["invoice", "sales_order"]),
    source=st.sampled_from(["/a", "/b"]),
    document_id=st.sampled_from("123"),
    document_date=st.dates(date(2024, 1, 1), date(2024, 1, 4)),
    recorded_at=st.integers(0, 3).map(lambda days: DAY + timedelta(days=days)),
)
RULES = st.builds(StartRule, invoice=st.booleans(), sales_order=st.booleans())
PRESENT = st.one_of(
    st.none(),
    st.builds(
        Relationship,
        started_on=st.dates(date(1990, 1, 1), date(2030, 1, 1)),
        source=st.sampled_from([MANUAL, "invoice"]),
    ),
)


@pytest.mark.requirement("LS-31", "LS-A1")
@given(documents=st.lists(DOCUMENTS, max_size=6), data=st.data())
def test_the_order_of_the_documents_decides_nothing(
    documents: list[CountedDocument], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(documents))
    rule = data.draw(RULES)

    assert relationship_from(shuffled, rule=rule, present=None) == relationship_from(
        documents, rule=rule, present=None
    )


@pytest.mark.requirement("LS-31", "LS-A1")
@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=6))
def test_nothing_was_recorded_before_the_first(documents: list[CountedDocument]) -> None:
    first = first_recorded(documents)

    assert first is not None
    assert first in documents
    assert all(first.recorded_at <= other.recorded_at for other in documents)
    same = [other for other in documents if other.recorded_at == first.recorded_at]
    assert first.document_date == min(other.document_date for other in same)


@pytest.mark.requirement("LS-A1")
@given(documents=st.lists(DOCUMENTS, min_size=2, max_size=6), cut=st.integers(0, 6))
def test_the_first_of_the_firsts_is_the_first_of_all(
    documents: list[CountedDocument], cut: int
) -> None:
    parts = [first_recorded(documents[:cut]), first_recorded(documents[cut:])]

    assert first_recorded(one for one in parts if one is not None) == first_recorded(documents)


@pytest.mark.requirement("LS-A2")
@given(documents=st.lists(DOCUMENTS, max_size=6), rule=RULES)
def test_a_date_set_by_hand_stays(documents: list[CountedDocument], rule: StartRule) -> None:
    by_hand = Relationship(date(1999, 12, 31), MANUAL)

    assert relationship_from(documents, rule=rule, present=by_hand) is by_hand


@pytest.mark.requirement("LS-30", "LS-A1")
@given(documents=st.lists(DOCUMENTS, max_size=6), present=PRESENT)
def test_with_both_switches_off_what_is_stays(
    documents: list[CountedDocument], present: Relationship | None
) -> None:
    off = StartRule(invoice=False, sales_order=False)

    assert relationship_from(documents, rule=off, present=present) == present


@pytest.mark.requirement("LS-30", "LS-A1")
@given(documents=st.lists(DOCUMENTS, max_size=6), invoice=st.booleans())
def test_only_the_kind_that_is_switched_on_counts(
    documents: list[CountedDocument], invoice: bool
) -> None:
    rule = StartRule(invoice=invoice, sales_order=not invoice)
    kind = "invoice" if invoice else "sales_order"

    start = relationship_from(documents, rule=rule, present=None)

    assert (start is None) == (kind not in {document.kind for document in documents})
    assert start is None or start.source == kind
