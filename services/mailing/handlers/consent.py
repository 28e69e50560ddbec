"""Ask how far the news of bans goes, and take the answer; no clock but our database's counts."""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.mailing.domain.channels import Channel
from services.mailing.domain.events import ConsentProbed
from services.mailing.domain.gate import Consent
from services.mailing.handlers.ids import new_id
from services.mailing.persistence import consent
from services.mailing.persistence.gate import read_consent
from shared.chassis.logs import get_logger
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ConsentConfirmed

log = get_logger(__name__)


async def probe_consent(uow: UnitOfWork) -> None:
    """Ask once; the moment of asking is kept here, so that the answer's age is known."""
    nonce = new_id()
    await consent.add_probe(uow.connection, nonce)
    uow.record(ConsentProbed(nonce))


async def on_consent_confirmed(batch: Batch[ConsentConfirmed], uow: UnitOfWork) -> None:
    """
    Take over the answer to the newest probe; answers to unknown or older ones change nothing.

    Neither does one that takes back numbers: the news grows old and marketing closes (LS-A5).
    """
    taken = await consent.confirm(
        uow.connection,
        {
            message.data.nonce: (
                message.data.consent_seq,
                {
                    Channel.EMAIL: message.data.configured.email,
                    Channel.SMS: message.data.configured.sms,
                    Channel.POST: message.data.configured.post,
                },
            )
            for message in batch
        },
    )
    if not taken:
        log.error(
            "consent_numbers_lost",
            remedy="customers names fewer consent numbers than came from it; was it restored from "
            "a backup? Marketing stays closed until its numbers are ahead again. Set the bans that "
            "it gave those numbers to once more: older news of the same contact hides them.",
        )


async def show_consent(engine: AsyncEngine, *, limit_seconds: float) -> Consent:
    """Return how far the consent news goes and whether it is fresh."""
    async with engine.connect() as connection:
        return await read_consent(connection, limit_seconds=limit_seconds)
