"""Erase a person: his name, and that he took part in an opportunity, now and before.

The opportunity stays with its memo, which is about the deal: what is written of persons goes into
activities, whose texts are erased. The erasure holds for all who were merged into him, whichever is
heard first, and however often it is told.
"""

from collections.abc import Collection
from uuid import UUID

from services.pipeline.handlers.tell_opportunities import tell_opportunities
from services.pipeline.persistence.erasure import take_off
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ContactDeleted, PersonErased
from shared.projection import handlers as projection


async def on_person_erased(batch: Batch[PersonErased], uow: UnitOfWork) -> None:
    """Erase persons, also those who are not known yet."""
    await _take_off(await projection.on_person_erased(batch, uow), uow)


async def on_contact_deleted(batch: Batch[ContactDeleted], uow: UnitOfWork) -> None:
    """Project deletions; who was merged into somebody who is erased is erased as well."""
    if erased := await projection.on_contact_deleted(batch, uow):
        await _take_off(erased, uow)


async def _take_off(persons: Collection[UUID], uow: UnitOfWork) -> None:
    changed = await take_off(uow.connection, persons, now=uow.now)
    await tell_opportunities(changed, uow)
