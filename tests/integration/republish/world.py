"""A register with a history of bans, what it told, and what is true of it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text

from services.customers.domain.bans import bans_of
from services.customers.domain.events import ConsentBaselined
from services.customers.handlers.republish import republish
from services.customers.persistence.register import fetch_settings
from services.mailing.messaging.subscribers import subscriptions
from shared.chassis.messages import Incoming
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import contact_at, made
from tests.integration.mailing.rig import HASH_OF, Rig

BANS, BASELINE = "customers.bans-changed.v1", "customers.consent-baselined.v1"
HOME = {"street": "Katu 1", "postal_code": "00100", "city": "Helsinki", "country": "FI"}

Held = dict[str, tuple[bool, bool, bool]]
"""The bans of e-mail, text messages and letters, by the subject who has any."""


async def ban(api: httpx.AsyncClient, kind: str, one: dict[str, Any], **channels: bool) -> None:
    answer = await api.put(f"/v1/{kind}s/{one[f'{kind}_id']}/bans", json=channels)
    assert answer.status_code == 202, answer.text


async def people(api: httpx.AsyncClient, *, contacts: int = 4) -> list[dict[str, Any]]:
    """Make customers and contacts with and without bans, some of them set and lifted again."""
    firms = [await made(api, "/v1/customers", name=f"Firm {n}") for n in range(3)]
    found = [
        await contact_at(
            api, firms[n % 2], f"P{n}", email=f"p{n}@example.com", mobile="0401234567", address=HOME
        )
        for n in range(contacts)
    ]
    await ban(api, "customer", firms[0], sms=True)
    await ban(api, "customer", firms[1], email=True)
    await ban(api, "customer", firms[1], email=False)
    await ban(api, "contact", found[0], email=True, post=True)
    await ban(api, "contact", found[1], sms=True)
    await ban(api, "contact", found[1], sms=False)
    return found


async def told_to_mailing(customers: Service, *, since: int = 0) -> list[Incoming]:
    """Return what mailing hears of the outbox behind a row, as the relay sends it."""
    return await told_to(subscriptions(ZoneInfo("UTC"), HASH_OF), customers, since=since)


async def told_to(types: Iterable[str], customers: Service, *, since: int = 0) -> list[Incoming]:
    """Return what is of these types in the outbox behind a row, as the relay sends it."""
    async with customers.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT message_id, type, subject, body, time FROM outbox "
                "WHERE seq > :since AND type = ANY(CAST(:types AS text[])) ORDER BY seq"
            ),
            {"since": since, "types": list(types)},
        )
        return [
            Incoming(
                body=bytes(row.body),
                headers={
                    "ce-specversion": "1.0",
                    "ce-id": str(row.message_id),
                    "ce-source": "/suhde/customers",
                    "ce-type": row.type,
                    "ce-subject": row.subject,
                    "ce-time": row.time.isoformat(),
                },
            )
            for row in rows
        ]


async def last_told(customers: Service) -> int:
    async with customers.engine.connect() as connection:
        found = await connection.execute(text("SELECT coalesce(max(seq), 0) FROM outbox"))
        return int(found.scalar_one())


async def told_anew(customers: Service, **how: int) -> tuple[ConsentBaselined, list[Incoming]]:
    """Republish; return the baseline and what mailing hears of it."""
    before = await last_told(customers)
    baseline = await republish(customers.units, lambda told, total: None, **how)
    return baseline, await told_to_mailing(customers, since=before)


def of_type(messages: Iterable[Incoming], type_: str) -> list[Incoming]:
    return [one for one in messages if one.headers["ce-type"] == type_]


async def true_bans(customers: Service) -> Held:
    async with customers.engine.connect() as connection:
        settings = await fetch_settings(connection)
        contacts = await connection.execute(text("SELECT contact_id, attributes FROM contact"))
        held = {f"contact:{row.contact_id}": bans_of(row.attributes, settings) for row in contacts}
        rows = await connection.execute(
            text("SELECT customer_id, ban_email, ban_sms, ban_post FROM customer")
        )
        found = {subject: (bans.email, bans.sms, bans.post) for subject, bans in held.items()}
        found |= {f"customer:{row[0]}": (row[1], row[2], row[3]) for row in rows}
    return {subject: bans for subject, bans in found.items() if any(bans)}


async def bans_at(rig: Rig) -> Held:
    """Return the bans that mailing acts on: those of its gates, which must be those it heard of."""
    rows = await rig.rows("SELECT subject, email, sms, post FROM ban_subject")
    heard = {str(row[0]): (row[1], row[2], row[3]) for row in rows}
    closed = set(
        await rig.rows("SELECT key, channel FROM gate WHERE banned AND key NOT LIKE 'address:%'")
    )
    assert closed == {
        (subject, channel)
        for subject, bans in heard.items()
        for channel, banned in zip(("email", "sms", "post"), bans, strict=True)
        if banned
    }
    return {subject: bans for subject, bans in heard.items() if any(bans)}


async def is_fresh(rig: Rig, *, least: int) -> bool:
    """Ask whether marketing is open, after the weakest answer that customers could give now."""
    applied = await rig.one("SELECT applied_through FROM consent_position")
    await rig.refresh(seq=max(least, applied))
    stranger = await rig.contact(contact_id=UUID(int=1), version=1, email="stranger@example.com")
    (verdict,) = await rig.hand_off(stranger, campaign=str(uuid4()))
    assert verdict in ("released", "consent_not_fresh")
    return verdict == "released"
