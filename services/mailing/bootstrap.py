"""Wires the mailing service: the only place that sees all of it."""

from datetime import timedelta
from pathlib import Path

from services.mailing.api.call_list import call_list_router
from services.mailing.api.consent import consent_router
from services.mailing.api.rule_language import rule_language_router
from services.mailing.api.segments import segments_router
from services.mailing.handlers.consent import show_consent
from services.mailing.handlers.evaluate_rule import warn_of_not_told
from services.mailing.handlers.loops import fencing, probing
from services.mailing.messaging.publications import SOURCE, translate
from services.mailing.messaging.subscribers import subscriptions
from services.mailing.persistence.tables import metadata
from services.mailing.settings import Settings
from shared.chassis.bus.port import Bus
from shared.chassis.clock import Clock, system_clock
from shared.chassis.database import connect
from shared.chassis.inbox import Inbox
from shared.chassis.relay import Relay
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.chassis.worker import Worker
from shared.contracts.catalogue import FLEETING
from shared.contracts.envelope import body_hash
from shared.contracts.wiring import address_of, read_data, read_label

NAME = "mailing"
VERSIONS = Path(__file__).parent / "persistence" / "migrations" / "versions"


def build(settings: Settings, bus: Bus, *, clock: Clock = system_clock) -> Service:
    """Return the service on its database and this bus, ready to be started."""
    engine = connect(
        settings.database_url.get_secret_value(), name=NAME, pool_size=settings.pool_size
    )
    units = UnitOfWorkFactory(engine, clock, translate)
    inbox = Inbox(engine, clock, read_label=read_label, read_data=read_data, body_hash=body_hash)
    heard = subscriptions()
    worker = Worker(
        units,
        heard,
        read_data=read_data,
        batch=settings.inbox_batch,
        waiting_deadline=timedelta(hours=settings.waiting_deadline_hours),
    )
    limit = settings.consent_limit_seconds

    async def consent_problem() -> str | None:
        consent = await show_consent(engine, limit_seconds=limit)
        return None if consent.fresh else "the consent news is not fresh; marketing is closed"

    return Service(
        name=NAME,
        engine=engine,
        bus=bus,
        clock=clock,
        units=units,
        inbox=inbox,
        worker=worker,
        relay=Relay(engine, bus, source=SOURCE, address=address_of),
        subscriptions=heard,
        routers=[
            segments_router(units, limit_seconds=limit),
            rule_language_router(units),
            call_list_router(units),
            consent_router(units, limit_seconds=limit),
        ],
        versions=VERSIONS,
        metadata=metadata,
        retention=timedelta(days=settings.retention_days),
        fleeting=FLEETING,
        prepare=lambda: warn_of_not_told(units),
        loops=[("consent-probe", probing(units)), ("ban-fence", fencing(units))],
        checks={"consent": consent_problem},
        tags={
            "segments": "Groups of contacts by rules, their counts, members and recipients.",
            "consent": "The gate: hand-offs, bans, reachability, and how fresh the news is.",
        },
    )
