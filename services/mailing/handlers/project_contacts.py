"""Take over contacts as customers tells them; a ban follows the person to a new address."""

from collections.abc import Awaitable, Callable

from services.mailing.domain.addresses import HashOf, keys_and_hashes
from services.mailing.domain.lists import CONTACT_ATTRIBUTE
from services.mailing.handlers.follow_contacts import follow_contacts
from services.mailing.persistence import bans
from services.mailing.persistence.projection import ContactRow, save_contacts
from shared.chassis.messages import Batch
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ContactDeleted, ContactSaved
from shared.contracts.erp import PostalAddress
from shared.contracts.held import tokens


def on_contact_saved(
    hash_of: HashOf,
) -> Callable[[Batch[ContactSaved], UnitOfWork], Awaitable[None]]:
    """Return the handler of contacts that customers tells."""

    async def handle(batch: Batch[ContactSaved], uow: UnitOfWork) -> None:
        """Project contacts; the new address of a banned contact is banned with the same commit."""
        saved = newest(
            (message.data for message in batch),
            key=lambda data: data.contact_id,
            version=lambda data: data.version,
        )
        await bans.serialise(uow.connection)
        changed = await save_contacts(uow.connection, [_row(data, hash_of) for data in saved])
        await follow_contacts(changed, uow, hash_of=hash_of)

    return handle


async def on_contact_deleted(batch: Batch[ContactDeleted], uow: UnitOfWork) -> None:
    """Project deletions as tombstones without personal data; bans stay as they are."""
    deleted = newest(
        (message.data for message in batch),
        key=lambda data: data.contact_id,
        version=lambda data: data.version,
    )
    await bans.serialise(uow.connection)
    await save_contacts(
        uow.connection,
        [ContactRow(data.contact_id, data.version, deleted=True) for data in deleted],
    )


def _row(data: ContactSaved, hash_of: HashOf) -> ContactRow:
    person = data.person
    address = person.address or PostalAddress()
    made = keys_and_hashes(
        email=person.email,
        mobile=person.mobile,
        phone=person.phone,
        place=(address.street, address.postal_code, address.city, address.country),
        hash_of=hash_of,
    )
    return ContactRow(
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
