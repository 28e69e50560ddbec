import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from services.pipeline import bootstrap
from services.pipeline.persistence.tables import metadata
from services.pipeline.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.http.app import create_app
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from tests.integration.pipeline.world import World

KEY = "a-key-for-tests-of-enough-length"


@pytest.fixture
async def pipeline(postgres: Postgres) -> AsyncIterator[Service]:
    """The pipeline service on a database of its own, its defaults installed; only jobs run."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    async with postgres.database("pipeline", build) as url:
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
async def api(pipeline: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's HTTP API that holds its key and waits for outcomes of jobs."""
    async with client_of(pipeline) as client:
        yield client


@pytest.fixture
def world(pipeline: Service) -> World:
    """What the service has heard of customers, contacts and projects, for a test to fill."""
    return World(pipeline)


def client_of(service: Service) -> httpx.AsyncClient:
    app = create_app([service], api_key=SecretStr(KEY), title="pipeline", version="0")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://suhde",
        headers={"Authorization": f"Bearer {KEY}", "Prefer": "wait=20"},
    )
