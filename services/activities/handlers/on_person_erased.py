"""Erase a person: his name, and what was said and attached wherever he takes part.

What stays are facts without him: that there was an activity, when, of which category, whose. The
erasure holds for all who were merged into him, whichever is heard first, and however often it is
told. Documents with the same content that are attached elsewhere are others' and stay there.
"""

from collections.abc import Callable, Collection
from uuid import UUID

from services.activities.handlers.tell_activities import tell_activities
from services.activities.persistence import erasure
from services.activities.persistence.attachments import remove_attachments
from services.activities.persistence.projection import ContactRow, save_contacts
from shared.chassis.messages import Batch
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import PersonErased

Clean = Callable[[], None]
"""Wakes who removes the bytes that nothing refers to any more."""


async def on_person_erased(batch: Batch[PersonErased], uow: UnitOfWork, *, clean: Clean) -> None:
    """Erase persons, also those who are not known yet; their bytes go right after the commit."""
    told = newest(
        (message.data for message in batch),
        key=lambda data: data.contact_id,
        version=lambda data: data.version,
    )
    await save_contacts(
        uow.connection,
        [ContactRow(data.contact_id, data.version, deleted=True, erased=True) for data in told],
    )
    await erase_persons([data.contact_id for data in told], uow, clean)


async def erase_merged(contact_ids: Collection[UUID], uow: UnitOfWork, clean: Clean) -> None:
    """Erase those of these contacts who turn out to be merged into somebody who is erased."""
    if merged := await erasure.merged_into_erased(uow.connection, contact_ids):
        await erase_persons(merged, uow, clean)


async def erase_persons(contact_ids: Collection[UUID], uow: UnitOfWork, clean: Clean) -> None:
    """Erase known contacts and all that were merged into them."""
    persons = await erasure.erase_contacts(uow.connection, contact_ids)
    activity_ids = await erasure.lock_activities_of(uow.connection, persons)
    changed = await erasure.empty_activities(uow.connection, activity_ids, now=uow.now)
    if await remove_attachments(uow.connection, activity_ids, now=uow.now):
        uow.when_committed(clean)
    await tell_activities(changed, uow)
