"""Statements on contacts, their attributes and their places at customers."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.attribute_values import Value
from services.customers.domain.contact_data import Place, PostalAddress
from services.customers.persistence.documents import MergedMeanwhile
from shared.lists.holders import classified

FIELDS = (
    "first_name",
    "last_name",
    "email",
    "mobile",
    "phone",
    "street",
    "postal_code",
    "city",
    "country",
    "language",
)
_WITH_CUSTOMERS = f"""
    contact.contact_id, contact.version, first_name, last_name, email, mobile, phone, street,
    postal_code, city, country, language, attributes, classifications, attribute_values,
    {classified("contact")}, created_at, updated_at, deleted_at, merged_into,
    CASE WHEN merged_into IS NOT NULL THEN contact_survivor(contact.contact_id) END AS survivor,
    (SELECT array_agg(place.customer_id ORDER BY place.customer_id) FROM contact_customer AS place
     WHERE place.contact_id = contact.contact_id) AS customer_ids,
    (SELECT array_agg(place.role ORDER BY place.customer_id) FROM contact_customer AS place
     WHERE place.contact_id = contact.contact_id) AS roles,
    (SELECT array_agg(place.position ORDER BY place.customer_id) FROM contact_customer AS place
     WHERE place.contact_id = contact.contact_id) AS positions
"""


async def insert_contacts(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """Insert new contacts, with attributes, keys and attribute_values as far as given."""
    await connection.execute(
        text(
            f"""
            INSERT INTO contact (contact_id, version, attributes, classifications, attribute_values,
                                 {", ".join(FIELDS)}, created_at, updated_at)
            SELECT contact_id, 1, CAST(string_to_array(numbers, ',') AS int[]),
                   CAST(string_to_array(keys, ',') AS int[]), CAST(attribute_values AS jsonb),
                   {", ".join(FIELDS)}, :now, :now
            FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS text[]), CAST(:keys AS text[]),
                        CAST(:values AS text[]), {_arrays()})
                 AS new (contact_id, numbers, keys, attribute_values, {", ".join(FIELDS)})
            """
        ),
        {
            "ids": [row["contact_id"] for row in rows],
            "numbers": [_written(row.get("attributes", ())) for row in rows],
            "keys": [_written(row.get("keys", ())) for row in rows],
            "values": [json.dumps(row.get("attribute_values", {})) for row in rows],
            "now": now,
            **_columns(rows),
        },
    )


async def update_contacts(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> set[UUID]:
    """Change the contacts that differ from what is given; return which."""
    result = await connection.execute(
        text(
            f"""
            UPDATE contact SET {", ".join(f"{name} = new.{name}" for name in FIELDS)},
                               version = contact.version + 1, updated_at = :now
            FROM unnest(CAST(:ids AS uuid[]), {_arrays()}) AS new (contact_id, {", ".join(FIELDS)})
            WHERE contact.contact_id = new.contact_id
              AND ({", ".join(f"contact.{name}" for name in FIELDS)})
                  IS DISTINCT FROM ({", ".join(f"new.{name}" for name in FIELDS)})
            RETURNING contact.contact_id
            """
        ),
        {"ids": [row["contact_id"] for row in rows], "now": now, **_columns(rows)},
    )
    return set(result.scalars())


def _written(numbers: Collection[int]) -> str:
    return ",".join(map(str, sorted(numbers)))


def _arrays() -> str:
    return ", ".join(f"CAST(:{name} AS text[])" for name in FIELDS)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in FIELDS}


async def place_contacts(
    connection: AsyncConnection, places: Sequence[tuple[UUID, Place]]
) -> set[UUID]:
    """Make contacts belong to customers; return whose places changed."""
    result = await connection.execute(
        text(
            """
            INSERT INTO contact_customer (contact_id, customer_id, role, position)
            SELECT contact_id, customer_id, role, coalesce(position, 0)
            FROM unnest(CAST(:contacts AS uuid[]), CAST(:customers AS uuid[]),
                        CAST(:roles AS text[]), CAST(:positions AS int[]))
                 AS new (contact_id, customer_id, role, position)
            ON CONFLICT (contact_id, customer_id) DO UPDATE SET role = excluded.role
            WHERE excluded.role IS NOT NULL
              AND contact_customer.role IS DISTINCT FROM excluded.role
            RETURNING contact_id
            """
        ),
        {
            "contacts": [contact for contact, _ in places],
            "customers": [place.customer_id for _, place in places],
            "roles": [place.role for _, place in places],
            "positions": [place.position for _, place in places],
        },
    )
    return set(result.scalars())


async def replace_places(
    connection: AsyncConnection, contact_id: UUID, places: Sequence[Place]
) -> None:
    """Let a contact have these places, and no others."""
    customers = [place.customer_id for place in places]
    await connection.execute(
        text(
            "DELETE FROM contact_customer WHERE contact_id = :id "
            "AND customer_id <> ALL(CAST(:customers AS uuid[]))"
        ),
        {"id": contact_id, "customers": customers},
    )
    await connection.execute(
        text(
            """
            INSERT INTO contact_customer (contact_id, customer_id, role, position)
            SELECT :id, customer_id, role, coalesce(position, 0)
            FROM unnest(CAST(:customers AS uuid[]), CAST(:roles AS text[]),
                        CAST(:positions AS int[])) AS new (customer_id, role, position)
            ON CONFLICT (contact_id, customer_id)
            DO UPDATE SET role = excluded.role, position = excluded.position
            WHERE (contact_customer.role, contact_customer.position)
                  IS DISTINCT FROM (excluded.role, excluded.position)
            """
        ),
        {
            "id": contact_id,
            "customers": customers,
            "roles": [place.role for place in places],
            "positions": [place.position for place in places],
        },
    )


async def fetch_contacts(
    connection: AsyncConnection, contact_ids: Collection[UUID]
) -> dict[UUID, Row[Any]]:
    """Return the rows of these contacts with their customers, by id."""
    result = await connection.execute(
        text(f"SELECT {_WITH_CUSTOMERS} FROM contact WHERE contact_id = ANY(CAST(:ids AS uuid[]))"),
        {"ids": list(contact_ids)},
    )
    return {row.contact_id: row for row in result}


async def lock_contacts(
    connection: AsyncConnection, contact_ids: Collection[UUID], *, resolved: bool = False
) -> dict[UUID, tuple[int, set[int]]]:
    """
    Lock contacts in one order; return version and attributes of each that exists.

    With `resolved`, they are those that references name: of one merged since, its heir is meant.
    """
    result = await connection.execute(
        text(
            "SELECT contact_id, version, attributes, merged_into FROM contact "
            "WHERE contact_id = ANY(CAST(:ids AS uuid[])) ORDER BY contact_id FOR NO KEY UPDATE"
        ),
        {"ids": list(contact_ids)},
    )
    rows = result.all()
    if resolved and any(row.merged_into is not None for row in rows):
        raise MergedMeanwhile("A contact was merged into another just now.")
    return {row.contact_id: (row.version, set(row.attributes)) for row in rows}


async def contact_heir(connection: AsyncConnection, contact_id: UUID) -> UUID | None:
    """Return who has taken the place of a contact that was merged; None of all others."""
    result = await connection.execute(
        text(
            "SELECT contact_survivor(contact_id) FROM contact "
            "WHERE contact_id = :id AND merged_into IS NOT NULL"
        ),
        {"id": contact_id},
    )
    heir: UUID | None = result.scalar_one_or_none()
    return heir


async def set_attributes(
    connection: AsyncConnection, attributes: Mapping[UUID, Collection[int]], *, now: datetime
) -> None:
    """Replace the ticked attributes of contacts."""
    await connection.execute(
        text(
            """
            UPDATE contact SET attributes = CAST(string_to_array(new.numbers, ',') AS int[]),
                               version = version + 1, updated_at = :now
            FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS text[])) AS new (id, numbers)
            WHERE contact.contact_id = new.id
            """
        ),
        {
            "ids": list(attributes),
            "numbers": [_written(numbers) for numbers in attributes.values()],
            "now": now,
        },
    )


async def set_classifications(
    connection: AsyncConnection,
    changes: Mapping[UUID, tuple[Collection[int], Mapping[int, Value]]],
    *,
    now: datetime,
) -> set[UUID]:
    """Replace the keys of list values and the values of attributes; return whose are others now."""
    result = await connection.execute(
        text(
            """
            UPDATE contact SET classifications = new.keys, attribute_values = new.attribute_values,
                               version = version + 1, updated_at = :now
            FROM (SELECT id, CAST(string_to_array(keys, ',') AS int[]) AS keys,
                         CAST(attribute_values AS jsonb) AS attribute_values
                  FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]), CAST(:values AS text[]))
                       AS given (id, keys, attribute_values)) AS new
            WHERE contact.contact_id = new.id
              AND (contact.classifications IS DISTINCT FROM new.keys
                   OR contact.attribute_values <> new.attribute_values)
            RETURNING contact.contact_id
            """
        ),
        {
            "ids": list(changes),
            "keys": [_written(keys) for keys, _ in changes.values()],
            "values": [json.dumps(values) for _, values in changes.values()],
            "now": now,
        },
    )
    return set(result.scalars())


async def with_any_attribute(
    connection: AsyncConnection, numbers: Collection[int]
) -> dict[UUID, set[int]]:
    """Return the contacts that have any of these attributes, with all they have."""
    result = await connection.execute(
        text(
            "SELECT contact_id, attributes FROM contact WHERE attributes && CAST(:numbers AS int[])"
        ),
        {"numbers": list(numbers)},
    )
    return {row.contact_id: set(row.attributes) for row in result}


async def with_addresses(
    connection: AsyncConnection, channel: str, addresses: Collection[str]
) -> Sequence[UUID]:
    """Return the contacts that have any of these normalised addresses."""
    if channel == "post":
        return await _with_postal_addresses(connection, addresses)
    column = {"email": "email", "sms": "mobile"}[channel]
    result = await connection.execute(
        text(f"SELECT contact_id FROM contact WHERE {column} = ANY(CAST(:addresses AS text[]))"),
        {"addresses": list(addresses)},
    )
    return result.scalars().all()


async def _with_postal_addresses(
    connection: AsyncConnection, addresses: Collection[str]
) -> Sequence[UUID]:
    # The database cannot fold as `PostalAddress.key` does (ß, spaces); it narrows by country.
    result = await connection.execute(
        text(
            "SELECT contact_id, street, postal_code, city, country FROM contact "
            "WHERE country = ANY(CAST(:countries AS text[]))"
        ),
        {"countries": list({address.rpartition("|")[2].upper() for address in addresses})},
    )
    return [
        row.contact_id
        for row in result
        if PostalAddress(row.street, row.postal_code, row.city, row.country).key() in addresses
    ]


async def contact_ids(
    connection: AsyncConnection, *, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """Return the ids of the next contacts in the order of their ids."""
    result = await connection.execute(
        text(
            "SELECT contact_id FROM contact "
            "WHERE CAST(:after AS uuid) IS NULL OR contact_id > :after "
            "ORDER BY contact_id LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return result.scalars().all()


async def list_contacts(
    connection: AsyncConnection, *, customer_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return contacts in the order of their ids, of one customer or of all."""
    # A statement of its own: with OR, every contact would be looked at for those of a customer.
    at_customer = (
        ""
        if customer_id is None
        else "AND contact_id IN "
        "(SELECT place.contact_id FROM contact_customer AS place WHERE place.customer_id = :at)"
    )
    result = await connection.execute(
        text(
            f"""
            SELECT {_WITH_CUSTOMERS} FROM contact
            WHERE deleted_at IS NULL AND (CAST(:after AS uuid) IS NULL OR contact_id > :after)
              {at_customer}
            ORDER BY contact_id LIMIT :limit
            """
        ),
        {"after": after, "limit": limit, **({"at": customer_id} if customer_id else {})},
    )
    return result.all()


async def insert_contact_references(
    connection: AsyncConnection, references: Sequence[tuple[str, str, UUID]]
) -> None:
    """Remember the ERP's own keys of contacts."""
    await connection.execute(
        text(
            """
            INSERT INTO contact_reference (source, ref, contact_id)
            SELECT source, ref, id
            FROM unnest(CAST(:sources AS text[]), CAST(:refs AS text[]), CAST(:ids AS uuid[]))
                 AS new (source, ref, id)
            """
        ),
        {
            "sources": [source for source, _, _ in references],
            "refs": [ref for _, ref, _ in references],
            "ids": [contact_id for _, _, contact_id in references],
        },
    )


async def resolve_contacts(
    connection: AsyncConnection, references: Collection[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Return the contacts known by the ERP's own keys."""
    wanted = list(references)
    result = await connection.execute(
        text(
            """
            SELECT source, ref, contact_id
            FROM unnest(CAST(:sources AS text[]), CAST(:refs AS text[])) AS wanted (source, ref)
            JOIN contact_reference USING (source, ref)
            """
        ),
        {"sources": [source for source, _ in wanted], "refs": [ref for _, ref in wanted]},
    )
    return {(row.source, row.ref): row.contact_id for row in result}
