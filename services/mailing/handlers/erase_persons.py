"""Erase a person: all that is known of him, that he took part in anything, and what was before.

The erasure holds for all who were merged into him, whichever is heard first, and however often it
is told. His bans stay, and those of his addresses.
"""

from services.mailing.domain.facts import Changed, ContactFacts
from services.mailing.handlers.news import news_of
from services.mailing.handlers.touch import touch
from services.mailing.persistence import bans, past
from services.mailing.persistence.projection import erase_contacts, save_contacts
from services.mailing.persistence.projection_facts import (
    take_off_activities,
    take_off_opportunities,
)
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ContactDeleted, PersonErased
from shared.projection.erasure import merged_into_erased


async def on_person_erased(batch: Batch[PersonErased], uow: UnitOfWork) -> None:
    """Erase persons, also those who are not known yet."""
    await bans.serialise(uow.connection)
    told = {
        one.facts.contact_id: (one.facts.version, one.told) for one in news_of(batch, uow, _told)
    }
    await _erased(await erase_contacts(uow.connection, told), uow)


async def on_contact_deleted(batch: Batch[ContactDeleted], uow: UnitOfWork) -> None:
    """
    Project deletions as tombstones without personal data; bans stay as they are.

    Who was merged into somebody who is erased is erased as well.
    """
    await bans.serialise(uow.connection)
    deleted = news_of(batch, uow, _told)
    await touch(await save_contacts(uow.connection, deleted), uow)
    merged = {
        one.facts.contact_id: (one.facts.version, one.told)
        for one in deleted
        if one.facts.merged_into
    }
    if merged and (erased := await merged_into_erased(uow.connection, merged)):
        persons = await erase_contacts(uow.connection, {one: merged[one] for one in erased})
        await _erased(persons, uow)


async def _erased(persons: list[Changed[ContactFacts]], uow: UnitOfWork) -> None:
    activities = await take_off_activities(uow.connection, persons)
    opportunities = await take_off_opportunities(uow.connection, persons)
    await touch([*persons, *activities, *opportunities], uow)
    # After that, since what was just taken off is kept as what was before.
    await past.forget(uow.connection, [one.after.contact_id for one in persons])


def _told(message: Message[ContactDeleted | PersonErased]) -> ContactFacts:
    data = message.data
    merged_into = data.merged_into if isinstance(data, ContactDeleted) else None
    return ContactFacts(data.contact_id, data.version, deleted=True, merged_into=merged_into)
