"""Wires the customers service: the only place that sees all of it."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from services.customers.api.contacts import contacts_router
from services.customers.api.customers import customers_router
from services.customers.api.deleted import deleted_router
from services.customers.api.duplicates import duplicates_router
from services.customers.api.erp_events import erp_router
from services.customers.api.history import history_router
from services.customers.api.imports import LARGER_BODIES, import_kinds, imports_router
from services.customers.api.lists import lists_routers
from services.customers.api.merges import merges_router
from services.customers.api.operations import operation_kinds, operations_router
from services.customers.api.register import register_router
from services.customers.api.reports import reports_router
from services.customers.api.search import search_router
from services.customers.api.tags import TAGS
from services.customers.api.violations import violations_router
from services.customers.handlers.complete_customers import complete_customers
from services.customers.handlers.customer_lists import CUSTOMER_LISTS
from services.customers.handlers.install_defaults import install_defaults
from services.customers.handlers.save_customer import Here
from services.customers.messaging.publications import SOURCE, translate
from services.customers.messaging.subscribers import subscriptions
from services.customers.persistence.imports import OUTDATED_IMPORTS
from services.customers.persistence.profiles import load_profiles
from services.customers.persistence.tables import metadata
from services.customers.settings import Settings
from shared.chassis.bus.port import Bus
from shared.chassis.clock import Clock, system_clock
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
from shared.lists.profiles_api import profiles_router

NAME = "customers"
# Two hundred thousand customers are given back with one statement.
JOB_COMMAND_SECONDS = 120.0
PROFILES = "List the profiles: the vendors', the defaults, and classifications such as NACE."
VERSIONS = Path(__file__).parent / "persistence" / "migrations" / "versions"


def build(settings: Settings, bus: Bus, *, clock: Clock = system_clock) -> Service:
    """Return the service on its database and this bus, ready to be started."""
    engine = connect(
        settings.database_url.get_secret_value(), name=NAME, pool_size=settings.pool_size
    )
    units = UnitOfWorkFactory(engine, clock, translate)
    here = Here(
        ZoneInfo(settings.time_zone),
        settings.phone_region,
        frozenset(settings.business_id_countries.split(",")),
    )
    jobs = JobRunner(
        connect(
            settings.database_url.get_secret_value(),
            name=f"{NAME}-jobs",
            pool_size=2 * SLOTS,
            command_seconds=JOB_COMMAND_SECONDS,
        ),
        units,
        {**operation_kinds(), **import_kinds(here)},
    )
    inbox = Inbox(engine, clock, read_label=read_label, read_data=read_data, body_hash=body_hash)
    heard = subscriptions(zone=here.zone, region=here.region, countries=here.countries)
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
        await complete_customers(units)

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
            customers_router(units, here),
            contacts_router(units, region=here.region),
            register_router(units),
            *lists_routers(units),
            reports_router(units),
            operations_router(units, here, jobs),
            imports_router(units, here, jobs),
            merges_router(units),
            duplicates_router(units),
            profiles_router(units, CUSTOMER_LISTS, load_profiles(), about=PROFILES),
            history_router(units),
            violations_router(units),
            deleted_router(units, here, enabled=settings.restore_enabled),
            erp_router(inbox),
        ],
        versions=VERSIONS,
        metadata=metadata,
        retention=timedelta(days=settings.retention_days),
        fleeting=FLEETING,
        prepare=prepare,
        jobs=jobs,
        outdated=[OUTDATED_IMPORTS],
        larger_bodies=LARGER_BODIES,
        tags=TAGS,
    )
