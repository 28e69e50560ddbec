"""Take over customers and the values of the lists as the customers service tells them."""

from services.mailing.domain.lists import above, bundled
from services.mailing.persistence.classifications import ValueRow, save_values
from services.mailing.persistence.projection import CustomerRow, save_customers
from shared.chassis.messages import Batch
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ClassificationSaved, CustomerDeleted, CustomerSaved
from shared.contracts.held import token, tokens


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
                ended_on=data.ended_on,
                held=tokens(data.classifications),
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
    """Project the values of all lists; one that was removed stays as a tombstone."""
    values = newest(
        (message.data for message in batch),
        key=lambda data: (data.list_name, data.number),
        version=lambda data: data.version,
    )
    await save_values(
        uow.connection,
        [_value(data, data.number) for data in values if data.number is not None],
    )


def _value(data: ClassificationSaved, number: int) -> ValueRow:
    return ValueRow(
        token=token(data.list_name, number),
        list_name=data.list_name,
        number=number,
        version=data.version,
        title=data.title,
        titles=data.titles,
        above=above(data.list_name, data.parent),
        bundled=bundled(data.list_name, data.members),
        flags=data.flags,
        archived=data.archived,
        removed=data.removed,
    )
