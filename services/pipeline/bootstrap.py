"""Wires the pipeline service: the only place that sees all of it."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from services.pipeline.api.board import board_router
from services.pipeline.api.bulk import bulk_router
from services.pipeline.api.forecast_history import forecast_history_router
from services.pipeline.api.forecast_recounts import forecast_recounts_router, recount_kinds
from services.pipeline.api.forecasts import forecasts_router
from services.pipeline.api.history import opportunity_history_router
from services.pipeline.api.invoiced_bridge import invoiced_bridge_router
from services.pipeline.api.list_history import list_history_router
from services.pipeline.api.lists import lists_routers
from services.pipeline.api.opportunities import moves_router, opportunities_router
from services.pipeline.api.rates import rates_router
from services.pipeline.api.reports import reports_router, stage_times_router
from services.pipeline.api.revenue_targets import revenue_targets_router
from services.pipeline.api.search import search_router
from services.pipeline.api.tags import TAGS
from services.pipeline.api.user_groups import user_groups_router
from services.pipeline.domain.import_fields import FIELDS
from services.pipeline.domain.opportunity import Rules
from services.pipeline.handlers.find_stale import StaleFinder
from services.pipeline.handlers.import_opportunities import ImportedOpportunities
from services.pipeline.handlers.install_defaults import install_defaults
from services.pipeline.handlers.pipeline_lists import PIPELINE_LISTS
from services.pipeline.messaging.publications import SOURCE, translate
from services.pipeline.messaging.subscribers import subscriptions
from services.pipeline.persistence.profiles import load_profiles
from services.pipeline.persistence.tables import metadata
from services.pipeline.settings import Settings
from shared.chassis.bus.port import Bus
from shared.chassis.clock import Clock, day_of, system_clock
from shared.chassis.database import connect
from shared.chassis.inbox import Inbox
from shared.chassis.job_runner import SLOTS, JobRunner
from shared.chassis.relay import Relay
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.chassis.worker import Worker
from shared.contracts.catalogue import FLEETING
from shared.contracts.envelope import body_hash
from shared.contracts.wiring import address_of, read_data, read_label
from shared.imports.api import imports_router
from shared.imports.imports import Imports
from shared.imports.run import import_kinds
from shared.imports.uploads import MAX_FILE
from shared.lists.profiles_api import profiles_router

NAME = "pipeline"
# A recount of a million opportunities is one statement.
JOB_COMMAND_SECONDS = 120.0
PROFILES = "List the profiles: the defaults, and the sales processes that vendors' manuals show."
VERSIONS = Path(__file__).parent / "persistence" / "migrations" / "versions"


def build(settings: Settings, bus: Bus, *, clock: Clock = system_clock) -> Service:
    """Return the service on its database and this bus, ready to be started."""
    url = settings.database_url.get_secret_value()
    engine = connect(url, name=NAME, pool_size=settings.pool_size)
    units = UnitOfWorkFactory(engine, clock, translate)
    zone = ZoneInfo(settings.time_zone)
    rules = Rules(
        zone=zone,
        currency=settings.currency,
        reason_required=settings.rejection_required,
    )
    stale = StaleFinder(units, zone, quiet=timedelta(days=settings.stale_days))
    imports = Imports(FIELDS, ImportedOpportunities(rules))
    jobs = JobRunner(
        connect(
            url,
            name=f"{NAME}-jobs",
            pool_size=2 * SLOTS,
            command_seconds=JOB_COMMAND_SECONDS,
        ),
        units,
        {**recount_kinds(), **import_kinds(imports)},
    )
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

    def today() -> date:
        return day_of(clock(), zone)

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
            search_router(units, rules),
            opportunities_router(units, rules),
            moves_router(units, rules),
            opportunity_history_router(units),
            board_router(units, rules),
            bulk_router(units, rules),
            imports_router(imports, units, zone, jobs),
            forecast_recounts_router(units, jobs),
            forecasts_router(units, today, settings.currency),
            user_groups_router(units),
            rates_router(units, settings.currency),
            revenue_targets_router(units, settings.currency),
            forecast_history_router(units, zone, settings.currency),
            invoiced_bridge_router(units, zone, settings.currency),
            reports_router(units, zone),
            stage_times_router(units),
            *lists_routers(units),
            list_history_router(units),
            profiles_router(
                units,
                PIPELINE_LISTS,
                load_profiles(),
                about=PROFILES,
                path="/v1/pipeline-profiles",
            ),
        ],
        versions=VERSIONS,
        metadata=metadata,
        retention=timedelta(days=settings.retention_days),
        fleeting=FLEETING,
        prepare=prepare,
        loops=[("staleness", stale.run)],
        jobs=jobs,
        outdated=[imports.store.outdated],
        larger_bodies={imports.path: MAX_FILE},
        tags=TAGS,
    )
