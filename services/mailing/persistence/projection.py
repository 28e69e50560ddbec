"""The projection of customers and contacts: the newest version wins, in whatever order.

A version that stands already is taken over again where its classifications were never told: so a
republish completes what came before these were kept. Who is erased stays so, whatever is told.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.facts import Changed, ContactFacts, CustomerFacts, News, Told
from services.mailing.persistence.projection_rows import Rows

_NEWER = """
    (new.version > {0}.version
     OR (new.version = {0}.version AND {0}.held_version <> {0}.version))
"""
_HELD_VERSION = {"held_version": "new.version"}
# The hashes come with the addresses that they are made of.
_VERSIONS = _HELD_VERSION | {"hashed_version": "new.version"}
_CUSTOMERS = Rows("customer", CustomerFacts, newer=_NEWER.format("customer"), derived=_HELD_VERSION)
_CONTACTS = Rows(
    "contact",
    ContactFacts,
    newer=f"NOT contact.erased AND (new.erased OR {_NEWER.format('contact')})",
    derived=_VERSIONS,
)

Links = dict[UUID, str | None]
"""The role that a contact has at each of its customers."""


async def save_customers(
    connection: AsyncConnection, news: Sequence[News[CustomerFacts]]
) -> list[Changed[CustomerFacts]]:
    """Take over the customers that are newer than what stands; return them and what they were."""
    return await _CUSTOMERS.take_over(connection, news)


async def save_contacts(
    connection: AsyncConnection, news: Sequence[News[ContactFacts]]
) -> list[Changed[ContactFacts]]:
    """Take over the contacts that are newer, with links; return them and what they were.

    One at a time relates contacts and their links: see `bans.serialise`.
    """
    changed = await _CONTACTS.take_over(connection, news)
    stood = await _links_of(connection, [one.after.key for one in changed if one.before])
    await _relink(connection, changed, stood)
    return [
        replace(one, before=replace(one.before, links=tuple(sorted(stood[one.after.key].items()))))
        if one.before
        else one
        for one in changed
    ]


async def erase_contacts(
    connection: AsyncConnection, told: Mapping[UUID, tuple[int, Told]]
) -> list[Changed[ContactFacts]]:
    """
    Empty these contacts, told at these versions, and all who were merged into them, for ever.

    Those who are not known yet are known as erased from now on.
    """
    result = await connection.execute(_PERSONS, {"ids": list(told)})
    persons = {
        one: News(ContactFacts(one, version, deleted=True, erased=True), by)
        for one, (version, by) in told.items()
    }
    for row in result:
        version, by = told[row.root]
        facts = ContactFacts(
            row.contact_id,
            max(version, row.version) if row.contact_id == row.root else row.version,
            deleted=True,
            erased=True,
            merged_into=row.merged_into,
        )
        persons[row.contact_id] = News(facts, by)
    return await save_contacts(connection, list(persons.values()))


async def persons_of(connection: AsyncConnection, contact_ids: Collection[UUID]) -> list[UUID]:
    """Return these contacts and all who were merged into them."""
    result = await connection.execute(_PERSONS, {"ids": list(contact_ids)})
    return sorted({*contact_ids, *(row.contact_id for row in result)})


async def erased_among(connection: AsyncConnection, contact_ids: Collection[UUID]) -> set[UUID]:
    """Return those of these contacts who are erased."""
    result = await connection.execute(_ERASED, {"ids": list(contact_ids)})
    return set(result.scalars())


async def _links_of(
    connection: AsyncConnection, contact_ids: Collection[UUID]
) -> dict[UUID, Links]:
    found: dict[UUID, Links] = {one: {} for one in contact_ids}
    if found:
        for row in await connection.execute(_LINKS, {"ids": list(found)}):
            found[row.contact_id][row.customer_id] = row.role
    return found


async def _relink(
    connection: AsyncConnection,
    changed: Collection[Changed[ContactFacts]],
    stood: Mapping[UUID, Links],
) -> None:
    """Remove the links that are gone or are others now, and add what is new; the rest stays."""
    gone: list[tuple[UUID, UUID]] = []
    added: list[tuple[UUID, UUID, str | None]] = []
    for one in changed:
        contact_id, links = one.after.contact_id, dict(one.after.links)
        before = stood.get(contact_id, {})
        gone += [
            (contact_id, customer_id)
            for customer_id, role in before.items()
            if customer_id not in links or links[customer_id] != role
        ]
        added += [
            (contact_id, customer_id, role)
            for customer_id, role in links.items()
            if customer_id not in before or before[customer_id] != role
        ]
    moment = next((one.told.at for one in changed), None)
    if gone:
        contacts, customers = zip(*gone, strict=True)
        await connection.execute(
            _UNLINK,
            {
                "contacts": list(contacts),
                "customers": list(customers),
                "moment": moment and moment.isoformat(),
            },
        )
    if added:
        contacts, customers, roles = zip(*added, strict=True)
        await connection.execute(
            _LINK,
            {
                "contacts": list(contacts),
                "customers": list(customers),
                "roles": list(roles),
                "told_at": moment,
            },
        )


_LINKS = text(
    "SELECT contact_id, customer_id, role FROM contact_customer "
    "WHERE contact_id = ANY(CAST(:ids AS uuid[]))"
)
# What is removed says no more when it ended: the moment is told to the trigger that keeps it.
_UNLINK = text(
    """
    WITH told AS MATERIALIZED (SELECT set_config('suhde.moment', :moment, true))
    DELETE FROM contact_customer AS link
    USING told, unnest(CAST(:contacts AS uuid[]), CAST(:customers AS uuid[]))
                AS gone (contact_id, customer_id)
    WHERE link.contact_id = gone.contact_id AND link.customer_id = gone.customer_id
    """
)
_LINK = text(
    """
    INSERT INTO contact_customer (contact_id, customer_id, role, told_at)
    SELECT contact_id, customer_id, role, :told_at
    FROM unnest(CAST(:contacts AS uuid[]), CAST(:customers AS uuid[]), CAST(:roles AS text[]))
         AS new (contact_id, customer_id, role)
    """
)
_PERSONS = text(
    """
    WITH RECURSIVE person (contact_id, root) AS (
        SELECT id, id FROM unnest(CAST(:ids AS uuid[])) AS told (id)
        UNION
        SELECT merged.contact_id, person.root
        FROM contact AS merged JOIN person ON merged.merged_into = person.contact_id)
    SELECT DISTINCT ON (contact_id) contact_id, contact.version, contact.merged_into, person.root
    FROM person JOIN contact USING (contact_id)
    ORDER BY contact_id, contact_id <> root, root
    """
)
_ERASED = text(
    "SELECT contact_id FROM contact WHERE contact_id = ANY(CAST(:ids AS uuid[])) AND erased"
)
