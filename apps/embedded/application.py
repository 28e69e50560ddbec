"""All services in one process, on a PostgreSQL of its own and the in-process bus.

Only composition lives here: the services do not know that they run together.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from pydantic import SecretStr

import services.activities.bootstrap as activities
import services.activities.settings as activities_settings
import services.customers.bootstrap as customers
import services.customers.settings as customers_settings
import services.mailing.bootstrap as mailing
import services.mailing.settings as mailing_settings
import services.pipeline.bootstrap as pipeline
import services.pipeline.settings as pipeline_settings
from apps.embedded.postgres import ensure_databases
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.http.app import create_app
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service

DATABASES = ("customers", "activities", "pipeline", "mailing")
NO_BROKER = SecretStr("in-process://")


@dataclass(frozen=True, slots=True)
class Embedded:
    """The composed application and its services."""

    app: FastAPI
    services: Sequence[Service]
    api_key: SecretStr
    # Where a day begins and ends.
    zone: ZoneInfo


def installation_key(data: Path, name: str = "api-key") -> SecretStr:
    """Return a key of this installation, made on the first start and readable by us alone."""
    path = data / name
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"suhde_{secrets.token_urlsafe(32)}")
    return SecretStr(path.read_text().strip())


def database_url(base_url: str, name: str) -> SecretStr:
    """Return where a service's database is on this server."""
    return SecretStr(f"{base_url}/{name}")


async def compose(
    base_url: str,
    *,
    api_key: SecretStr,
    data: Path,
    phone_region: str = "FI",
    public_url: str | None = None,
) -> Embedded:
    """
    Make and migrate the databases on this server, and compose the services on them.

    What is no row of a database, such as attachments and the key of unsubscribe links, is kept
    below `data`. `public_url` is where recipients reach this process.
    """
    await ensure_databases(base_url, DATABASES)
    bus = InProcessBus()
    activities_own = activities_settings.Settings(
        database_url=database_url(base_url, "activities"),
        broker_url=NO_BROKER,
        api_key=api_key,
        phone_region=phone_region,
        pool_size=6,
        attachments_path=data / "attachments",
    )
    built = [
        customers.build(
            customers_settings.Settings(
                database_url=database_url(base_url, "customers"),
                broker_url=NO_BROKER,
                api_key=api_key,
                phone_region=phone_region,
                pool_size=6,
            ),
            bus,
        ),
        activities.build(activities_own, bus),
        pipeline.build(
            pipeline_settings.Settings(
                database_url=database_url(base_url, "pipeline"),
                broker_url=NO_BROKER,
                api_key=api_key,
                phone_region=phone_region,
                pool_size=6,
            ),
            bus,
        ),
        mailing.build(
            mailing_settings.Settings(
                database_url=database_url(base_url, "mailing"),
                broker_url=NO_BROKER,
                api_key=api_key,
                link_key=installation_key(data, "link-key"),
                public_url=public_url,
                phone_region=phone_region,
                pool_size=6,
            ),
            bus,
        ),
    ]
    for service in built:
        await upgrade(service.engine, service.versions, service.metadata)
    app = create_app(built, api_key=api_key, title="Suhde", version="0.1.0")
    return Embedded(app, built, api_key, ZoneInfo(activities_own.time_zone))
