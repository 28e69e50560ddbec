"""Wires the pipeline service: the only place that sees all of it."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from services.pipeline.api.forecast_history import forecast_history_router
from services.pipeline.api.invoiced_bridge import invoiced_bridge_router
from services.pipeline.api.lists import lists_routers
from services.pipeline.api.reports import reports_router, stage_times_router
from services.pipeline.api.tags import TAGS
from services.pipeline.handlers.install_defaults import install_defaults
from services.pipeline.messaging.publications import SOURCE, translate
from services.pipeline.messaging.subscribers import subscriptions
from services.pipeline.persistence.tables import metadata
from services.pipeline.settings import Settings
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

NAME = "pipeline"
VERSIONS = Path(__file__).parent / "persistence" / "migrations" / "versions"


def build(settings: Settings, bus: Bus, *, clock: Clock = system_clock) -> Service:
    """Return the service on its database and this bus, ready to be started."""
    url = settings.database_url.get_secret_value()
    engine = connect(url, name=NAME, pool_size=settings.pool_size)
    units = UnitOfWorkFactory(engine, clock, translate)
    zone = ZoneInfo(settings.time_zone)
    inbox = Inbox(engine, clock, read_label=read_label, read_data=read_data, body_hash=body_hash)
    heard = subscriptions()
    worker = Worker(
        units,
        heard,
        read_data=read_data,
        batch=settings.inbox_batch,
        waiting_deadline=timedelta(hours=settings.waiting_deadline_hours),
    )

    async def prepare() -> None:
        async with units() as unit:
            await install_defaults(unit)

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
            forecast_history_router(units, zone, settings.currency),
            invoiced_bridge_router(units, zone, settings.currency),
            reports_router(units, zone),
            stage_times_router(units),
            *lists_routers(units),
        ],
        versions=VERSIONS,
        metadata=metadata,
        retention=timedelta(days=settings.retention_days),
        fleeting=FLEETING,
        prepare=prepare,
        tags=TAGS,
    )
