"""Ban the contacts who have an address that was banned at mailing."""

from services.customers.domain.bans import SETTING_OF
from services.customers.handlers.change_bans import change_attributes
from services.customers.persistence.contacts import lock_contacts, with_address
from services.customers.persistence.register import fetch_settings
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.mailing import ContactUnsubscribed


async def on_contact_unsubscribed(batch: Batch[ContactUnsubscribed], uow: UnitOfWork) -> None:
    """Tick the ban attribute of every contact with the address; again does nothing more."""
    settings = await fetch_settings(uow.connection, lock=True)
    for message in batch:
        number = settings.get(SETTING_OF[message.data.channel])
        if number is None:
            # Mailing holds the ban of the address itself; here there is no attribute to tick.
            continue
        found = await with_address(uow.connection, message.data.channel, message.data.address)
        locked = await lock_contacts(uow.connection, found)
        await change_attributes(
            {one: (held, held | {number}) for one, (_, held) in locked.items()},
            uow,
            settings=settings,
        )
