from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from services.mailing import bootstrap
from services.mailing.persistence.tables import metadata
from services.mailing.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.http.app import create_app
from shared.chassis.migrations import upgrade
from shared.chassis.testing.servers import Postgres
from tests.integration.mailing.rig import Rig

KEY = "a-key-for-tests-of-enough-length"


@pytest.fixture
async def rig(postgres: Postgres) -> AsyncIterator[Rig]:
    """The mailing service on a database of its own, not running, with hands to feed it."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    async with postgres.database("mailing", build) as url:
        settings = Settings(database_url=url, broker_url="amqp://unused", api_key=KEY, pool_size=8)
        service = bootstrap.build(settings, InProcessBus())
        yield Rig(service, limit_seconds=settings.consent_limit_seconds)
        await service.engine.dispose()


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's HTTP API that holds its key."""
    app = create_app([rig.service], api_key=SecretStr(KEY), title="mailing", version="0")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://suhde", headers={"Authorization": f"Bearer {KEY}"}
    ) as client:
        yield client
