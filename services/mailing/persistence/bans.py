"""Bans: on subjects, as customers tells them, and on addresses, which they cover or which we ban.

Whoever changes the bans of an address holds its gate row exclusively.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel
from services.mailing.domain.keys import CONTACT_PREFIX, direct_subject

BanAddress = tuple[str, str, str]
"""Channel, address key and the subject who is banned."""


@dataclass(frozen=True, slots=True)
class SubjectBans:
    """The bans of one subject as of one consent number."""

    subject: str
    consent_seq: int
    email: bool
    sms: bool
    post: bool

    def has(self, channel: Channel) -> bool:
        """Tell whether the channel is banned."""
        return {Channel.EMAIL: self.email, Channel.SMS: self.sms, Channel.POST: self.post}[channel]


@dataclass(frozen=True, slots=True)
class PendingBan:
    """A ban that is accepted and waits for its fence."""

    ban_id: UUID
    channel: str
    address: str


async def serialise(connection: AsyncConnection) -> None:
    """Let one transaction at a time relate contacts and bans.

    Otherwise a contact's new address and a new ban on the contact, committed side by side, would
    each miss the other.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(8433311)"))


async def save_subjects(connection: AsyncConnection, rows: Sequence[SubjectBans]) -> set[str]:
    """Take over the bans that are newer than what stands; return the subjects that changed."""
    result = await connection.execute(
        _SUBJECTS,
        {
            "subjects": [row.subject for row in rows],
            "seqs": [row.consent_seq for row in rows],
            "email": [row.email for row in rows],
            "sms": [row.sms for row in rows],
            "post": [row.post for row in rows],
        },
    )
    return {subject for (subject,) in result}


async def addresses_of(connection: AsyncConnection, subjects: Iterable[str]) -> list[BanAddress]:
    """Return the addresses that these subjects ban now."""
    result = await connection.execute(_ADDRESSES, {"subjects": sorted(subjects)})
    return [(row.channel, row.address_key, row.subject) for row in result]


async def projected_addresses(
    connection: AsyncConnection, subjects: Iterable[str]
) -> list[BanAddress]:
    """Return the addresses that those of these subjects have who are live contacts."""
    contacts = sorted(subject for subject in subjects if subject.startswith(CONTACT_PREFIX))
    result = await connection.execute(_PROJECTED, {"subjects": contacts})
    return [(row.channel, row.address_key, row.subject) for row in result]


async def uncovered_addresses(
    connection: AsyncConnection, contact_ids: Sequence[UUID]
) -> list[BanAddress]:
    """Return the addresses of banned contacts that are not banned themselves yet."""
    result = await connection.execute(_UNCOVERED, {"ids": list(contact_ids)})
    return [(row.channel, row.address_key, row.subject) for row in result]


async def cover(connection: AsyncConnection, rows: Sequence[BanAddress]) -> None:
    """Ban addresses for their subjects; what is banned already stays."""
    if rows:
        await connection.execute(_COVER, _columns(rows))


async def uncover(connection: AsyncConnection, rows: Sequence[BanAddress]) -> None:
    """Lift the bans of addresses for these subjects only."""
    if rows:
        await connection.execute(_UNCOVER, _columns(rows))


async def find_direct(connection: AsyncConnection, ban_id: UUID) -> BanAddress | None:
    """Return the direct ban of this id, or None."""
    found = await addresses_of(connection, [direct_subject(ban_id)])
    return found[0] if found else None


async def add_pending(
    connection: AsyncConnection,
    *,
    ban_id: UUID,
    channel: Channel,
    address: str,
    source: str,
    at: datetime,
) -> None:
    """Remember a ban whose fence is still to come."""
    await connection.execute(
        _ADD_PENDING,
        {"ban_id": ban_id, "channel": channel, "address": address, "source": source, "at": at},
    )


async def pending_ids(connection: AsyncConnection) -> list[UUID]:
    """Return the oldest bans that wait for their fence."""
    result = await connection.execute(
        text("SELECT ban_id FROM pending_ban ORDER BY at, ban_id LIMIT 500")
    )
    return [ban_id for (ban_id,) in result]


async def take_pending(connection: AsyncConnection, ban_id: UUID) -> PendingBan | None:
    """Remove a pending ban, to fence or to lift it; None if another has."""
    row = (
        await connection.execute(
            text("DELETE FROM pending_ban WHERE ban_id = :id RETURNING ban_id, channel, address"),
            {"id": ban_id},
        )
    ).one_or_none()
    return None if row is None else PendingBan(row.ban_id, row.channel, row.address)


async def why_banned(
    connection: AsyncConnection, contact_id: UUID, channel: Channel
) -> list[tuple[str, list[str]]]:
    """Return the closed gates of a contact: each key, and the subjects whose bans close it."""
    result = await connection.execute(_WHY, {"id": contact_id, "channel": channel})
    return [(row.key, list(row.subjects)) for row in result]


def _columns(rows: Sequence[BanAddress]) -> dict[str, list[str]]:
    ordered = sorted(set(rows))
    return {
        "channels": [channel for channel, _, _ in ordered],
        "addresses": [address for _, address, _ in ordered],
        "subjects": [subject for _, _, subject in ordered],
    }


_SUBJECTS = text(
    """
    INSERT INTO ban_subject (subject, consent_seq, email, sms, post)
    SELECT subject, seq, email, sms, post
    FROM unnest(CAST(:subjects AS text[]), CAST(:seqs AS bigint[]), CAST(:email AS boolean[]),
                CAST(:sms AS boolean[]), CAST(:post AS boolean[]))
         AS new (subject, seq, email, sms, post)
    ORDER BY subject
    ON CONFLICT (subject) DO UPDATE SET consent_seq = EXCLUDED.consent_seq,
        email = EXCLUDED.email, sms = EXCLUDED.sms, post = EXCLUDED.post
    WHERE EXCLUDED.consent_seq > ban_subject.consent_seq
    RETURNING subject
    """
)
_ADDRESSES = text(
    """
    SELECT channel, address_key, subject FROM ban_address
    WHERE subject = ANY(CAST(:subjects AS text[]))
    """
)
_PROJECTED = text(
    """
    SELECT has.channel, has.address_key, wanted.subject
    FROM unnest(CAST(:subjects AS text[])) AS wanted (subject)
    JOIN contact ON contact.contact_id = CAST(substr(wanted.subject, 9) AS uuid)
    CROSS JOIN LATERAL (VALUES ('email', contact.email_key), ('sms', contact.sms_key),
                               ('post', contact.post_key)) AS has (channel, address_key)
    WHERE NOT contact.deleted AND has.address_key IS NOT NULL
    """
)
_UNCOVERED = text(
    """
    SELECT has.channel, has.address_key, banned.subject
    FROM unnest(CAST(:ids AS uuid[])) AS changed (contact_id)
    JOIN contact USING (contact_id)
    JOIN ban_subject AS banned ON banned.subject = 'contact:' || CAST(contact_id AS text)
    CROSS JOIN LATERAL (VALUES ('email', contact.email_key, banned.email),
                               ('sms', contact.sms_key, banned.sms),
                               ('post', contact.post_key, banned.post))
        AS has (channel, address_key, banned)
    WHERE NOT contact.deleted AND has.banned AND has.address_key IS NOT NULL
      AND NOT EXISTS (SELECT FROM ban_address AS there
                      WHERE there.channel = has.channel AND there.address_key = has.address_key
                        AND there.subject = banned.subject)
    """
)
_COVER = text(
    """
    INSERT INTO ban_address (channel, address_key, subject)
    SELECT channel, address_key, subject
    FROM unnest(CAST(:channels AS text[]), CAST(:addresses AS text[]), CAST(:subjects AS text[]))
         AS new (channel, address_key, subject)
    ON CONFLICT DO NOTHING
    """
)
_UNCOVER = text(
    """
    DELETE FROM ban_address USING unnest(CAST(:channels AS text[]), CAST(:addresses AS text[]),
                                         CAST(:subjects AS text[]))
        AS gone (channel, address_key, subject)
    WHERE ban_address.channel = gone.channel AND ban_address.address_key = gone.address_key
      AND ban_address.subject = gone.subject
    """
)
_ADD_PENDING = text(
    """
    INSERT INTO pending_ban (ban_id, channel, address, source, at)
    VALUES (:ban_id, :channel, :address, :source, :at)
    """
)
_WHY = text(
    """
    WITH asked AS (
        SELECT 'contact:' || CAST(contact_id AS text) AS key, NULL AS address
        FROM contact WHERE contact_id = :id
        UNION ALL
        SELECT 'customer:' || CAST(customer_id AS text), NULL
        FROM contact_customer WHERE contact_id = :id
        UNION ALL
        SELECT 'address:' || address, address
        FROM (SELECT CASE CAST(:channel AS text) WHEN 'email' THEN email_key
                          WHEN 'sms' THEN sms_key WHEN 'post' THEN post_key END AS address
              FROM contact WHERE contact_id = :id) AS has
        WHERE address IS NOT NULL
    )
    SELECT asked.key,
           CASE WHEN asked.address IS NULL THEN ARRAY[asked.key]
           ELSE ARRAY(SELECT subject FROM ban_address
                      WHERE channel = CAST(:channel AS text) AND address_key = asked.address
                      UNION SELECT 'direct:' || CAST(ban_id AS text) FROM pending_ban
                      WHERE channel = CAST(:channel AS text)
                        AND pending_ban.address = asked.address)
           END AS subjects
    FROM asked
    WHERE EXISTS (SELECT FROM gate WHERE gate.key = asked.key AND gate.banned
                                     AND gate.channel = CAST(:channel AS text))
       OR EXISTS (SELECT FROM pending_ban WHERE pending_ban.address = asked.address
                                            AND pending_ban.channel = CAST(:channel AS text))
    ORDER BY asked.key
    """
)
