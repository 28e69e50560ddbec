"""The consent gate in SQL: one text for what is banned, and the rows that a hand-off locks.

Counts, recipient lists, reachability and hand-off all use `ADDRESS`, `AT_CUSTOMER`, `BANNED` and
`TOPIC_BANNED`, so they cannot disagree. The texts speak of the alias `contact` and of the bind
parameters `:channel`, `:customer_id`, `:topic` and `:now`.
"""

from collections.abc import Iterable

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel
from services.mailing.domain.gate import Consent
from services.mailing.domain.keys import GateKey

ADDRESS = """
    CASE CAST(:channel AS text) WHEN 'email' THEN contact.email_key
                                WHEN 'sms' THEN contact.sms_key
                                WHEN 'post' THEN contact.post_key
                                WHEN 'call' THEN contact.call_key END
"""
ADDRESS_HASH = """
    CASE CAST(:channel AS text) WHEN 'email' THEN contact.email_hash
                                WHEN 'sms' THEN contact.sms_hash
                                WHEN 'post' THEN contact.post_hash
                                WHEN 'call' THEN contact.call_hash END
"""
AT_CUSTOMER = """
    (CAST(:customer_id AS uuid) IS NULL
     OR EXISTS (SELECT FROM contact_customer AS link
                WHERE link.contact_id = contact.contact_id
                  AND link.customer_id = CAST(:customer_id AS uuid)))
"""
NOW = "CAST(:now AS timestamptz)"
CLOSED = f"(gate.banned OR gate.banned_until > {NOW})"
# Whether an address is suppressed is known by its hash alone: without one it is closed.
UNKNOWN = "contact.hashed_version <> contact.version"
SUPPRESSED = f"""
    EXISTS (SELECT FROM suppression
            WHERE suppression.channel = CAST(:channel AS text)
              AND suppression.address_hash = {ADDRESS_HASH})
"""
# A ban that is accepted but not yet fenced counts at once: deny wins.
BANNED = f"""
    (EXISTS (SELECT FROM gate
             WHERE gate.channel = CAST(:channel AS text) AND {CLOSED}
               AND gate.key = 'contact:' || CAST(contact.contact_id AS text))
     OR EXISTS (SELECT FROM gate
                WHERE gate.channel = CAST(:channel AS text) AND {CLOSED}
                  AND gate.key = 'address:' || {ADDRESS})
     OR EXISTS (SELECT FROM contact_customer AS link
                JOIN gate ON gate.key = 'customer:' || CAST(link.customer_id AS text)
                WHERE link.contact_id = contact.contact_id
                  AND gate.channel = CAST(:channel AS text) AND {CLOSED}
                  AND (CAST(:customer_id AS uuid) IS NULL
                       OR link.customer_id = CAST(:customer_id AS uuid)))
     OR EXISTS (SELECT FROM pending_ban
                WHERE pending_ban.channel = CAST(:channel AS text)
                  AND pending_ban.topic IS NULL
                  AND (pending_ban.ends_at IS NULL OR pending_ban.ends_at > {NOW})
                  AND pending_ban.address = {ADDRESS})
     OR {SUPPRESSED} OR {UNKNOWN})
"""
TOPIC_BANNED = f"""
    (CAST(:topic AS text) IS NOT NULL
     AND (EXISTS (SELECT FROM topic_ban
                  WHERE topic_ban.channel = CAST(:channel AS text)
                    AND topic_ban.topic = CAST(:topic AS text)
                    AND topic_ban.key IN ('contact:' || CAST(contact.contact_id AS text),
                                          {ADDRESS_HASH})
                    AND (topic_ban.ends_at IS NULL OR topic_ban.ends_at > {NOW}))
          OR EXISTS (SELECT FROM pending_ban
                     WHERE pending_ban.channel = CAST(:channel AS text)
                       AND pending_ban.topic = CAST(:topic AS text)
                       AND (pending_ban.contact_id = contact.contact_id
                            OR pending_ban.address = {ADDRESS})
                       AND (pending_ban.ends_at IS NULL OR pending_ban.ends_at > {NOW}))))
"""


async def make_rows(connection: AsyncConnection, keys: Iterable[GateKey]) -> None:
    """Make the gate rows that are missing; new ones are open."""
    wanted = sorted(set(keys))
    if wanted:
        await connection.execute(_MAKE, _columns(wanted))


async def lock_shared(connection: AsyncConnection, keys: Iterable[GateKey]) -> None:
    """Hold these gate rows so that no ban on them can be fenced before the transaction ends."""
    await _lock(connection, keys, _LOCK_SHARED)


async def lock_exclusive(connection: AsyncConnection, keys: Iterable[GateKey]) -> None:
    """Wait until no hand-off holds these gate rows, and keep every other out."""
    await _lock(connection, keys, _LOCK_EXCLUSIVE)


async def remove_rows(connection: AsyncConnection, keys: Iterable[GateKey]) -> None:
    """Remove gate rows, which must be locked exclusively; who waits for one makes it anew."""
    wanted = sorted(set(keys))
    if wanted:
        await connection.execute(_REMOVE, _columns(wanted))


async def settle(connection: AsyncConnection, keys: Iterable[GateKey]) -> dict[GateKey, bool]:
    """
    Close or open gate rows, which must be locked exclusively, by the bans as they stand.

    Return those that changed, each with whether it is banned now.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    result = await connection.execute(_SETTLE, _columns(wanted))
    return {(row.channel, row.key): row.banned for row in result}


async def read_consent(connection: AsyncConnection, *, limit_seconds: float) -> Consent:
    """Return how far the consent news goes, judged by the database's own clock."""
    row = (await connection.execute(_CONSENT, {"limit": limit_seconds})).one()
    return Consent(
        applied_through=row.applied_through,
        confirmed_seq=row.confirmed_seq,
        fresh=row.fresh,
        age_seconds=row.age,
        configured=frozenset(
            channel
            for channel, set_ in (
                (Channel.EMAIL, row.email_configured),
                (Channel.SMS, row.sms_configured),
                (Channel.POST, row.post_configured),
            )
            if set_
        ),
    )


async def _lock(connection: AsyncConnection, keys: Iterable[GateKey], lock: TextClause) -> None:
    wanted = sorted(set(keys))
    # An erasure removes rows: whoever waited for one of them holds nothing, and asks again.
    while wanted:
        await make_rows(connection, wanted)
        held = {(row.channel, row.key) for row in await connection.execute(lock, _columns(wanted))}
        wanted = [key for key in wanted if key not in held]


def _columns(keys: list[GateKey]) -> dict[str, list[str]]:
    return {"channels": [channel for channel, _ in keys], "keys": [key for _, key in keys]}


# In the order of the keys, so that two who need the same rows never wait for each other in a ring.
_MAKE = text(
    """
    INSERT INTO gate (channel, key)
    SELECT channel, key
    FROM unnest(CAST(:channels AS text[]), CAST(:keys AS text[])) AS wanted (channel, key)
    ORDER BY channel COLLATE "C", key COLLATE "C"
    ON CONFLICT (channel, key) DO NOTHING
    """
)
_LOCK = """
    SELECT gate.channel, gate.key FROM gate
    JOIN unnest(CAST(:channels AS text[]), CAST(:keys AS text[])) AS wanted (channel, key)
        USING (channel, key)
    ORDER BY gate.channel COLLATE "C", gate.key COLLATE "C"
"""
_LOCK_SHARED = text(f"{_LOCK} FOR SHARE OF gate")
_LOCK_EXCLUSIVE = text(f"{_LOCK} FOR UPDATE OF gate")
_REMOVE = text(
    """
    DELETE FROM gate USING unnest(CAST(:channels AS text[]), CAST(:keys AS text[]))
        AS gone (channel, key)
    WHERE gate.channel = gone.channel AND gate.key = gone.key
    """
)
_SETTLE = text(
    """
    UPDATE gate SET banned = now.banned, banned_until = now.banned_until
    FROM (
        SELECT channel, key,
               CASE WHEN key LIKE 'address:%' THEN
                   EXISTS (SELECT FROM ban_address
                           WHERE ban_address.channel = wanted.channel
                             AND ban_address.address_key = substr(wanted.key, 9)
                             AND ban_address.ends_at IS NULL)
               ELSE
                   EXISTS (SELECT FROM ban_subject
                           WHERE ban_subject.subject = wanted.key
                             AND CASE wanted.channel WHEN 'email' THEN ban_subject.email
                                                     WHEN 'sms' THEN ban_subject.sms
                                                     WHEN 'post' THEN ban_subject.post END)
               END AS banned,
               CASE WHEN key LIKE 'address:%' THEN
                   (SELECT max(ban_address.ends_at) FROM ban_address
                    WHERE ban_address.channel = wanted.channel
                      AND ban_address.address_key = substr(wanted.key, 9))
               END AS banned_until
        FROM unnest(CAST(:channels AS text[]), CAST(:keys AS text[])) AS wanted (channel, key)
    ) AS now
    WHERE gate.channel = now.channel AND gate.key = now.key
      AND (gate.banned, gate.banned_until) IS DISTINCT FROM (now.banned, now.banned_until)
    RETURNING gate.channel, gate.key, gate.banned
    """
)
# A confirmation that lies ahead was noted before the clock was set back: its age is unknown.
_CONSENT = text(
    """
    SELECT applied_through, confirmed_seq, email_configured, sms_configured, post_configured,
           extract(epoch FROM clock_timestamp() - confirmed_probe_at)::float AS age,
           coalesce(applied_through >= confirmed_seq
                    AND clock_timestamp() - confirmed_probe_at
                        BETWEEN interval '0' AND make_interval(secs => :limit),
                    false) AS fresh
    FROM consent_position WHERE id = 1
    """
)
