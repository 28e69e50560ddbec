"""Take over contacts as customers tells them; a ban follows the person to a new address."""

from services.mailing.domain.addresses import HashOf, keys_and_hashes
from services.mailing.domain.facts import ContactFacts
from services.mailing.domain.lists import CONTACT_ATTRIBUTE
from services.mailing.handlers.follow_contacts import follow_contacts
from services.mailing.handlers.news import news_of
from services.mailing.handlers.touch import touch
from services.mailing.persistence import bans
from services.mailing.persistence.projection import save_contacts
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.chassis.worker import Handler
from shared.contracts.customers import ContactSaved
from shared.contracts.erp import PostalAddress
from shared.contracts.held import tokens


def on_contact_saved(hash_of: HashOf) -> Handler:
    """Return the handler of contacts that customers tells."""

    def saved(message: Message[ContactSaved]) -> ContactFacts:
        return _facts(message.data, hash_of)

    async def handle(batch: Batch[ContactSaved], uow: UnitOfWork) -> None:
        """Project contacts; the new address of a banned contact is banned with the same commit."""
        await bans.serialise(uow.connection)
        changed = await save_contacts(uow.connection, news_of(batch, uow, saved))
        await follow_contacts(sorted(one.after.contact_id for one in changed), uow, hash_of=hash_of)
        await touch(changed, uow)

    return handle


def _facts(data: ContactSaved, hash_of: HashOf) -> ContactFacts:
    person = data.person
    address = person.address or PostalAddress()
    made = keys_and_hashes(
        email=person.email,
        mobile=person.mobile,
        phone=person.phone,
        place=(address.street, address.postal_code, address.city, address.country),
        hash_of=hash_of,
    )
    return ContactFacts(
        contact_id=data.contact_id,
        version=data.version,
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
        mobile=person.mobile,
        phone=made.phone_key,
        street=address.street,
        postal_code=address.postal_code,
        city=address.city,
        country=address.country,
        language=data.language,
        attributes=tuple(sorted(set(data.attributes))),
        attribute_values=data.attribute_values,
        email_key=made.email_key,
        sms_key=made.sms_key,
        post_key=made.post_key,
        email_hash=made.email_hash,
        sms_hash=made.sms_hash,
        post_hash=made.post_hash,
        call_hash=made.call_hash,
        held=tokens({**data.classifications, CONTACT_ATTRIBUTE: data.attributes}),
        links=tuple((role.customer_id, role.role) for role in data.customers),
    )
