"""Change the bans of contacts and customers; every change has a gapless consent number (LS-26).

Deleted records are banned and freed like live ones: a person's will outlives the record (TS-A9).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row

from services.customers.domain.bans import CHANNEL_OF, Bans, bans_of
from services.customers.domain.contact_data import PostalAddress
from services.customers.domain.events import BansChanged
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from services.customers.persistence.contacts import (
    contact_heir,
    fetch_contacts,
    lock_contacts,
    set_attributes,
)
from services.customers.persistence.customers import fetch_customers
from services.customers.persistence.documents import MergedMeanwhile, lock_customers
from services.customers.persistence.register import (
    consent_seq,
    fetch_settings,
    take_consent_numbers,
)
from services.customers.persistence.rows import customer_bans
from shared.chassis.errors import Kind, Refusal, check_version
from shared.chassis.unit_of_work import UnitOfWork


class BanNotConfigured(Refusal):
    """The setting of this ban holds no attribute number, so the ban cannot be stored (LS-27)."""

    kind = Kind.CONFLICT
    slug = "ban_not_configured"
    remedy = "Give the setting NO_EMAIL, NO_SMS or NO_MARKETING the number of an attribute first."


class ContactNotFound(Refusal):
    """There is no such contact."""

    kind = Kind.NOT_FOUND
    slug = "contact_not_found"
    remedy = "List the contacts of the customer to find its id."


class CustomerNotFound(Refusal):
    """There is no such customer."""

    kind = Kind.NOT_FOUND
    slug = "customer_not_found"
    remedy = "List the customers to find its id."


@dataclass(frozen=True, slots=True)
class SetBans:
    """Channels to ban (True) or to free (False); a channel left out stays as it is."""

    email: bool | None = None
    sms: bool | None = None
    post: bool | None = None

    def chosen(self) -> dict[str, bool]:
        """Return the channels that are to change."""
        given = {"email": self.email, "sms": self.sms, "post": self.post}
        return {channel: value for channel, value in given.items() if value is not None}


async def ban_contact(
    contact_id: UUID, command: SetBans, uow: UnitOfWork, *, expected: int | None = None
) -> int:
    """Tick or untick the ban attributes of a contact; return the consent number that covers it."""
    settings = await fetch_settings(uow.connection, lock=True)
    heir = await contact_heir(uow.connection, contact_id)
    locked = await lock_contacts(uow.connection, {contact_id, heir or contact_id})
    if contact_id not in locked:
        raise ContactNotFound(f"There is no contact {contact_id}.")
    if await contact_heir(uow.connection, contact_id) != heir:
        raise MergedMeanwhile("The contact was merged into another just now.")
    version, attributes = locked[contact_id]
    check_version("contact", version, expected)
    banned: set[int] = set()
    freed: set[int] = set()
    for name, channel in CHANNEL_OF.items():
        wanted = command.chosen().get(channel)
        if wanted is None:
            continue
        number = settings.get(name)
        if number is None:
            raise BanNotConfigured(f"{name} holds no attribute number.")
        (banned if wanted else freed).add(number)
    changes = {contact_id: (attributes, attributes - freed | banned)}
    if heir is not None:
        # Whoever bans one that was merged means the person; to free it, name the one that lives.
        changes[heir] = (locked[heir][1], locked[heir][1] | banned)
    return await change_attributes(changes, uow, settings=settings)


async def change_attributes(
    changes: Mapping[UUID, tuple[set[int], set[int]]],
    uow: UnitOfWork,
    *,
    settings: Mapping[str, int | None],
) -> int:
    """
    Replace the attributes of locked contacts, telling contacts saved and bans changed.

    `changes` maps a contact to its attributes before and after. Returns the consent number that
    covers all of it, which is the present one if no ban changed.
    """
    changed = {one: after for one, (before, after) in changes.items() if before != after}
    if changed:
        await set_attributes(uow.connection, changed, now=uow.now)
        await tell_contacts(changed, uow)
    bans = {
        one: bans_of(after, settings)
        for one, after in changed.items()
        if bans_of(after, settings) != bans_of(changes[one][0], settings)
    }
    return await tell_contact_bans(bans, uow)


async def tell_contact_bans(bans: Mapping[UUID, Bans], uow: UnitOfWork) -> int:
    """Number and record the bans of contacts; return the number that covers them all."""
    rows = await fetch_contacts(uow.connection, bans) if bans else {}
    first = await take_consent_numbers(uow.connection, len(bans))
    for place, (contact_id, held) in enumerate(bans.items()):
        row = rows[contact_id]
        address = PostalAddress(row.street, row.postal_code, row.city, row.country)
        uow.record(
            BansChanged(
                consent_seq=first + place,
                bans=held,
                contact_id=contact_id,
                email=row.email,
                mobile=row.mobile,
                post=address.key(),
            )
        )
    return first + len(bans) - 1


async def tell_held_bans(
    attributes: Mapping[UUID, Collection[int]],
    uow: UnitOfWork,
    *,
    settings: Mapping[str, int | None],
) -> None:
    """
    Tell anew what bans contacts with these attributes hold; nothing of those that hold none.

    A ban is told by its contact's addresses, so it is told again where they are other ones.
    """
    held = {one: bans_of(ticked, settings) for one, ticked in attributes.items()}
    banned = {one: bans for one, bans in held.items() if bans != Bans()}
    # Taking numbers holds the counter, for which all other changes of bans wait.
    if banned:
        await tell_contact_bans(banned, uow)


async def ban_customer(customer_id: UUID, command: SetBans, uow: UnitOfWork) -> int:
    """Ban or free a customer, which means all its contacts in that role (LS-A6)."""
    rows = await fetch_customers(uow.connection, [customer_id])
    if customer_id not in rows:
        raise CustomerNotFound(f"There is no customer {customer_id}.")
    chosen = command.chosen()
    if not chosen:
        return await consent_seq(uow.connection)
    heir = rows[customer_id].survivor
    ids = [customer_id] if heir is None else sorted((customer_id, heir))
    await lock_customers(uow.connection, ids)
    if (await fetch_customers(uow.connection, [customer_id]))[customer_id].survivor != heir:
        raise MergedMeanwhile("The customer was merged into another just now.")
    await _set_bans(customer_id, chosen, uow)
    banned = {channel: True for channel, wanted in chosen.items() if wanted}
    if heir is None or not banned:
        ids = [customer_id]
    else:
        # Whoever bans one that was merged means the firm; to free it, name the one that lives.
        await _set_bans(heir, banned, uow)
    return await tell_customer_bans(await tell_customers(ids, uow), uow)


async def _set_bans(customer_id: UUID, chosen: Mapping[str, bool], uow: UnitOfWork) -> None:
    await uow.connection.execute(
        text(
            """
            UPDATE customer SET ban_email = coalesce(CAST(:email AS boolean), ban_email),
                                ban_sms = coalesce(CAST(:sms AS boolean), ban_sms),
                                ban_post = coalesce(CAST(:post AS boolean), ban_post),
                                version = version + 1, updated_at = :now
            WHERE customer_id = :id
            """
        ),
        {
            "id": customer_id,
            "email": chosen.get("email"),
            "sms": chosen.get("sms"),
            "post": chosen.get("post"),
            "now": uow.now,
        },
    )


async def tell_customer_bans(rows: Mapping[UUID, Row[Any]], uow: UnitOfWork) -> int:
    """Number and record the bans of locked customers; return the number that covers them all."""
    first = await take_consent_numbers(uow.connection, len(rows))
    uow.record_all(
        BansChanged(consent_seq=first + place, bans=customer_bans(row), customer_id=customer_id)
        for place, (customer_id, row) in enumerate(rows.items())
    )
    return first + len(rows) - 1
