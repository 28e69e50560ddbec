"""ERP documents as versioned facts: of two states of one document, which is the newer.

The higher document version wins; at the same version a cancellation wins
over the posting, for good; between unversioned postings the later event time wins, and the content
decides a tie, so that every order of delivery ends in the same state. What contradicts the state
that is known, rather than following or preceding it, is set aside for a person.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

INVOICE, CREDIT_NOTE, SALES_ORDER = "invoice", "credit_note", "sales_order"


@dataclass(frozen=True, slots=True)
class DocumentState:
    """One document as some event told it. `version` 0 means that the ERP gives no versions."""

    source: str
    kind: str
    document_id: str
    version: int
    voided: bool
    said_at: datetime
    content_hash: bytes
    customer_id: UUID
    document_date: date | None = None
    recorded_at: datetime | None = None
    currency: str | None = None
    net_amount: Decimal | None = None
    gross_amount: Decimal | None = None
    margin: Decimal | None = None
    order_id: str | None = None
    invoice_id: str | None = None
    lines: list[dict[str, Any]] | None = None
    # Whose id is in the hash, where a merge has moved the document since.
    hashed_for: UUID | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Return the natural key without the version."""
        return self.source, self.kind, self.document_id

    @property
    def rank(self) -> tuple[int, bool, datetime, bytes]:
        """Return what is compared to find the newer of two states."""
        return self.version, self.voided, self.said_at, self.content_hash


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two events that cannot both be true; the later one is set aside for a person."""

    reason: str
    detail: str


def contradiction(current: DocumentState, told: DocumentState) -> Contradiction | None:
    """Tell whether an event contradicts what is known of the document, rather than updating it."""
    if told.voided and told.version == 0 and current.version > 0:
        return Contradiction(
            "void_without_version",
            f"document_version: missing, though {told.document_id!r} is known in version "
            f"{current.version}. Send the cancellation with the version it cancels.",
        )
    if told.content_hash == current.content_hash or told.voided or current.voided:
        return None
    if told.version == current.version and told.version > 0:
        return Contradiction(
            "document_version_reused",
            f"document_version: {told.version} of {told.document_id!r} came before with other "
            "content. Post the change under a higher document_version.",
        )
    if told.currency != current.currency:
        return Contradiction(
            "currency_changed",
            f"currency: {told.document_id!r} was in {current.currency}, now in {told.currency}. "
            "Void the document and post it anew under another document_id.",
        )
    return None
