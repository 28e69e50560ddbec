"""Take over customers and the titles of contact attributes as the customers service tells them."""

from services.mailing.handlers.newest import newest
from services.mailing.persistence.projection import CustomerRow, save_attributes, save_customers
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ClassificationSaved, CustomerDeleted, CustomerSaved

CONTACT_ATTRIBUTE = "contact_attribute"


async def on_customer_saved(batch: Batch[CustomerSaved], uow: UnitOfWork) -> None:
    """Project customers; older versions than what stands change nothing."""
    saved = newest(
        (message.data for message in batch),
        key=lambda data: data.customer_id,
        version=lambda data: data.version,
    )
    await save_customers(
        uow.connection,
        [
            CustomerRow(
                customer_id=data.customer_id,
                version=data.version,
                number=data.number,
                name=data.name,
                started_on=data.relationship.started_on if data.relationship else None,
                start_source=data.relationship.source if data.relationship else None,
            )
            for data in saved
        ],
    )


async def on_customer_deleted(batch: Batch[CustomerDeleted], uow: UnitOfWork) -> None:
    """Project deletions as tombstones, so that a late older message brings nothing back."""
    deleted = newest(
        (message.data for message in batch),
        key=lambda data: data.customer_id,
        version=lambda data: data.version,
    )
    await save_customers(
        uow.connection,
        [CustomerRow(data.customer_id, data.version, deleted=True) for data in deleted],
    )


async def on_classification_saved(batch: Batch[ClassificationSaved], uow: UnitOfWork) -> None:
    """Project the titles of contact attributes; other lists are nothing to us."""
    titles: dict[int, tuple[int, str]] = {}
    for message in batch:
        data = message.data
        if data.list_name != CONTACT_ATTRIBUTE or data.number is None:
            continue
        if data.number not in titles or data.version > titles[data.number][0]:
            titles[data.number] = (data.version, data.title)
    if titles:
        await save_attributes(uow.connection, titles)
