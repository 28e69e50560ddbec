"""The search for activities, the newest first: a page is one range of an index wherever one fits.

A fragment of text has no index: it is looked for among a bounded number of those that match
otherwise, and where the page is not full then, it ends behind the last one that was looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.lists import (
    ACTIVITY_ATTRIBUTE,
    ACTIVITY_CATEGORY,
    ACTIVITY_KIND,
    ACTIVITY_TYPE,
)
from services.activities.domain.search import ActivityFilter
from shared.chassis.conditions import Conditions, escaped
from shared.lists.store import keys_of
from shared.projection.merged import with_merged

FEW_HITS = 4000
LOOKED_AT_MOST = 10_000
"""Among so many activities does one page look for a fragment of text."""

_SINGLE = {ACTIVITY_CATEGORY: "category", ACTIVITY_KIND: "kind", ACTIVITY_TYPE: "type"}

Place = tuple[datetime, UUID]
"""Where a row stands: when it began, or was deleted, and its id."""


@dataclass(slots=True)
class _Query(Conditions):
    """What finds activities, and what they are sorted by."""

    order: str = field(kw_only=True)


async def search_activities(
    connection: AsyncConnection, wanted: ActivityFilter, *, after: Place | None, limit: int
) -> tuple[list[UUID], Place | None]:
    """Return the ids of a page of activities behind a place, and the place where it ends.

    There is none where nothing is left. Where a text is looked for, a page may be short before.
    """
    query = await _prepared(connection, wanted)
    if query is None:
        return [], None
    if after is not None:
        query.add(
            f"({query.order}, activity_id) < (CAST(:at AS timestamptz), CAST(:last AS uuid))",
            at=after[0],
            last=after[1],
        )
    rows = await _page(connection, query, wanted.text, limit + 1)
    if len(rows) > limit:
        last = rows[limit - 1]
        return [row.activity_id for row in rows[:limit]], (last.place, last.activity_id)
    end = None if wanted.text is None else await _last_looked_at(connection, query)
    return [row.activity_id for row in rows], end


async def _page(
    connection: AsyncConnection, query: _Query, fragment: str | None, limit: int
) -> Sequence[Row[Any]]:
    looked_for = "" if fragment is None else ", subject, memo"
    page = f"""
        SELECT activity_id, {query.order} AS place {looked_for} FROM activity
        WHERE {query.where} ORDER BY {query.order} DESC, activity_id DESC LIMIT :most
    """
    values = {**query.values, "most": limit}
    if fragment is not None:
        values |= {"most": LOOKED_AT_MOST, "pattern": f"%{escaped(fragment)}%", "limit": limit}
        page = f"""
            SELECT activity_id, place FROM ({page}) AS looked_at
            WHERE lower(subject) LIKE lower(:pattern) OR lower(memo) LIKE lower(:pattern)
            ORDER BY place DESC, activity_id DESC LIMIT :limit
        """
    return (await connection.execute(text(page), values)).all()


async def _last_looked_at(connection: AsyncConnection, query: _Query) -> Place | None:
    result = await connection.execute(
        text(
            f"""
            SELECT {query.order} AS place, activity_id FROM activity WHERE {query.where}
            ORDER BY {query.order} DESC, activity_id DESC LIMIT 1 OFFSET :before
            """
        ),
        {**query.values, "before": LOOKED_AT_MOST - 1},
    )
    row = result.one_or_none()
    return None if row is None else (row.place, row.activity_id)


async def _prepared(connection: AsyncConnection, wanted: ActivityFilter) -> _Query | None:
    """Return what finds activities; None where nothing can match."""
    query = (
        _Query(["deleted_at IS NOT NULL"], order="deleted_at")
        if wanted.deleted
        else _Query(["deleted_at IS NULL"], order="starts_at")
    )
    if wanted.customer_id is not None:
        query.add_one_of(
            "customer_id", "uuid", await with_merged(connection, "customer", wanted.customer_id)
        )
    if wanted.contact_id is not None:
        contacts = await with_merged(connection, "contact", wanted.contact_id)
        query.add(
            "activity_id IN (SELECT activity_id FROM activity_contact "
            "WHERE contact_id = ANY(CAST(:contacts AS uuid[])))",
            contacts=contacts,
        )
    if wanted.opportunity_id is not None:
        query.add_one_of("opportunity_id", "uuid", [wanted.opportunity_id])
    if wanted.seller is not None:
        query.add_one_of("seller", "text", [wanted.seller])
    if wanted.state is not None:
        query.add_one_of("state", "text", [wanted.state])
    if wanted.since is not None:
        query.add("starts_at >= :since", since=wanted.since)
    if wanted.until is not None:
        query.add("starts_at < :until", until=wanted.until)
    keys = await _keys(connection, wanted)
    if keys is None:
        return None
    for name, column in _SINGLE.items():
        if keys[name]:
            query.add_one_of(column, "int", keys[name])
    await _add_arrays(connection, query, keys[ACTIVITY_ATTRIBUTE], wanted.participant)
    return query


async def _add_arrays(
    connection: AsyncConnection, query: _Query, attributes: Sequence[int], participant: str | None
) -> None:
    """Add what arrays must hold, which few may: those are named, for the planner cannot know it."""
    looked_up = Conditions(query.conditions[:1])
    if attributes:
        looked_up.add("attributes @> CAST(:attributes AS int[])", attributes=list(attributes))
    if participant is not None:
        looked_up.add("participants @> ARRAY[CAST(:participant AS text)]", participant=participant)
    if not looked_up.values:
        return
    # Hits come and go as one text: thousands of ids would cost more to read than to find.
    found = await connection.execute(
        text(
            f"""
            SELECT cardinality(hits) AS many, CAST(hits AS text) AS hits
            FROM (SELECT ARRAY(SELECT activity_id FROM activity WHERE {looked_up.where}
                               LIMIT :few) AS hits) AS found
            """
        ),
        {**looked_up.values, "few": FEW_HITS + 1},
    )
    many, hits = found.one()
    if many <= FEW_HITS:
        query.add("activity_id = ANY(CAST(CAST(:hits AS text) AS uuid[]))", hits=hits)
    else:
        query.add(" AND ".join(looked_up.conditions[1:]), **looked_up.values)


async def _keys(connection: AsyncConnection, wanted: ActivityFilter) -> dict[str, list[int]] | None:
    """Return by list the keys of the values asked for; None where nothing can hold them."""
    named: dict[str, Sequence[int]] = {
        **{name: getattr(wanted, column) for name, column in _SINGLE.items()},
        ACTIVITY_ATTRIBUTE: wanted.attribute,
    }
    keys = await keys_of(connection, named)
    one_each = all(keys[name] for name, numbers in named.items() if numbers)
    every = len(keys[ACTIVITY_ATTRIBUTE]) == len(set(wanted.attribute))
    return keys if one_each and every else None


async def fetch_shown(
    connection: AsyncConnection, activity_ids: Sequence[UUID], *, language: str | None
) -> Sequence[Row[Any]]:
    """Return activities in the order of these ids, what they name by its name; one statement."""
    result = await connection.execute(_SHOWN, {"ids": list(activity_ids), "language": language})
    return result.all()


def _value(condition: str) -> str:
    return f"""
        SELECT jsonb_build_object('number', number,
                                  'title', coalesce(titles ->> CAST(:language AS text), title))
               AS shown
        FROM list_value WHERE {condition} ORDER BY number
    """


_PEOPLE = """
    SELECT jsonb_build_object('seller', seller.seller, 'name', name) AS shown
    FROM seller WHERE {condition} ORDER BY seller.seller
"""
_SHOWN = text(
    f"""
    SELECT activity.activity_id, activity.version, activity.opportunity_id, activity.follows,
           activity.state, activity.starts_at, activity.ends_at, activity.due_at,
           activity.channel, activity.direction, activity.subject,
           left(activity.memo, 200) AS excerpt, activity.counts_to_target, activity.created_at,
           activity.updated_at, activity.deleted_at,
           jsonb_build_object('customer_id', customer.customer_id, 'number', customer.number,
                              'name', customer.name) AS customer,
           ARRAY(SELECT jsonb_build_object('contact_id', contact_id, 'name', name) FROM contact
                 WHERE contact_id = ANY(activity.contacts) ORDER BY name, contact_id) AS contacts,
           ({_value("key = activity.category")}) AS category,
           ({_value("key = activity.kind")}) AS kind,
           ({_value("key = activity.type")}) AS type,
           ARRAY({_value("key = ANY(activity.attributes)")}) AS attributes,
           ({_PEOPLE.format(condition="seller.seller = activity.seller")}) AS seller,
           ARRAY({_PEOPLE.format(condition="seller.seller = ANY(activity.participants)")})
               AS participants
    FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS page (activity_id, place)
    JOIN activity USING (activity_id)
    JOIN customer USING (customer_id)
    ORDER BY page.place
    """
)
