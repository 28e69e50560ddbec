"""Hands for tests: tell the mailing service something, and look at what it knows."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import text

from services.mailing import bootstrap
from services.mailing.domain.addresses import hashes
from services.mailing.domain.channels import Channel, Purpose
from services.mailing.handlers.consent import probe_consent
from services.mailing.handlers.hand_off import HandOff, Refused, Released, hand_off
from services.mailing.handlers.keep_members import MemberKeeper
from services.mailing.persistence.tables import metadata
from services.mailing.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.clock import Clock, system_clock
from shared.chassis.messages import Batch, Incoming, Message
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from shared.contracts import customers
from shared.contracts.catalogue import NAMES
from shared.contracts.customers import ClassificationSaved
from shared.contracts.erp import PostalAddress
from shared.contracts.types import Contract
from shared.contracts.wiring import publication

C = TypeVar("C", bound=Contract)
KEY = "a-key-for-tests-of-enough-length"
LINK_KEY = "a-key-for-links-of-tests-that-is-long-enough"
PUBLIC_URL = "https://mail.example.fi"
SECRET = "a-secret-for-tests-that-hashes-addresses"
HASH_OF = hashes(SECRET)
ALL = customers.Bans(email=True, sms=True, post=True)
EMAIL_ONLY = customers.Bans(email=True)


@asynccontextmanager
async def open_rig(postgres: Postgres, *, clock: Clock = system_clock) -> AsyncIterator["Rig"]:
    """The mailing service on a new database of its own, not running, with hands to feed it."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    async with postgres.database("mailing", build) as url:
        settings = Settings(
            database_url=url,
            broker_url="amqp://unused",
            api_key=KEY,
            link_key=LINK_KEY,
            public_url=PUBLIC_URL,
            suppression_key=SECRET,
            webhook_private_hosts="127.0.0.1",
            pool_size=8,
        )
        service = bootstrap.build(settings, InProcessBus(), clock=clock)
        keeper = MemberKeeper(service.units, service.units, ZoneInfo(settings.time_zone))
        yield Rig(service, keeper, limit_seconds=settings.consent_limit_seconds)
        await service.engine.dispose()


@dataclass
class Rig:
    """One mailing service that is not running: it works when told to."""

    service: Service
    keeper: MemberKeeper
    limit_seconds: float

    async def hear(self, *data: Contract) -> None:
        """Store these events in the inbox and work until nothing is due."""
        await self.tell(*data)
        await self.settle()

    async def tell(self, *data: Contract) -> None:
        """Store these events in the inbox and take them over; members do not follow yet."""
        messages = []
        for one in data:
            told = publication(one, subject=str(uuid4()))
            headers = {
                "ce-specversion": "1.0",
                "ce-id": str(uuid4()),
                "ce-source": "/suhde/customers",
                "ce-type": told.type,
                "ce-subject": told.subject,
            }
            messages.append(Incoming(body=told.body, headers=headers))
        await self._work(*messages)

    async def take(self, *messages: Incoming) -> None:
        """Store these messages in the inbox and work until nothing is due."""
        await self._work(*messages)
        await self.settle()

    async def _work(self, *messages: Incoming) -> None:
        await self.service.inbox.store(messages)
        while await self.service.worker.work_batch():
            pass
        left = await self.rows("SELECT type, state, detail FROM inbox WHERE state <> 'done'")
        assert not left, left

    async def settle(self) -> None:
        """Build and follow until the members of all segments are up to date."""
        await self.keeper.settle()

    async def rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        async with self.service.engine.connect() as connection:
            result = await connection.execute(text(sql), parameters)
            return [tuple(row) for row in result]

    async def one(self, sql: str, **parameters: object) -> Any:
        ((value,),) = await self.rows(sql, **parameters)
        return value

    async def change(self, sql: str, **parameters: object) -> None:
        async with self.service.engine.begin() as connection:
            await connection.execute(text(sql), parameters)

    async def probe(self) -> UUID:
        async with self.service.units() as uow:
            await probe_consent(uow)
        body = await self.one(
            "SELECT body FROM outbox WHERE type = 'mailing.consent-probed.v1' "
            "ORDER BY seq DESC LIMIT 1"
        )
        return UUID(json.loads(body)["nonce"])

    async def refresh(self, seq: int = 0, configured: customers.Bans = ALL) -> None:
        """Make the consent news fresh, as customers would by its answer to a probe."""
        nonce = await self.probe()
        await self.hear(
            customers.ConsentConfirmed(nonce=nonce, consent_seq=seq, configured=configured)
        )

    async def contact(
        self,
        *,
        contact_id: UUID | None = None,
        version: int = 1,
        **told: Any,
    ) -> UUID:
        """Tell of a contact; `told` is that of `contact_saved`."""
        made = contact_id or uuid4()
        await self.hear(contact_saved(made, version, **told))
        return made

    async def hand_off(
        self,
        *contact_ids: UUID,
        channel: Channel = Channel.EMAIL,
        purpose: Purpose = Purpose.MARKETING,
        campaign: str | None = None,
        customer_id: UUID | None = None,
        topic: str | None = None,
        segment_id: UUID | None = None,
    ) -> list[str]:
        """Hand off and return `released` or the reason, per contact."""
        command = HandOff(
            contact_ids,
            channel,
            purpose,
            campaign or str(uuid4()),
            customer_id=customer_id,
            segment_id=segment_id,
            topic=topic,
        )
        async with self.service.units() as uow:
            outcomes = await hand_off(command, uow, limit_seconds=self.limit_seconds)
        return [verdict(one) for one in outcomes]


def batch_of(*data: C) -> Batch[C]:
    """Return these events as a handler gets them, all of one type."""
    now = datetime.now(UTC)
    return Batch(
        [
            Message(seq, "/suhde/customers", str(uuid4()), NAMES[type(one)], now, now, one)
            for seq, one in enumerate(data)
        ]
    )


def verdict(outcome: Released | Refused) -> str:
    return "released" if isinstance(outcome, Released) else str(outcome.reason)


def contact_saved(
    contact_id: UUID,
    version: int = 1,
    *,
    email: str | None = None,
    mobile: str | None = None,
    address: PostalAddress | None = None,
    phone: str | None = None,
    first_name: str = "Aino",
    last_name: str = "Virtanen",
    at: tuple[UUID, ...] = (),
    role: str | None = None,
    attributes: tuple[int, ...] = (),
    held: dict[str, list[int]] | None = None,
) -> customers.ContactSaved:
    return customers.ContactSaved(
        contact_id=contact_id,
        version=version,
        person=customers.PersonalData(
            first_name=first_name,
            last_name=last_name,
            email=email,
            mobile=mobile,
            phone=phone,
            address=address,
        ),
        customers=[customers.Role(customer_id=one, role=role) for one in at],
        attributes=list(attributes),
        classifications=held or {},
    )


def value_saved(list_name: str, number: int, version: int = 1, **told: Any) -> ClassificationSaved:
    return ClassificationSaved(
        list_name=list_name,
        value_id=uuid4(),
        number=number,
        version=version,
        title=f"{list_name} {number}",
        **told,
    )


def customer_saved(
    customer_id: UUID,
    version: int = 1,
    *,
    name: str = "Oy",
    number: str = "1",
    ended_on: date | None = None,
    **held: list[int],
) -> customers.CustomerSaved:
    return customers.CustomerSaved(
        customer_id=customer_id,
        version=version,
        number=number,
        name=name,
        ended_on=ended_on,
        classifications=held,
    )


def bans_changed(
    seq: int,
    bans: customers.Bans = EMAIL_ONLY,
    *,
    contact: UUID | None = None,
    customer: UUID | None = None,
    email: str | None = None,
) -> customers.BansChanged:
    return customers.BansChanged(
        consent_seq=seq, contact_id=contact, customer_id=customer, bans=bans, email=email
    )
