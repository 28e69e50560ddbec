"""How far the consent news goes: applied numbers without a gap, probes and their answers."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel


async def record_applied(connection: AsyncConnection, seqs: Sequence[int]) -> None:
    """Note applied consent numbers and advance to the end of the prefix that has no gap.

    While a number is missing, the cost does not grow with the numbers that wait behind it.
    """
    await connection.execute(_HOLD)
    await connection.execute(_APPLIED, {"seqs": sorted(set(seqs))})
    advanced = await connection.execute(_ADVANCE)
    if advanced.rowcount:
        await connection.execute(_FORGET_APPLIED)


async def baseline(connection: AsyncConnection, *, after: int, through: int) -> None:
    """Take the numbers up to `after` as applied, and those up to `through` as confirmed."""
    await connection.execute(_HOLD)
    await connection.execute(_BASELINE, {"after": after, "through": through})
    await connection.execute(_ADVANCE)
    await connection.execute(_FORGET_APPLIED)


async def add_probe(connection: AsyncConnection, nonce: UUID) -> None:
    """Note a probe with the database's own time, and forget those that nobody answered."""
    await connection.execute(_PROBE, {"nonce": nonce})
    await connection.execute(_FORGET_UNANSWERED)


async def confirm(
    connection: AsyncConnection,
    answers: Mapping[UUID, tuple[int, Mapping[Channel, bool]]],
) -> bool:
    """Take over the answer to the newest of these probes, if it is newer than what stands.

    Return False, and take over nothing, if it names less than was applied when the probe was sent:
    customers has lost consent numbers, gives them out again, and ours hide the new ones.
    """
    newest = (await connection.execute(_NEWEST, {"nonces": list(answers)})).one_or_none()
    if newest is None:
        return True
    seq, configured = answers[newest.nonce]
    if seq < newest.applied_through:
        return False
    await connection.execute(
        _CONFIRM,
        {
            "nonce": newest.nonce,
            "sent_at": newest.sent_at,
            "seq": seq,
            "email": configured[Channel.EMAIL],
            "sms": configured[Channel.SMS],
            "post": configured[Channel.POST],
        },
    )
    await connection.execute(_FORGET_OLDER, {"sent_at": newest.sent_at})
    return True


_HOLD = text("SELECT 1 FROM consent_position WHERE id = 1 FOR UPDATE")
_APPLIED = text(
    """
    INSERT INTO consent_applied (seq)
    SELECT seq FROM unnest(CAST(:seqs AS bigint[])) AS new (seq)
    WHERE seq > (SELECT applied_through FROM consent_position WHERE id = 1)
    ON CONFLICT DO NOTHING
    """
)
_ADVANCE = text(
    """
    UPDATE consent_position AS held SET applied_through = (
        SELECT seq FROM consent_applied AS last
        WHERE seq > held.applied_through
          AND NOT EXISTS (SELECT FROM consent_applied AS next WHERE next.seq = last.seq + 1)
        ORDER BY seq LIMIT 1)
    WHERE id = 1
      AND EXISTS (SELECT FROM consent_applied AS next WHERE next.seq = held.applied_through + 1)
    """
)
_FORGET_APPLIED = text(
    """
    DELETE FROM consent_applied
    WHERE seq <= (SELECT applied_through FROM consent_position WHERE id = 1)
    """
)
_BASELINE = text(
    """
    UPDATE consent_position SET applied_through = greatest(applied_through, :after),
                                confirmed_seq = greatest(confirmed_seq, :through)
    WHERE id = 1
    """
)
_PROBE = text(
    """
    INSERT INTO consent_probe (nonce, sent_at, applied_through)
    SELECT :nonce, clock_timestamp(), applied_through FROM consent_position WHERE id = 1
    """
)
# A moment that lies ahead was noted before the clock was set back; it proves nothing any more.
_FORGET_UNANSWERED = text(
    """
    DELETE FROM consent_probe
    WHERE sent_at NOT BETWEEN clock_timestamp() - interval '10 minutes' AND clock_timestamp()
    """
)
_NEWEST = text(
    """
    SELECT nonce, sent_at, applied_through FROM consent_probe
    WHERE nonce = ANY(CAST(:nonces AS uuid[]))
    ORDER BY sent_at DESC LIMIT 1
    """
)
# Never less than a baseline says: an answer from before it may be worked on after it.
_CONFIRM = text(
    """
    UPDATE consent_position SET
        latest_nonce = :nonce, confirmed_probe_at = :sent_at,
        confirmed_seq = greatest(confirmed_seq, :seq),
        email_configured = :email, sms_configured = :sms, post_configured = :post
    WHERE id = 1 AND (confirmed_probe_at IS NULL OR confirmed_probe_at < :sent_at
                      OR confirmed_probe_at > clock_timestamp())
    """
)
_FORGET_OLDER = text("DELETE FROM consent_probe WHERE sent_at <= :sent_at")
