"""Record ERP documents as versioned facts and let relationship starts follow (LS-29 to LS-31)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.customers.domain.documents import (
    CREDIT_NOTE,
    INVOICE,
    SALES_ORDER,
    DocumentState,
    contradiction,
)
from services.customers.domain.settings import start_rule
from services.customers.handlers.named_customers import of_known_customers
from services.customers.handlers.start_relationships import (
    changed_starts,
    start_relationships,
    tell_first_documents,
)
from services.customers.handlers.tell_records import tell_documents
from services.customers.persistence.documents import (
    fetch_documents,
    first_documents,
    keep_history,
    lock_customers,
    save_documents,
)
from services.customers.persistence.register import fetch_settings
from services.customers.persistence.rows import relationship_of
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts import erp
from shared.contracts.envelope import body_hash

_KIND = {
    erp.InvoicePosted: INVOICE,
    erp.InvoiceVoided: INVOICE,
    erp.CreditNotePosted: CREDIT_NOTE,
    erp.SalesOrderPosted: SALES_ORDER,
    erp.SalesOrderCancelled: SALES_ORDER,
}

Told = tuple[Message[Any], DocumentState]


def on_document_posted(
    zone: ZoneInfo, countries: Collection[str]
) -> Callable[[Batch[Any], UnitOfWork], Any]:
    """
    Return the handler for documents posted and cancelled.

    Days begin in this time zone; `countries` are those whose business ids are known.
    """

    async def handle(batch: Batch[erp.DocumentIdentity], uow: UnitOfWork) -> None:
        known = await of_known_customers(batch, uow, countries)
        told = [(message, _state(message, customer_id, zone)) for message, customer_id in known]
        if told:
            await _record(batch, told, uow)

    return handle


async def _record(batch: Batch[Any], told: Sequence[Told], uow: UnitOfWork) -> None:
    before = await fetch_documents(uow.connection, {state.key for _, state in told})
    affected = {state.customer_id for _, state in told}
    affected |= {state.customer_id for state in before.values()}
    # Locked before the documents change, so that two workers cannot each decide half a truth.
    present = {
        customer_id: relationship_of(row)
        for customer_id, row in (
            await lock_customers(uow.connection, affected, resolved=True)
        ).items()
    }
    newest, replaced = _fold(batch, told, dict(before))
    changed = [state for key, state in newest.items() if before.get(key) != state]
    if not changed:
        return
    firsts_before = await first_documents(uow.connection, affected)
    await save_documents(uow.connection, changed)
    if replaced:
        await keep_history(uow.connection, replaced, uow.now)
    tell_documents(changed, uow)
    firsts = await first_documents(uow.connection, affected)
    await tell_first_documents(firsts_before, firsts, uow)
    rule = start_rule(await fetch_settings(uow.connection, lock=True))
    await start_relationships(changed_starts(firsts, present, rule), present, uow)


def _fold(
    batch: Batch[Any],
    told: Sequence[Told],
    states: dict[tuple[str, str, str], DocumentState],
) -> tuple[dict[tuple[str, str, str], DocumentState], list[DocumentState]]:
    """Fold what was told into the known states; set contradictions aside."""
    replaced: list[DocumentState] = []
    for message, state in told:
        current = states.get(state.key)
        if current is None:
            states[state.key] = state
            continue
        state = _as_hashed(message, state, current)
        refused = contradiction(current, state)
        if refused is not None:
            batch.park(message, reason=refused.reason, detail=refused.detail)
        elif state.content_hash != current.content_hash:
            older, newer = sorted((current, state), key=lambda one: one.rank)
            replaced.append(older)
            states[state.key] = newer
    return states, replaced


def _state(
    message: Message[erp.DocumentIdentity], customer_id: UUID, zone: ZoneInfo
) -> DocumentState:
    data = message.data
    identity: dict[str, Any] = {
        "source": message.source,
        "kind": _KIND[type(data)],
        "document_id": data.document_id,
        "version": data.document_version or 0,
        "content_hash": _content_hash(message, customer_id),
        "customer_id": customer_id,
    }
    if not isinstance(data, erp.Document):
        return DocumentState(
            **identity,
            voided=True,
            said_at=message.time or data.recorded_at or datetime.min.replace(tzinfo=UTC),
        )
    # Without a recording time it counts as recorded at the start of its own date (LS-A1).
    recorded_at = data.recorded_at or datetime.combine(data.document_date, time.min, zone)
    return DocumentState(
        **identity,
        voided=False,
        said_at=message.time or recorded_at,
        document_date=data.document_date,
        recorded_at=recorded_at.astimezone(UTC),
        currency=data.currency,
        net_amount=data.net_amount,
        gross_amount=data.gross_amount,
        margin=data.margin,
        order_id=data.order_id,
        invoice_id=data.invoice_id if isinstance(data, erp.CreditNotePosted) else None,
        lines=None
        if data.lines is None
        else [line.model_dump(mode="json", exclude_none=True) for line in data.lines],
    )


def _content_hash(message: Message[erp.DocumentIdentity], customer_id: UUID) -> bytes:
    data = message.data
    return body_hash(
        data.model_dump_json().encode() + type(data).__name__.encode() + customer_id.bytes
    )


def _as_hashed(
    message: Message[erp.DocumentIdentity], state: DocumentState, current: DocumentState
) -> DocumentState:
    """Return what was told as the very state that is known, if only a merge lies between them."""
    if current.hashed_for is None or state.customer_id != current.customer_id:
        return state
    if _content_hash(message, current.hashed_for) != current.content_hash:
        return state
    return replace(state, content_hash=current.content_hash, hashed_for=current.hashed_for)
