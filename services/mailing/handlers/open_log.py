"""Open the consent log: with the right secret, and with the bans that stood before it."""

from services.mailing.domain.addresses import HashOf
from services.mailing.domain.channels import Channel
from services.mailing.domain.consent_log import Fact, What
from services.mailing.domain.refusals import SuppressionKeyWrong
from services.mailing.persistence import bans, consent_log
from services.mailing.persistence.bans import BanAddress
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

CHUNK = 5000
HOW = "before-the-log"
_KNOWN = "suhde"


async def open_log(units: UnitOfWorkFactory, hash_of: HashOf) -> None:
    """
    Begin the log of a database that has none, once.

    Raises `SuppressionKeyWrong` if the database was begun with another secret.
    """
    made = hash_of(Channel.EMAIL, _KNOWN)
    async with units() as uow:
        before = await consent_log.take_check(uow.connection, made)
        if before is None:
            await _carry_over(uow, hash_of)
    if before not in (None, made):
        raise SuppressionKeyWrong(
            "SUHDE_SUPPRESSION_KEY is not the one that this database was begun with: suppressed "
            "addresses would be written to. Set the former one; docs/operations.md says more."
        )


async def _carry_over(uow: UnitOfWork, hash_of: HashOf) -> None:
    after = ""
    while subjects := await bans.banned_subjects(uow.connection, after=after, limit=CHUNK):
        after = subjects[-1].subject
        await consent_log.append(
            uow,
            [
                Fact(
                    What.BANNED, channel, one.subject, one.subject,
                    how=HOW, consent_seq=one.consent_seq,
                )
                for one in subjects
                for channel in Channel
                if one.has(channel)
            ],
        )  # fmt: skip
    last: BanAddress = ("", "", "")
    while rows := await bans.banned_addresses(uow.connection, after=last, limit=CHUNK):
        last = rows[-1]
        await consent_log.append(
            uow,
            [
                Fact(What.BANNED, Channel(name), hash_of(Channel(name), address), subject, how=HOW)
                for name, address, subject in rows
            ],
        )
