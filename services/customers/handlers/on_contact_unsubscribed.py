"""Ban the contacts who have an address that was banned at mailing."""

from collections import defaultdict
from uuid import UUID

from services.customers.domain.bans import SETTING_OF
from services.customers.handlers.change_bans import change_attributes
from services.customers.persistence.contacts import lock_contacts, with_addresses
from services.customers.persistence.register import fetch_settings
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.mailing import ContactUnsubscribed


async def on_contact_unsubscribed(batch: Batch[ContactUnsubscribed], uow: UnitOfWork) -> None:
    """Tick the ban attribute of every contact with the address; again does nothing more."""
    settings = await fetch_settings(uow.connection, lock=True)
    banned: dict[str, set[str]] = defaultdict(set)
    for message in batch:
        banned[message.data.channel].add(message.data.address)
    ticks: dict[UUID, set[int]] = defaultdict(set)
    for channel, addresses in banned.items():
        number = settings.get(SETTING_OF[channel])
        if number is None:
            # Mailing holds the ban of the address itself; here there is no attribute to tick.
            continue
        for contact_id in await with_addresses(uow.connection, channel, addresses):
            ticks[contact_id].add(number)
    locked = await lock_contacts(uow.connection, ticks)
    await change_attributes(
        {one: (held, held | ticks[one]) for one, (_, held) in locked.items()},
        uow,
        settings=settings,
    )
