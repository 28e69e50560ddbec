"""Whom to call: the members of a rule who have a telephone, each number once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel
from services.mailing.persistence.gate import BANNED
from services.mailing.persistence.rules import Condition

SHARING = 20
"""How many others of one number are named; all are counted."""


@dataclass(frozen=True, slots=True)
class After:
    """The place of the last row of a page; texts as `key` columns hold them."""

    at_customer: bool
    customer: str
    customer_id: UUID
    person: str
    contact_id: UUID


@dataclass(frozen=True, slots=True)
class CallPage:
    """Some numbers to call, and how many there are of what in the whole segment."""

    members: int
    without_number: int
    numbers: int
    banned: int
    rows: Sequence[Row[Any]]


async def call_page(
    connection: AsyncConnection,
    rule: Condition,
    *,
    marketing: bool,
    now: datetime,
    after: After | None,
    limit: int,
) -> CallPage:
    """
    Return numbers in the order of customer, then person; those without a customer come last.

    A member is called by his mobile, else by his telephone. For marketing those who banned calls
    are left out, by the text that hand-offs ask. Of all persons and customers under one number the
    first makes the row, and the others are named in it.
    """
    place = after or After(True, "", UUID(int=0), "", UUID(int=0))
    result = await connection.execute(
        text(rule.within(_PAGE)),
        {
            **rule.parameters,
            "channel": Channel.CALL,
            "customer_id": None,
            "marketing": marketing,
            "now": now,
            "first": after is None,
            "at_customer": place.at_customer,
            "customer": place.customer,
            "at_customer_id": place.customer_id,
            "person": place.person,
            "contact_id": place.contact_id,
            "limit": limit,
            "sharing": SHARING,
        },
    )
    rows = result.all()
    totals = rows[0]
    return CallPage(
        members=totals.members,
        without_number=totals.without_number,
        numbers=totals.numbers,
        banned=totals.banned,
        rows=[row for row in rows if row.phone is not None],
    )


# The key columns are cut so that a cursor stays short; ids decide among those who share the rest.
# One statement gives the page and the totals, so the members are looked for once.
_ORDER = "no_customer, customer_key, customer_id_key, person_key, contact_id"
_PAGE = f"""
    WITH member AS MATERIALIZED (
        SELECT contact_id, first_name, last_name, call_key AS phone,
               CAST(:marketing AS boolean) AND call_key IS NOT NULL AND {BANNED} AS banned
        FROM contact WHERE NOT contact.deleted AND ({{rule}})),
    place AS (
        SELECT member.contact_id, member.first_name, member.last_name, member.phone, link.role,
               link.customer_id, link.name, link.number,
               link.customer_id IS NULL AS no_customer,
               coalesce(left(lower(link.name), 60), '') AS customer_key,
               coalesce(link.customer_id, '00000000-0000-0000-0000-000000000000')
                   AS customer_id_key,
               left(lower(member.last_name || ' ' || member.first_name), 60) AS person_key
        FROM member
        LEFT JOIN (SELECT link.contact_id, link.role, customer.customer_id, customer.name,
                          customer.number
                   FROM contact_customer AS link JOIN customer USING (customer_id)
                   WHERE NOT customer.deleted) AS link ON link.contact_id = member.contact_id
        WHERE member.phone IS NOT NULL AND NOT member.banned),
    ranked AS (
        SELECT place.*, row_number() OVER (PARTITION BY phone ORDER BY {_ORDER}) AS turn,
               count(*) OVER (PARTITION BY phone) AS places
        FROM place),
    page AS (
        SELECT ranked.* FROM ranked
        WHERE turn = 1
          AND (:first OR ({_ORDER})
               > (NOT CAST(:at_customer AS boolean), :customer, CAST(:at_customer_id AS uuid),
                  :person, CAST(:contact_id AS uuid)))
        ORDER BY {_ORDER} LIMIT :limit),
    others AS (
        SELECT ranked.phone,
               jsonb_agg(jsonb_build_object(
                   'contact_id', ranked.contact_id, 'first_name', ranked.first_name,
                   'last_name', ranked.last_name, 'role', ranked.role,
                   'customer_id', ranked.customer_id, 'customer_name', ranked.name,
                   'customer_number', ranked.number) ORDER BY ranked.turn) AS named
        FROM ranked JOIN page USING (phone)
        WHERE ranked.turn BETWEEN 2 AND :sharing + 1 GROUP BY ranked.phone),
    totals AS (
        SELECT count(*) AS members, count(*) FILTER (WHERE phone IS NULL) AS without_number,
               count(*) FILTER (WHERE banned) AS banned,
               count(DISTINCT phone) FILTER (WHERE NOT banned) AS numbers
        FROM member)
    SELECT totals.members, totals.without_number, totals.numbers, totals.banned,
           page.phone, page.contact_id, page.first_name, page.last_name, page.role,
           page.customer_id, page.name, page.number,
           NOT page.no_customer AS at_customer, page.customer_key, page.customer_id_key,
           page.person_key, page.places - 1 AS sharing, coalesce(others.named, '[]') AS also
    FROM totals LEFT JOIN page ON TRUE LEFT JOIN others USING (phone)
    ORDER BY {_ORDER.replace("contact_id", "page.contact_id")}
"""
