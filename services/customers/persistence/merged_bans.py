"""
Statements that hand bans on where merged records part, or are merged once more.

Who bans a record bans all that are one with it at that moment, so none of them is freed by parting.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def hand_on_customer_bans(
    connection: AsyncConnection,
    *,
    parted: Collection[UUID],
    merged: Collection[UUID],
    now: datetime,
) -> list[UUID]:
    """
    Give those who live again the bans that their survivors got meanwhile, and survivors the bans of
    those who were merged into them again; return who got any.
    """
    result = await connection.execute(
        _CUSTOMERS, {"parted": list(parted), "merged": list(merged), "now": now}
    )
    return list(result.scalars())


async def hand_on_contact_bans(
    connection: AsyncConnection,
    *,
    parted: Collection[UUID],
    merged: Collection[UUID],
    bans: Collection[int],
    now: datetime,
) -> list[UUID]:
    """Do the same with the bans of contacts; `bans` are the numbers of their attributes."""
    result = await connection.execute(
        _CONTACTS,
        {"parted": list(parted), "merged": list(merged), "bans": list(bans), "now": now},
    )
    return list(result.scalars())


def _last_merge(record: str, of: str) -> str:
    return f"""(
        SELECT CAST(after ->> 'merged_into' AS uuid) AS heir, history_id, operation_id
        FROM history WHERE record = '{record}' AND record_id = {of}
          AND after ->> 'merged_into' IS NOT NULL
        ORDER BY history_id DESC LIMIT 1)"""


def _above(record: str) -> str:
    """Return who stood for those who live again, by the last merge, to the end of the chain."""
    return f"""
        above AS (
            SELECT alone AS id, merge.*
            FROM unnest(CAST(:parted AS uuid[])) AS alone
            CROSS JOIN LATERAL {_last_merge(record, "alone")} AS merge
            UNION
            SELECT above.id, merge.* FROM above
            JOIN {record} ON {record}.{record}_id = above.heir AND {record}.merged_into IS NOT NULL
            CROSS JOIN LATERAL {_last_merge(record, f"{record}.{record}_id")} AS merge)"""


def _first_change(record: str, field: str) -> str:
    """Return what the heir had of a field from the merge until it changed for the first time."""
    return f"""(
        SELECT before -> '{field}' FROM history
        WHERE record = '{record}' AND record_id = above.heir AND after ? '{field}'
          AND history_id > above.history_id AND operation_id IS DISTINCT FROM above.operation_id
        ORDER BY history_id LIMIT 1)"""


def _banned_since(field: str) -> str:
    return f"heir.{field} AND {_first_change('customer', field)} = 'false' AS {field}"


_CUSTOMERS = text(
    f"""
    WITH RECURSIVE {_above("customer")}, handed AS (
        SELECT above.id, {_banned_since("ban_email")}, {_banned_since("ban_sms")},
               {_banned_since("ban_post")}
        FROM above JOIN customer AS heir ON heir.customer_id = above.heir
        UNION ALL
        SELECT merged_into, ban_email, ban_sms, ban_post FROM customer
        WHERE customer_id = ANY(CAST(:merged AS uuid[]))
    ), banned AS (
        SELECT id, coalesce(bool_or(ban_email), false) AS email,
               coalesce(bool_or(ban_sms), false) AS sms, coalesce(bool_or(ban_post), false) AS post
        FROM handed GROUP BY id
    )
    UPDATE customer SET ban_email = ban_email OR banned.email, ban_sms = ban_sms OR banned.sms,
                        ban_post = ban_post OR banned.post,
                        version = version + 1, updated_at = :now
    FROM banned
    WHERE customer_id = banned.id
      AND (banned.email > ban_email OR banned.sms > ban_sms OR banned.post > ban_post)
    RETURNING customer_id
    """
)
_CONTACTS = text(
    f"""
    WITH RECURSIVE {_above("contact")}, handed AS (
        SELECT above.id, ban FROM above JOIN contact AS heir ON heir.contact_id = above.heir
        CROSS JOIN LATERAL unnest(heir.attributes) AS ban
        WHERE NOT {_first_change("contact", "attributes")} @> to_jsonb(ban)
        UNION
        SELECT merged_into, ban FROM contact CROSS JOIN LATERAL unnest(attributes) AS ban
        WHERE contact_id = ANY(CAST(:merged AS uuid[]))
    ), banned AS (
        SELECT id, array_agg(DISTINCT ban) AS bans FROM handed
        WHERE ban = ANY(CAST(:bans AS int[])) GROUP BY id
    )
    UPDATE contact SET version = version + 1, updated_at = :now,
        attributes = ARRAY(SELECT DISTINCT held FROM unnest(attributes || bans) AS held
                           ORDER BY held)
    FROM banned
    WHERE contact_id = banned.id AND NOT attributes @> bans
    RETURNING contact_id
    """
)
