from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from services.customers import bootstrap
from services.customers.persistence.tables import metadata
from services.customers.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.http.app import create_app
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres

KEY = "a-key-for-tests-of-enough-length"


@pytest.fixture
async def customers(postgres: Postgres) -> AsyncIterator[Service]:
    """The customers service on a database of its own, its defaults installed, not running."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    async with postgres.database("customers", build) as url:
        settings = Settings(database_url=url, broker_url="amqp://unused", api_key=KEY, pool_size=5)
        service = bootstrap.build(settings, InProcessBus())
        assert service.prepare is not None
        await service.prepare()
        yield service
        await service.engine.dispose()


@pytest.fixture
async def api(customers: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's HTTP API that holds its key."""
    app = create_app([customers], api_key=SecretStr(KEY), title="customers", version="0")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://suhde", headers={"Authorization": f"Bearer {KEY}"}
    ) as client:
        yield client
