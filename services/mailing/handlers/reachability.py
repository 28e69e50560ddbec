"""May a contact be written to, and if not, what stops it?"""

from dataclasses import dataclass
from uuid import UUID

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import NOBODY, Reason, decide
from services.mailing.handlers.keep_topics import named_topic
from services.mailing.persistence.gate import read_consent
from services.mailing.persistence.hand_offs import candidates
from services.mailing.persistence.why_banned import why_banned
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Reachability:
    """The gate's decision, and each closed gate with the subjects that close it."""

    reason: Reason | None
    bans: list[tuple[str, list[str]]]


async def reachability(
    contact_id: UUID,
    channel: Channel,
    purpose: Purpose,
    uow: UnitOfWork,
    *,
    limit_seconds: float,
    topic: str | None = None,
) -> Reachability:
    """Ask the gate that hand-offs ask; releases nothing and locks nothing."""
    if topic is not None:
        await named_topic(topic, uow)
    found = await candidates(uow.connection, [contact_id], channel, None, now=uow.now, topic=topic)
    consent = await read_consent(uow.connection, limit_seconds=limit_seconds)
    known = found.get(contact_id)
    candidate = known.candidate if known else NOBODY
    return Reachability(
        reason=decide(candidate, channel, purpose, consent),
        bans=await why_banned(uow.connection, contact_id, channel, topic=topic, now=uow.now),
    )
