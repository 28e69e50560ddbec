"""Take over the ERP's documents, for segments that ask what was invoiced and ordered."""

from services.mailing.domain.facts import DocumentFacts
from services.mailing.handlers.news import news_of
from services.mailing.handlers.touch import touch
from services.mailing.persistence.projection_facts import save_documents
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import DocumentRecorded


async def on_document_recorded(batch: Batch[DocumentRecorded], uow: UnitOfWork) -> None:
    """Project documents; older versions than what stands change nothing."""
    changed = await save_documents(uow.connection, news_of(batch, uow, _recorded))
    await touch(changed, uow)


def _recorded(message: Message[DocumentRecorded]) -> DocumentFacts:
    data = message.data
    return DocumentFacts(
        source=data.document_source,
        kind=data.kind,
        document_id=data.document_id,
        version=data.document_version or 0,
        recorded_at=data.recorded_at or message.time or message.received_at,
        told_customer_id=data.customer_id,
        customer_id=data.customer_id,
        voided=data.voided,
        document_date=data.document_date,
        currency=data.currency,
        net_amount=data.net_amount,
        margin=data.margin,
    )
