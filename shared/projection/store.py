"""Statements on customers, contacts and their lists: the newest version wins, in any order."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

# An array of arrays must be a rectangle; texts may differ in length.
SEPARATOR = "\n"


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer as it is to stand in the projection."""

    customer_id: UUID
    version: int
    deleted: bool = False
    merged_into: UUID | None = None
    number: str = ""
    name: str = ""
    held: tuple[str, ...] = ()
    started_on: date | None = None
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One contact as it is to stand in the projection."""

    contact_id: UUID
    version: int
    deleted: bool = False
    erased: bool = False
    merged_into: UUID | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value of a list of customers as it is to stand; what it lies in is named by a token."""

    token: str
    list_name: str
    number: int
    version: int
    title: str
    titles: Mapping[str, str]
    above: str | None
    removed: bool
    flags: Mapping[str, bool] = field(default_factory=dict)


async def save_customers(connection: AsyncConnection, rows: Sequence[CustomerRow]) -> None:
    """Take over the customers that are newer than what stands; one row per id, please."""
    await connection.execute(
        _CUSTOMERS,
        {
            "ids": [row.customer_id for row in rows],
            "versions": [row.version for row in rows],
            "deleted": [row.deleted for row in rows],
            "merged": [row.merged_into for row in rows],
            "numbers": [row.number for row in rows],
            "names": [row.name for row in rows],
            "held": [SEPARATOR.join(row.held) for row in rows],
            "started": [row.started_on for row in rows],
            "ended": [row.ended_on for row in rows],
        },
    )


async def save_contacts(connection: AsyncConnection, rows: Sequence[ContactRow]) -> None:
    """Take over the contacts that are newer than what stands; one row per id, please."""
    await connection.execute(
        _CONTACTS,
        {
            "ids": [row.contact_id for row in rows],
            "versions": [row.version for row in rows],
            "deleted": [row.deleted for row in rows],
            "erased": [row.erased for row in rows],
            "merged": [row.merged_into for row in rows],
            "names": [row.name for row in rows],
        },
    )


async def save_values(connection: AsyncConnection, rows: Sequence[ValueRow]) -> None:
    """Take over the values that are newer than what stands; one row per token, please."""
    await connection.execute(
        _VALUES,
        {
            "tokens": [row.token for row in rows],
            "lists": [row.list_name for row in rows],
            "numbers": [row.number for row in rows],
            "versions": [row.version for row in rows],
            "titles": [row.title for row in rows],
            "translated": [json.dumps(dict(row.titles)) for row in rows],
            "above": [row.above for row in rows],
            "removed": [row.removed for row in rows],
            "flags": [json.dumps(dict(row.flags)) for row in rows],
        },
    )


async def customers_by_number(
    connection: AsyncConnection, numbers: Collection[str]
) -> dict[str, UUID]:
    """Return the live customers who have these numbers."""
    result = await connection.execute(
        text(
            "SELECT number, customer_id FROM customer "
            "WHERE number = ANY(CAST(:numbers AS text[])) AND NOT deleted"
        ),
        {"numbers": list(numbers)},
    )
    return {row.number: row.customer_id for row in result}


async def find_customers(
    connection: AsyncConnection, customer_ids: Collection[UUID], *, lock: bool = False
) -> dict[UUID, Row[Any]]:
    """Return version, deleted, merged_into, number, name and held of these customers."""
    result = await connection.execute(
        text(
            f"""
            SELECT customer_id, version, deleted, merged_into, number, name, held
            FROM customer WHERE customer_id = ANY(CAST(:ids AS uuid[])) ORDER BY customer_id
            {"FOR UPDATE" if lock else ""}
            """
        ),
        {"ids": list(customer_ids)},
    )
    return {row.customer_id: row for row in result}


async def find_contacts(
    connection: AsyncConnection, contact_ids: Collection[UUID]
) -> dict[UUID, Row[Any]]:
    """Return deleted, erased, merged_into and name of these contacts; nobody erases them now."""
    result = await connection.execute(
        text(
            "SELECT contact_id, deleted, erased, merged_into, name FROM contact "
            "WHERE contact_id = ANY(CAST(:ids AS uuid[])) ORDER BY contact_id FOR KEY SHARE"
        ),
        {"ids": list(contact_ids)},
    )
    return {row.contact_id: row for row in result}


async def find_values(connection: AsyncConnection, tokens: Collection[str]) -> dict[str, Row[Any]]:
    """Return number, title, titles, flags and removed of these values, by token."""
    result = await connection.execute(
        text(
            "SELECT token, number, title, titles, flags, removed FROM classification "
            "WHERE token = ANY(CAST(:tokens AS text[]))"
        ),
        {"tokens": list(tokens)},
    )
    return {row.token: row for row in result}


_CUSTOMERS = text(
    """
    INSERT INTO customer (customer_id, version, deleted, merged_into, number, name, held,
                          started_on, ended_on)
    SELECT id, version, deleted, merged_into, number, name, string_to_array(held, E'\\n'),
           started_on, ended_on
    FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:deleted AS boolean[]),
                CAST(:merged AS uuid[]), CAST(:numbers AS text[]), CAST(:names AS text[]),
                CAST(:held AS text[]), CAST(:started AS date[]), CAST(:ended AS date[]))
         AS new (id, version, deleted, merged_into, number, name, held, started_on, ended_on)
    ORDER BY id
    ON CONFLICT (customer_id) DO UPDATE SET
        version = EXCLUDED.version, deleted = EXCLUDED.deleted, merged_into = EXCLUDED.merged_into,
        number = CASE WHEN EXCLUDED.deleted THEN customer.number ELSE EXCLUDED.number END,
        name = CASE WHEN EXCLUDED.deleted THEN customer.name ELSE EXCLUDED.name END,
        held = CASE WHEN EXCLUDED.deleted THEN customer.held ELSE EXCLUDED.held END,
        started_on = EXCLUDED.started_on, ended_on = EXCLUDED.ended_on
    WHERE EXCLUDED.version > customer.version
    """
)
# Erasure is for ever: whatever is told of an erased person later brings no name back.
_CONTACTS = text(
    """
    INSERT INTO contact (contact_id, version, deleted, erased, merged_into, name)
    SELECT id, version, deleted, erased, merged_into, name
    FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:deleted AS boolean[]),
                CAST(:erased AS boolean[]), CAST(:merged AS uuid[]), CAST(:names AS text[]))
         AS new (id, version, deleted, erased, merged_into, name)
    ORDER BY id
    ON CONFLICT (contact_id) DO UPDATE SET
        version = greatest(contact.version, EXCLUDED.version), deleted = EXCLUDED.deleted,
        merged_into = CASE WHEN EXCLUDED.erased THEN contact.merged_into
                           ELSE EXCLUDED.merged_into END,
        erased = contact.erased OR EXCLUDED.erased,
        name = CASE WHEN contact.erased OR EXCLUDED.erased THEN ''
                    WHEN EXCLUDED.deleted THEN contact.name ELSE EXCLUDED.name END
    WHERE EXCLUDED.version > contact.version OR (EXCLUDED.erased AND NOT contact.erased)
    """
)
_VALUES = text(
    """
    INSERT INTO classification (token, list_name, number, version, title, titles, above, removed,
                                flags)
    SELECT token, list_name, number, version, title, CAST(titles AS jsonb), above, removed,
           CAST(flags AS jsonb)
    FROM unnest(CAST(:tokens AS text[]), CAST(:lists AS text[]), CAST(:numbers AS integer[]),
                CAST(:versions AS bigint[]), CAST(:titles AS text[]), CAST(:translated AS text[]),
                CAST(:above AS text[]), CAST(:removed AS boolean[]), CAST(:flags AS text[]))
         AS new (token, list_name, number, version, title, titles, above, removed, flags)
    ORDER BY token COLLATE "C"
    ON CONFLICT (token) DO UPDATE SET
        version = EXCLUDED.version, title = EXCLUDED.title, titles = EXCLUDED.titles,
        above = EXCLUDED.above, removed = EXCLUDED.removed, flags = EXCLUDED.flags
    WHERE EXCLUDED.version > classification.version
    """
)
