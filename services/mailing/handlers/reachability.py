"""May a contact be written to, and if not, what stops it?"""

from dataclasses import dataclass
from uuid import UUID

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import NOBODY, Reason, decide
from services.mailing.persistence.bans import why_banned
from services.mailing.persistence.gate import read_consent
from services.mailing.persistence.hand_offs import candidates
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Reachability:
    """The gate's decision, and each closed gate with the subjects that close it."""

    reason: Reason | None
    bans: list[tuple[str, list[str]]]


async def reachability(
    contact_id: UUID, channel: Channel, purpose: Purpose, uow: UnitOfWork, *, limit_seconds: float
) -> Reachability:
    """Ask the gate that hand-offs ask; releases nothing and locks nothing."""
    found = await candidates(uow.connection, [contact_id], channel, None)
    consent = await read_consent(uow.connection, limit_seconds=limit_seconds)
    known = found.get(contact_id)
    candidate = known.candidate if known else NOBODY
    return Reachability(
        reason=decide(candidate, channel, purpose, consent),
        bans=await why_banned(uow.connection, contact_id, channel),
    )
