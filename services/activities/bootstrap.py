"""Wires the activities service: the only place that sees all of it."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from services.activities.api.activities import activities_router
from services.activities.api.attachments import attachments_router, larger_bodies
from services.activities.api.calendar_feeds import calendar_feeds_router, calendars_router
from services.activities.api.history import history_router
from services.activities.api.impact import impact_router
from services.activities.api.lists import lists_routers
from services.activities.api.reassignments import reassignment_kinds, reassignments_router
from services.activities.api.search import search_router
from services.activities.api.seller_view import seller_view_router
from services.activities.api.sellers import sellers_router
from services.activities.api.statistics import statistics_router
from services.activities.api.tags import TAGS
from services.activities.api.target_progress import target_progress_router
from services.activities.api.target_recounts import recount_kinds, target_recounts_router
from services.activities.api.targets import target_exceptions_router, targets_router
from services.activities.api.timeline import timeline_router
from services.activities.domain.import_fields import FIELDS
from services.activities.handlers.clean_attachments import AttachmentCleaner
from services.activities.handlers.import_activities import ImportedActivities
from services.activities.handlers.install_defaults import install_defaults
from services.activities.messaging.publications import SOURCE, translate
from services.activities.messaging.subscribers import subscriptions
from services.activities.persistence.blob_store import FileBlobStore
from services.activities.persistence.counting import CHANNEL
from services.activities.persistence.tables import metadata
from services.activities.settings import MEGABYTE, Settings
from shared.chassis.bus.port import Bus
from shared.chassis.clock import Clock, system_clock
from shared.chassis.database import connect
from shared.chassis.inbox import Inbox
from shared.chassis.job_runner import SLOTS, JobRunner
from shared.chassis.notices import Notices
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

NAME = "activities"
# A recount of five million activities is one statement.
JOB_COMMAND_SECONDS = 120.0
VERSIONS = Path(__file__).parent / "persistence" / "migrations" / "versions"


def build(settings: Settings, bus: Bus, *, clock: Clock = system_clock) -> Service:
    """Return the service on its database and this bus, ready to be started."""
    url = settings.database_url.get_secret_value()
    engine = connect(url, name=NAME, pool_size=settings.pool_size)
    units = UnitOfWorkFactory(engine, clock, translate)
    zone = ZoneInfo(settings.time_zone)
    imports = Imports(FIELDS, ImportedActivities(zone))
    jobs = JobRunner(
        connect(
            url,
            name=f"{NAME}-jobs",
            pool_size=2 * SLOTS,
            command_seconds=JOB_COMMAND_SECONDS,
        ),
        units,
        {**recount_kinds(zone), **reassignment_kinds(zone), **import_kinds(imports)},
    )
    notices = Notices(connect(url, name=f"{NAME}-notices", pool_size=1), CHANNEL)
    inbox = Inbox(engine, clock, read_label=read_label, read_data=read_data, body_hash=body_hash)
    retention = timedelta(days=settings.retention_days)
    blobs = FileBlobStore(settings.attachments_path)
    cleaner = AttachmentCleaner(units, blobs, retention=retention)
    heard = subscriptions(zone, cleaner.wake)
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
            search_router(units),
            activities_router(units, zone),
            imports_router(imports, units, zone, jobs),
            calendar_feeds_router(units),
            attachments_router(units, blobs),
            sellers_router(units),
            timeline_router(units, zone),
            targets_router(units, zone),
            target_exceptions_router(units, zone),
            target_progress_router(units, zone),
            target_recounts_router(units, jobs),
            history_router(units),
            reassignments_router(units, zone, jobs),
            seller_view_router(units, zone, notices),
            statistics_router(units),
            *lists_routers(units),
            impact_router(units),
        ],
        public_routers=[calendars_router(units)],
        versions=VERSIONS,
        metadata=metadata,
        retention=retention,
        fleeting=FLEETING,
        prepare=prepare,
        loops=[("attachments", cleaner.run), ("notices", notices.run)],
        jobs=jobs,
        outdated=[imports.store.outdated],
        larger_bodies={
            imports.path: MAX_FILE,
            **larger_bodies(settings.attachment_megabytes * MEGABYTE),
        },
        tags=TAGS,
    )
