"""Take over customers, contacts and the lists that sort customers, as customers tells them.

A service with nothing of its own to do about one of these events takes the handler as it stands;
another one calls it, then does its own: the rows are locked by then.
"""

from uuid import UUID

from shared.chassis.messages import Batch
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import (
    ClassificationSaved,
    ContactDeleted,
    ContactSaved,
    CustomerDeleted,
    CustomerSaved,
    PersonErased,
)
from shared.contracts.held import token, tokens
from shared.projection.erasure import erase_contacts, merged_into_erased
from shared.projection.store import (
    ContactRow,
    CustomerRow,
    ValueRow,
    save_contacts,
    save_customers,
    save_values,
)


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
                held=tokens(data.classifications),
                started_on=data.relationship.started_on if data.relationship else None,
                ended_on=data.ended_on,
            )
            for data in saved
        ],
    )


async def on_customer_deleted(batch: Batch[CustomerDeleted], uow: UnitOfWork) -> None:
    """Project deletions: tombstones, and who has taken a customer's place."""
    deleted = newest(
        (message.data for message in batch),
        key=lambda data: data.customer_id,
        version=lambda data: data.version,
    )
    await save_customers(
        uow.connection,
        [
            CustomerRow(data.customer_id, data.version, deleted=True, merged_into=data.merged_into)
            for data in deleted
        ],
    )


async def on_contact_saved(batch: Batch[ContactSaved], uow: UnitOfWork) -> None:
    """Project contacts, by name only; older versions than what stands change nothing."""
    saved = newest(
        (message.data for message in batch),
        key=lambda data: data.contact_id,
        version=lambda data: data.version,
    )
    await save_contacts(
        uow.connection,
        [
            ContactRow(
                data.contact_id,
                data.version,
                name=f"{data.person.first_name} {data.person.last_name}".strip(),
            )
            for data in saved
        ],
    )


async def on_contact_deleted(batch: Batch[ContactDeleted], uow: UnitOfWork) -> list[UUID]:
    """Project deletions as tombstones; the name stays on what was done with the contact.

    Unless it was merged into somebody who was erased: then so is it, with all that were merged into
    it. Returns who was erased by this.
    """
    deleted = newest(
        (message.data for message in batch),
        key=lambda data: data.contact_id,
        version=lambda data: data.version,
    )
    await save_contacts(
        uow.connection,
        [
            ContactRow(data.contact_id, data.version, deleted=True, merged_into=data.merged_into)
            for data in deleted
        ],
    )
    merged = [data.contact_id for data in deleted if data.merged_into]
    erased = await merged_into_erased(uow.connection, merged)
    return await erase_contacts(uow.connection, erased) if erased else []


async def on_person_erased(batch: Batch[PersonErased], uow: UnitOfWork) -> list[UUID]:
    """Erase persons for ever, also those who are not known yet, and all who were merged into them.

    Returns all of them.
    """
    told = newest(
        (message.data for message in batch),
        key=lambda data: data.contact_id,
        version=lambda data: data.version,
    )
    await save_contacts(
        uow.connection,
        [ContactRow(data.contact_id, data.version, deleted=True, erased=True) for data in told],
    )
    return await erase_contacts(uow.connection, [data.contact_id for data in told])


async def on_classification_saved(batch: Batch[ClassificationSaved], uow: UnitOfWork) -> None:
    """Project the values of all lists; one that was removed stays as a tombstone."""
    values = newest(
        (message.data for message in batch),
        key=lambda data: (data.list_name, data.number),
        version=lambda data: data.version,
    )
    await save_values(
        uow.connection,
        [
            ValueRow(
                token=token(data.list_name, data.number),
                list_name=data.list_name,
                number=data.number,
                version=data.version,
                title=data.title,
                titles=data.titles,
                # Only trees matter here: what lies in another list is in no subtree.
                above=None if data.parent is None else token(data.list_name, data.parent),
                removed=data.removed,
                flags=data.flags,
            )
            for data in values
            if data.number is not None
        ],
    )
