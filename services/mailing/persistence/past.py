"""What the rows of facts were: read as of a moment, and forgotten."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

FactsAt = dict[str, list[Mapping[str, Any]]]
"""Rows by table, in the shape of the tables as JSON."""

TABLES = (
    "contact",
    "contact_customer",
    "customer",
    "document",
    "activity",
    "opportunity",
    "classification",
)
OUTDATED_PAST = """
    DELETE FROM past WHERE seq IN (
        SELECT seq FROM past WHERE until < :before ORDER BY until LIMIT :chunk)
"""


async def facts_at(
    connection: AsyncConnection, contact_id: UUID, at: datetime, *, lists: bool = True
) -> FactsAt:
    """
    Return what was known at a moment of a contact, of his customers then, and of all `lists`.

    Activities and opportunities are those of the customers and those in which he took part. Of what
    was not told by then, there is nothing.
    """
    whose = {"contact_id": contact_id, "record_id": str(contact_id), "at": at}
    links = list((await connection.execute(_LINKS, whose)).scalars())
    customers = [link["customer_id"] for link in links]
    found: FactsAt = {table: [] for table in TABLES}
    found["contact_customer"] = links
    rest = _WITH_LISTS if lists else _REST
    for row in await connection.execute(rest, {**whose, "customers": customers}):
        found[row.kind].append(row.fields)
    return found


async def forget(connection: AsyncConnection, contact_ids: Collection[UUID]) -> None:
    """Remove what these contacts were, and that they took part in what was done."""
    persons = {"ids": list(contact_ids)}
    await connection.execute(_FORGET, persons)
    await connection.execute(_TAKE_OFF, persons)


def _standing(table: str, condition: str) -> str:
    return f"""
        SELECT '{table}' AS kind, to_jsonb(stands) AS fields FROM {table} AS stands
        WHERE {condition} AND told_at <= :at
    """


def _past(table: str, condition: str) -> str:
    return f"""
        SELECT kind, fields FROM past
        WHERE kind = '{table}' AND {condition} AND since <= :at AND until > :at
    """


_AT_CUSTOMERS = "customer_id = ANY(CAST(:customers AS uuid[]))"
_WITH_HIM = f"""
    contacts @> ARRAY[CAST(:contact_id AS uuid)] AND ({_AT_CUSTOMERS}) IS NOT TRUE
"""
_OF_HIM = "contact_id = :contact_id"
_RECORD = "record_id = :record_id"
_LINKS = text(
    f"""
    SELECT fields FROM ({_standing("contact_customer", _OF_HIM)}
                        UNION ALL {_past("contact_customer", _RECORD)}) AS link
    ORDER BY fields ->> 'customer_id'
    """
)
_OF_PERSON = " UNION ALL ".join(
    (
        _standing("contact", _OF_HIM),
        _past("contact", _RECORD),
        *(
            part(table, condition)
            for table, condition in (
                *((one, _AT_CUSTOMERS) for one in TABLES[2:6]),
                *((one, _WITH_HIM) for one in ("activity", "opportunity")),
            )
            for part in (_standing, _past)
        ),
    )
)
_REST = text(_OF_PERSON)
_LISTS = [part("classification", "TRUE") for part in (_standing, _past)]
_WITH_LISTS = text(" UNION ALL ".join((_OF_PERSON, *_LISTS)))
_FORGET = text(
    """
    DELETE FROM past WHERE kind IN ('contact', 'contact_customer', 'segment_pin')
      AND record_id = ANY(CAST(CAST(:ids AS uuid[]) AS text[]))
    """
)
_TAKE_OFF = text(
    """
    UPDATE past SET
        contacts = ARRAY(SELECT one FROM unnest(contacts) WITH ORDINALITY AS person (one, place)
                         WHERE one <> ALL(CAST(:ids AS uuid[])) ORDER BY place),
        fields = jsonb_set(fields, '{contacts}', coalesce(
            (SELECT jsonb_agg(one ORDER BY place)
             FROM jsonb_array_elements(fields -> 'contacts') WITH ORDINALITY AS person (one, place)
             WHERE one #>> '{}' <> ALL(CAST(CAST(:ids AS uuid[]) AS text[]))), '[]'))
    WHERE contacts && CAST(:ids AS uuid[]) AND contacts <> '{}'
    """
)
