"""Ask how far the news of bans goes, and take the answer; no clock but our database's counts."""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.mailing.domain.channels import Channel
from services.mailing.domain.events import ConsentProbed
from services.mailing.domain.gate import Consent
from services.mailing.persistence import consent
from services.mailing.persistence.gate import read_consent
from shared.chassis.ids import new_id
from shared.chassis.logs import get_logger
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ConsentBaselined, ConsentConfirmed

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
            "a backup? Do as docs/operations.md says for that case. Marketing is closed until its "
            "numbers are ahead again, but our older news of a contact still hides its newer bans.",
        )


async def on_consent_baselined(batch: Batch[ConsentBaselined], uow: UnitOfWork) -> None:
    """
    Wait no longer for numbers from before a baseline, but for every number up to its end.

    A baseline that comes before its numbers keeps marketing closed until the last is applied; an
    old or repeated one changes nothing.
    """
    await consent.baseline(
        uow.connection,
        after=max(message.data.after for message in batch),
        through=max(message.data.through for message in batch),
    )


async def show_consent(engine: AsyncEngine, *, limit_seconds: float) -> Consent:
    """Return how far the consent news goes and whether it is fresh."""
    async with engine.connect() as connection:
        return await read_consent(connection, limit_seconds=limit_seconds)
