"""Take over the ERP's documents, to compare forecasts with what was invoiced (TS-34)."""

from services.pipeline.domain.money import to_minor
from services.pipeline.persistence.projections import DocumentRow, save_documents
from shared.chassis.messages import Batch, Message
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import DocumentRecorded


async def on_document_recorded(batch: Batch[DocumentRecorded], uow: UnitOfWork) -> None:
    """Project documents; older versions than what stands change nothing."""
    rows = newest(
        (_row(message) for message in batch),
        key=lambda row: (row.source, row.kind, row.document_id),
        version=lambda row: (row.version, row.recorded_at),
    )
    await save_documents(uow.connection, rows)


def _row(message: Message[DocumentRecorded]) -> DocumentRow:
    data = message.data
    amount, currency = data.net_amount, data.currency
    return DocumentRow(
        source=data.document_source,
        kind=data.kind,
        document_id=data.document_id,
        version=data.document_version or 0,
        recorded_at=data.recorded_at or message.time or message.received_at,
        customer_id=data.customer_id,
        voided=data.voided,
        document_date=data.document_date,
        currency=currency,
        net_amount=None if amount is None or currency is None else to_minor(amount, currency),
    )
