"""Hash the addresses of contacts that came before there were hashes."""

from services.mailing.domain.addresses import HashOf, hashed
from services.mailing.persistence import suppressions
from shared.chassis.unit_of_work import UnitOfWorkFactory

CHUNK = 2000


async def hash_all(units: UnitOfWorkFactory, hash_of: HashOf) -> None:
    """Hash the addresses of all contacts whose hashes are missing or old.

    Until then these contacts are closed for marketing: they could be suppressed.
    """
    while True:
        async with units() as uow:
            rows = await suppressions.not_hashed(uow.connection, CHUNK)
            if not rows:
                return
            made = {
                row.contact_id: (
                    row.version,
                    hashed(
                        email_key=row.email_key,
                        sms_key=row.sms_key,
                        phone_key=row.phone,
                        post_key=row.post_key,
                        hash_of=hash_of,
                    ),
                )
                for row in rows
            }
            await suppressions.save_hashes(uow.connection, made)
