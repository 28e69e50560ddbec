"""What stops a contact on a channel: each closed gate, and those whose bans close it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel
from services.mailing.persistence.gate import ADDRESS, ADDRESS_HASH, CLOSED, NOW, UNKNOWN


async def why_banned(
    connection: AsyncConnection,
    contact_id: UUID,
    channel: Channel,
    *,
    topic: str | None,
    now: datetime,
) -> list[tuple[str, list[str]]]:
    """Return what is closed for a contact, each with the subjects whose bans close it."""
    result = await connection.execute(
        _WHY, {"id": contact_id, "channel": channel, "topic": topic, "now": now}
    )
    return [(row.key, list(row.subjects)) for row in result]


_STANDS = f"(ends_at IS NULL OR ends_at > {NOW})"
_WHY = text(
    f"""
    WITH asked AS (
        SELECT contact_id, {ADDRESS} AS address, {ADDRESS_HASH} AS hash, {UNKNOWN} AS unknown
        FROM contact WHERE contact_id = :id
    ), pending AS (
        SELECT ban_id, contact_id, address, topic FROM pending_ban
        WHERE channel = CAST(:channel AS text) AND {_STANDS}
    ), found (key, subject) AS (
        SELECT gate.key, gate.key FROM asked
        JOIN gate ON gate.key = 'contact:' || CAST(contact_id AS text)
        WHERE gate.channel = CAST(:channel AS text) AND {CLOSED}
        UNION
        SELECT gate.key, gate.key FROM asked JOIN contact_customer AS link USING (contact_id)
        JOIN gate ON gate.key = 'customer:' || CAST(link.customer_id AS text)
        WHERE gate.channel = CAST(:channel AS text) AND {CLOSED}
        UNION
        SELECT 'address:' || address, subject FROM asked
        JOIN ban_address ON ban_address.address_key = asked.address
        WHERE channel = CAST(:channel AS text) AND {_STANDS}
        UNION
        SELECT 'address:' || address, 'direct:' || CAST(ban_id AS text)
        FROM asked JOIN pending USING (address) WHERE topic IS NULL
        UNION
        SELECT 'address:' || address, 'suppression:' || reason FROM asked
        JOIN suppression ON address_hash = hash
        WHERE channel = CAST(:channel AS text)
        UNION
        SELECT 'contact:' || CAST(contact_id AS text), 'suppression:not-known-yet'
        FROM asked WHERE unknown
        UNION
        SELECT 'topic:' || topic, 'direct:' || CAST(ban_id AS text) FROM asked
        JOIN topic_ban ON topic_ban.key IN ('contact:' || CAST(contact_id AS text), hash)
        WHERE channel = CAST(:channel AS text) AND topic = CAST(:topic AS text) AND {_STANDS}
        UNION
        SELECT 'topic:' || topic, 'direct:' || CAST(ban_id AS text) FROM asked
        JOIN pending ON pending.contact_id = asked.contact_id OR pending.address = asked.address
        WHERE topic = CAST(:topic AS text)
    )
    SELECT key, array_agg(subject ORDER BY subject) AS subjects FROM found
    GROUP BY key ORDER BY key
    """
)
