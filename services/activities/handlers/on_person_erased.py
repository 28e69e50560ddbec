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
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ContactDeleted, PersonErased
from shared.projection import handlers as projection

Clean = Callable[[], None]
"""Wakes who removes the bytes that nothing refers to any more."""


async def on_person_erased(batch: Batch[PersonErased], uow: UnitOfWork, *, clean: Clean) -> None:
    """Erase persons, also those who are not known yet; their bytes go right after the commit."""
    await empty_what_they_did(await projection.on_person_erased(batch, uow), uow, clean)


async def on_contact_deleted(
    batch: Batch[ContactDeleted], uow: UnitOfWork, *, clean: Clean
) -> None:
    """Project deletions; who was merged into somebody who is erased is erased as well."""
    if erased := await projection.on_contact_deleted(batch, uow):
        await empty_what_they_did(erased, uow, clean)


async def empty_what_they_did(persons: Collection[UUID], uow: UnitOfWork, clean: Clean) -> None:
    """Remove what was said and attached in all activities in which erased contacts take part."""
    activity_ids = await erasure.lock_activities_of(uow.connection, persons)
    changed = await erasure.empty_activities(uow.connection, activity_ids, now=uow.now)
    if await remove_attachments(uow.connection, activity_ids, now=uow.now):
        uow.when_committed(clean)
    await tell_activities(changed, uow)
