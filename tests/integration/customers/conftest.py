import asyncio
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
    """The customers service on a database of its own, its defaults installed; only jobs run."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    async with postgres.database("customers", build) as url:
        settings = Settings(database_url=url, broker_url="amqp://unused", api_key=KEY, pool_size=5)
        service = bootstrap.build(settings, InProcessBus())
        assert service.prepare is not None
        await service.prepare()
        assert service.jobs is not None
        running = asyncio.create_task(service.jobs.run())
        yield service
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await service.jobs.close()
        await service.engine.dispose()


@pytest.fixture
async def api(customers: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's HTTP API that holds its key and waits for outcomes of jobs."""
    async with client_of(customers) as client:
        yield client


@pytest.fixture
async def restoring(customers: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the same service as it is where the deployment has activated restore."""
    url = customers.engine.url.render_as_string(hide_password=False)
    settings = Settings(
        database_url=url, broker_url="amqp://unused", api_key=KEY, pool_size=5, restore_enabled=True
    )
    service = bootstrap.build(settings, InProcessBus())
    async with client_of(service) as client:
        yield client
    await service.engine.dispose()


def client_of(service: Service) -> httpx.AsyncClient:
    app = create_app([service], api_key=SecretStr(KEY), title="customers", version="0")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://suhde",
        headers={"Authorization": f"Bearer {KEY}", "Prefer": "wait=20"},
    )
