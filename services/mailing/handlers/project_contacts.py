"""Take over contacts as customers tells them; a ban follows the person to a new address."""

from services.mailing.domain.addresses import address_key
from services.mailing.domain.channels import Channel
from services.mailing.domain.facts import ContactFacts
from services.mailing.domain.keys import address_gate
from services.mailing.domain.lists import CONTACT_ATTRIBUTE
from services.mailing.handlers.news import news_of
from services.mailing.handlers.touch import touch
from services.mailing.persistence import bans, gate
from services.mailing.persistence.projection import save_contacts
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ContactSaved
from shared.contracts.erp import PostalAddress
from shared.contracts.held import tokens


async def on_contact_saved(batch: Batch[ContactSaved], uow: UnitOfWork) -> None:
    """Project contacts; the new address of a banned contact is banned with the same commit."""
    await bans.serialise(uow.connection)
    changed = await save_contacts(uow.connection, news_of(batch, uow, _saved))
    uncovered = await bans.uncovered_addresses(
        uow.connection, sorted(one.after.contact_id for one in changed)
    )
    if uncovered:
        gates = {address_gate(channel, key) for channel, key, _ in uncovered}
        await gate.lock_exclusive(uow.connection, gates)
        await bans.cover(uow.connection, uncovered)
        await gate.settle(uow.connection, gates)
    await touch(changed, uow)


def _saved(message: Message[ContactSaved]) -> ContactFacts:
    data = message.data
    person = data.person
    address = person.address or PostalAddress()
    return ContactFacts(
        contact_id=data.contact_id,
        version=data.version,
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
        mobile=person.mobile,
        phone=address_key(Channel.SMS, person.phone),
        street=address.street,
        postal_code=address.postal_code,
        city=address.city,
        country=address.country,
        language=data.language,
        attributes=tuple(sorted(set(data.attributes))),
        email_key=address_key(Channel.EMAIL, person.email),
        sms_key=address_key(Channel.SMS, person.mobile),
        post_key=address_key(
            Channel.POST, address.street, address.postal_code, address.city, address.country
        ),
        attribute_values=data.attribute_values,
        held=tokens({**data.classifications, CONTACT_ATTRIBUTE: data.attributes}),
        links=tuple((role.customer_id, role.role) for role in data.customers),
    )
