"""Answer mailing's question how far the news of bans goes."""

from services.customers.domain.bans import configured
from services.customers.domain.events import ConsentConfirmed
from services.customers.persistence.register import consent_seq, fetch_settings
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.mailing import ConsentProbed


async def on_consent_probed(batch: Batch[ConsentProbed], uow: UnitOfWork) -> None:
    """Confirm that every ban acknowledged until now has a number up to the present one."""
    seq = await consent_seq(uow.connection)
    channels = configured(await fetch_settings(uow.connection))
    uow.record_all(ConsentConfirmed(message.data.nonce, seq, channels) for message in batch)
