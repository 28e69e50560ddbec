"""Give secrets to those who report bounces and complaints, and check what they sign."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.refusals import ProviderNotFound, SignatureInvalid, TooManySecrets
from services.mailing.domain.report_secrets import is_signed, is_timely, secret_of
from services.mailing.persistence import report_secrets as store
from services.mailing.persistence.report_secrets import SecretRow
from shared.chassis.unit_of_work import UnitOfWork

MOST_PROVIDERS = 50
MOST_SECRETS = 5


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was just made; it is known now and never again."""

    row: SecretRow
    secret: str
    earlier_valid_until: datetime | None


async def give_secret(
    provider: str, *, overlap: timedelta, keys: LinkKeys, uow: UnitOfWork
) -> NewSecret:
    """Give a provider a new secret; those it has run out after the overlap."""
    await store.lock_secrets(uow.connection)
    providers = store.providers_of(await store.valid_secrets(uow.connection, now=uow.now))
    earlier = providers.get(provider, [])
    if len(earlier) >= MOST_SECRETS:
        raise TooManySecrets(f"{provider!r} has {MOST_SECRETS} valid secrets.")
    if not earlier and len(providers) >= MOST_PROVIDERS:
        raise TooManySecrets(f"There are {MOST_PROVIDERS} providers.")
    until = uow.now + overlap
    await store.end_secrets(uow.connection, provider, until=until)
    # At random: the secret is made of it.
    row = SecretRow(uuid4(), provider, keys.first, uow.now, None)
    await store.add_secret(uow.connection, row)
    secret = secret_of(row.secret_id, row.key_id, keys)
    assert secret is not None
    return NewSecret(row, secret, until if earlier else None)


async def remove_provider(provider: str, uow: UnitOfWork) -> None:
    """Remove a provider: nothing that it signs is taken from the commit on."""
    if not await store.remove_secrets(uow.connection, provider):
        raise ProviderNotFound(f"There is no provider {provider!r}.")


async def require_signed(
    provider: str,
    *,
    timestamp: str,
    signature: str,
    body: bytes,
    keys: LinkKeys,
    connection: AsyncConnection,
    now: datetime,
) -> None:
    """Refuse what no valid secret of the provider has signed, and what was signed long ago.

    Who asks learns not which of these it is, nor whether there is such a provider.
    """
    rows = await store.valid_secrets(connection, now=now, provider=provider)
    known = [secret_of(row.secret_id, row.key_id, keys) for row in rows]
    signed = is_signed([one for one in known if one], timestamp, body, signature)
    if not signed or not is_timely(timestamp, now):
        raise SignatureInvalid("The signature is not valid, or not any more.")
