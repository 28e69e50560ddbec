"""Take over contacts, by name only, as the customers service tells them; forget who is erased."""

from services.activities.handlers.on_person_erased import Clean, erase_merged
from services.activities.persistence.projection import ContactRow, save_contacts
from shared.chassis.messages import Batch
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ContactDeleted, ContactSaved


async def on_contact_saved(batch: Batch[ContactSaved], uow: UnitOfWork) -> None:
    """Project contacts; older versions than what stands change nothing."""
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


async def on_contact_deleted(
    batch: Batch[ContactDeleted], uow: UnitOfWork, *, clean: Clean
) -> None:
    """Project deletions as tombstones; the name stays on what was done with the contact.

    Unless it was merged into somebody who was erased: then so is it.
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
    await erase_merged([data.contact_id for data in deleted if data.merged_into], uow, clean)
