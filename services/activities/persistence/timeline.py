"""Timelines: activities and milestones in one order, the newest first.

A page is one statement. Each of its sources is one range of an index per record of the family (the
record and all that were merged into it), begins behind the cursor and ends with the page; details
are fetched for the rows of the page alone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.lists import ACTIVITY_CATEGORY, ACTIVITY_KIND, ACTIVITY_TYPE
from services.activities.domain.milestones import SINGULAR

_LAST = UUID(int=2**128 - 1)
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_EVER = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class After:
    """The last entry of the page before; `kind` and `key` of an activity are empty."""

    at: datetime
    kind: str
    key: str
    id: UUID


START = After(_NEVER, "", "", _LAST)
"""Before the first entry of all."""


@dataclass(frozen=True, slots=True)
class Narrow:
    """What of a timeline is wanted; values of lists by number. `until` is no longer included."""

    activities: bool = True
    milestones: bool = True
    categories: Collection[int] = ()
    kinds: Collection[int] = ()
    types: Collection[int] = ()
    seller: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def customer_timeline(
    connection: AsyncConnection, customer_id: UUID, narrow: Narrow, *, after: After, limit: int
) -> Sequence[Row[Any]]:
    """Return the entries of a customer, and of all that were merged into it, behind another."""
    sources = [_activities("customer", narrow)] if narrow.activities else []
    sources += [_MILESTONES] if narrow.milestones else []
    if not sources:
        return []
    return await _entries(connection, "customer", sources, customer_id, narrow, after, limit)


async def contact_timeline(
    connection: AsyncConnection, contact_id: UUID, narrow: Narrow, *, after: After, limit: int
) -> Sequence[Row[Any]]:
    """Return what was done with a contact, or one merged into it, behind another entry."""
    sources = [_activities("contact", narrow)]
    return await _entries(connection, "contact", sources, contact_id, narrow, after, limit)


async def _entries(
    connection: AsyncConnection,
    record: str,
    sources: Sequence[str],
    record_id: UUID,
    narrow: Narrow,
    after: After,
    limit: int,
) -> Sequence[Row[Any]]:
    result = await connection.execute(
        text(_statement(record, sources)),
        {
            "id": record_id,
            "singular": sorted(SINGULAR),
            "categories": list(narrow.categories),
            "kinds": list(narrow.kinds),
            "types": list(narrow.types),
            "seller": narrow.seller,
            "since": narrow.since or _EVER,
            "until": narrow.until or _NEVER,
            "at": after.at,
            "after_kind": after.kind,
            "after_key": after.key,
            "after_id": after.id,
            # At the same moment milestones come first, so all activities are behind one.
            "after_activity": _LAST if after.kind else after.id,
            "limit": limit,
        },
    )
    return result.all()


def _statement(record: str, sources: Sequence[str]) -> str:
    entries = " UNION ALL ".join(f"({source})" for source in sources)
    return f"""
        WITH RECURSIVE family (id) AS (
            SELECT CAST(:id AS uuid)
            UNION
            SELECT merged.{record}_id FROM {record} AS merged
            JOIN family ON merged.merged_into = family.id
        ), page AS (
            SELECT at, kind, key, id FROM ({entries}) AS entry
            ORDER BY at DESC, kind DESC, key DESC, id DESC LIMIT :limit
        )
        {_DETAILS}
    """


def _activities(record: str, narrow: Narrow) -> str:
    source, held, at = (
        ("activity", "activity.customer_id", "activity.starts_at")
        if record == "customer"
        else (
            "activity_contact AS place JOIN activity USING (activity_id)",
            "place.contact_id",
            "place.starts_at",
        )
    )
    conditions = "".join(f" AND {one}" for one in _narrowing(narrow))
    # DISTINCT, for one activity may be with a contact and with one that was merged into it.
    return f"""
        SELECT DISTINCT found.at, '' AS kind, '' AS key, found.id
        FROM family CROSS JOIN LATERAL (
            SELECT {at} AS at, activity_id AS id FROM {source}
            WHERE {held} = family.id AND activity.deleted_at IS NULL
              AND ({at}, activity_id)
                < (CAST(:at AS timestamptz), CAST(:after_activity AS uuid))
              AND {at} >= :since AND {at} < :until {conditions}
            ORDER BY {at} DESC, activity_id DESC LIMIT :limit
        ) AS found
    """


def _narrowing(narrow: Narrow) -> list[str]:
    conditions = [
        f"activity.{column} = ANY(ARRAY(SELECT key FROM list_value WHERE list = '{name}' "
        f"AND number = ANY(CAST(:{wanted} AS integer[]))))"
        for column, name, wanted, numbers in (
            ("category", ACTIVITY_CATEGORY, "categories", narrow.categories),
            ("kind", ACTIVITY_KIND, "kinds", narrow.kinds),
            ("type", ACTIVITY_TYPE, "types", narrow.types),
        )
        if numbers
    ]
    if narrow.seller is not None:
        conditions.append(
            "(activity.seller = :seller OR CAST(:seller AS text) = ANY(activity.participants))"
        )
    return conditions


_MILESTONES = """
    SELECT found.at, found.kind, found.key, family.id
    FROM family CROSS JOIN LATERAL (
        SELECT at, kind, key FROM milestone
        WHERE customer_id = family.id AND NOT withdrawn
          AND (at, kind, key, customer_id)
            < (CAST(:at AS timestamptz), CAST(:after_kind AS text), CAST(:after_key AS text),
               CAST(:after_id AS uuid))
          AND at >= :since AND at < :until
          AND (family.id = :id OR kind <> ALL(CAST(:singular AS text[])))
        ORDER BY at DESC, kind DESC, key DESC LIMIT :limit
    ) AS found
"""


def _value(key: str) -> str:
    return f"""(SELECT jsonb_build_object('number', number, 'title', title, 'titles', titles)
        FROM list_value WHERE list_value.key = {key})"""


def _status(fact: str) -> str:
    return f"""(SELECT jsonb_build_object('number', number, 'title', title, 'titles', titles)
        FROM classification WHERE token = 'customer_status/' || (milestone.facts ->> '{fact}'))"""


_DETAILS = f"""
    SELECT page.at, page.kind, page.key, page.id, customer.customer_id,
           customer.name AS customer_name, activity.subject, activity.state, activity.ends_at,
           activity.due_at, activity.channel, activity.direction, activity.opportunity_id,
           activity.seller, {_value("activity.category")} AS category,
           {_value("activity.kind")} AS activity_kind, {_value("activity.type")} AS type,
           ARRAY(SELECT jsonb_build_object('number', number, 'title', title, 'titles', titles)
                 FROM list_value WHERE list_value.key = ANY(activity.attributes)
                 ORDER BY position, number) AS attributes,
           (SELECT name FROM seller WHERE seller.seller = activity.seller) AS seller_name,
           ARRAY(SELECT jsonb_build_object('seller', named.seller, 'name', coalesce(
                     (SELECT name FROM seller WHERE seller.seller = named.seller), ''))
                 FROM unnest(activity.participants) WITH ORDINALITY AS named (seller, place)
                 ORDER BY named.place) AS participants,
           ARRAY(SELECT jsonb_build_object('contact_id', contact_id, 'name', contact.name)
                 FROM activity_contact JOIN contact USING (contact_id)
                 WHERE activity_contact.activity_id = activity.activity_id
                 ORDER BY contact.name, contact_id) AS contacts,
           (SELECT count(*) FROM attachment
            WHERE attachment.activity_id = activity.activity_id AND attachment.deleted_at IS NULL)
               AS attachments,
           milestone.facts, {_status("status_before")} AS status_before,
           {_status("status_after")} AS status_after
    FROM page
    LEFT JOIN activity ON page.kind = '' AND activity.activity_id = page.id
    LEFT JOIN milestone ON page.kind <> '' AND milestone.customer_id = page.id
                       AND milestone.key = page.key AND milestone.kind = page.kind
    LEFT JOIN customer ON customer.customer_id
                        = coalesce(activity.customer_id, milestone.customer_id)
    ORDER BY page.at DESC, page.kind DESC, page.key DESC, page.id DESC
"""
