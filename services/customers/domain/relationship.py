"""Since when the relationship lasts (LS-29 to LS-31 with LS-A1 and LS-A2).

The document that the ERP recorded first decides, not the one that reached us first, and not the
one with the earliest date: its own date becomes the start. Only kinds that are switched on count,
and only documents that are neither voided nor wholly credited. A date set by hand stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from services.customers.domain.settings import StartRule

MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class CountedDocument:
    """A valid document, reduced to what decides."""

    kind: str
    source: str
    document_id: str
    document_date: date
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Relationship:
    """The start of a relationship and how we know it."""

    started_on: date
    source: str
    document_source: str | None = None
    document_id: str | None = None
    recorded_at: datetime | None = None


def first_recorded(documents: Iterable[CountedDocument]) -> CountedDocument | None:
    """Return the document recorded first; ties go to the earlier date, then id, source, kind."""
    return min(
        documents,
        key=lambda document: (
            document.recorded_at,
            document.document_date,
            document.document_id,
            document.source,
            document.kind,
        ),
        default=None,
    )


def relationship_from(
    documents: Iterable[CountedDocument], *, rule: StartRule, present: Relationship | None
) -> Relationship | None:
    """Return what the relationship start has to be, given all valid documents of a customer."""
    if present is not None and present.source == MANUAL:
        return present
    kinds = {
        kind
        for kind, counts in (("invoice", rule.invoice), ("sales_order", rule.sales_order))
        if counts
    }
    if not kinds:
        # Both switched off means "never automatic": what was found before is left as it is.
        return present
    first = first_recorded(document for document in documents if document.kind in kinds)
    if first is None:
        return None
    return Relationship(
        started_on=first.document_date,
        source=first.kind,
        document_source=first.source,
        document_id=first.document_id,
        recorded_at=first.recorded_at,
    )
