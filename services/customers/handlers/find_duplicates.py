"""Suggest records that may be one and the same; a person decides, by a merge or a dismissal."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.duplicates import RULES, SCORES, SHARED_BY_MANY, Reason, Rule
from services.customers.handlers.live import live_contact, live_customer
from services.customers.persistence import duplicates as store
from services.customers.persistence.contacts import fetch_contacts
from services.customers.persistence.customers import fetch_customers
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork

# So many keys are looked at for one page, whatever is dismissed of them: its cost is bounded.
LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Group:
    """Records that agree in something; `count` is more than those shown where there are many."""

    reason: Reason
    score: float
    records: tuple[Row[Any], ...]
    count: int


Cursor = tuple[int, tuple[str, ...]]
"""The rule that a page ended in, and the last key it looked at."""


async def find_duplicates(
    connection: AsyncConnection, record: str, *, after: Cursor | None, limit: int
) -> tuple[list[Group], Cursor | None]:
    """Return a page of suggestions, the strongest reasons first, and where to go on."""
    groups: list[Group] = []
    looked_at = 0
    begin, key = after or (0, None)
    rules = RULES[record]
    for place in range(begin, len(rules)):
        rule = rules[place]
        while True:
            wanted = limit - len(groups)
            keys = await store.shared_keys(connection, record, rule, after=key, limit=wanted)
            groups += await _groups(connection, record, rule, keys)
            looked_at += len(keys)
            if len(keys) < wanted:
                break
            key = keys[-1]
            if len(groups) == limit or looked_at >= LOOKED_AT:
                return groups, (place, key)
        key = None
    return groups, None


async def duplicates_of(
    connection: AsyncConnection, record: str, record_id: UUID
) -> list[tuple[Row[Any], float, list[Reason]]]:
    """Return who may be the same as one record, with the score and the reasons, the best first."""
    rules = RULES[record]
    own = await store.keys_of(connection, record, record_id, rules)
    found: dict[UUID, tuple[Row[Any], list[Reason]]] = {}
    for rule in rules if own is not None else ():
        key = tuple(getattr(own, column) for column in rule.columns)
        if None in key:
            continue
        for group in await _groups(connection, record, rule, [key], among=record_id):
            for row in group.records:
                if row.id != record_id:
                    found.setdefault(row.id, (row, []))[1].append(group.reason)
    scored = [
        (row, max(SCORES[reason] for reason in reasons), reasons) for row, reasons in found.values()
    ]
    return sorted(scored, key=lambda one: (-one[1], str(one[0].id)))


async def dismiss(record: str, one: UUID, other: UUID, uow: UnitOfWork) -> Row[Any]:
    """Remember that two records are different; return who said so first and when."""
    if one == other:
        raise InvalidField("other", "is the record itself", "Name two records.")
    if record == "customer":
        customers = await fetch_customers(uow.connection, [one, other])
        for customer_id in (one, other):
            if customer_id not in customers or customers[customer_id].merged_into is not None:
                live_customer(customers, customer_id)
    else:
        contacts = await fetch_contacts(uow.connection, [one, other])
        for contact_id in (one, other):
            live_contact(contacts, contact_id)
    await store.dismiss(uow.connection, record, one, other, now=uow.now)
    return await store.dismissal(uow.connection, record, one, other)


async def _groups(
    connection: AsyncConnection,
    record: str,
    rule: Rule,
    keys: Sequence[tuple[str, ...]],
    *,
    among: UUID | None = None,
) -> list[Group]:
    """Return what of these keys is to be suggested: not what is dismissed or shared by many."""
    if not keys:
        return []
    held = await store.holders(connection, record, rule, keys)
    ids = {row.id for rows in held.values() for row in rows}
    different = await store.dismissed(connection, record, ids)
    addresses = await store.addresses_of(connection, ids) if rule.reason is Reason.NAME else {}
    groups = []
    for key in keys:
        rows = held.get(key, [])
        if not rows or (rows[0].agreeing > SHARED_BY_MANY and not rule.any_number):
            continue
        pairs = [
            pair
            for pair in combinations(rows, 2)
            if frozenset(row.id for row in pair) not in different
            and not all(row.deleted for row in pair)
            and (among is None or among in {row.id for row in pair})
        ]
        if not pairs:
            continue
        near = [
            pair
            for pair in pairs
            if addresses.get(pair[0].id, set()) & addresses.get(pair[1].id, set())
        ]
        for reason, agreeing in (
            (Reason.NAME_AND_ADDRESS, near),
            (rule.reason, [pair for pair in pairs if pair not in near]),
        ):
            shown = {row.id for pair in agreeing for row in pair}
            records = tuple(row for row in rows if row.id in shown)
            if records:
                count = rows[0].agreeing if len(rows) < rows[0].agreeing else len(records)
                groups.append(Group(reason, SCORES[reason], records, count))
    return groups
