import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from services.activities import bootstrap
from services.activities.persistence.tables import metadata
from services.activities.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.http.app import create_app
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from tests.integration.activities.world import World

KEY = "a-key-for-tests-of-enough-length"


@pytest.fixture
async def activities(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Service]:
    """The activities service on a database of its own, its defaults installed; only jobs run."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    async with postgres.database("activities", build) as url:
        settings = Settings(
            database_url=url,
            broker_url="amqp://unused",
            api_key=KEY,
            pool_size=5,
            attachments_path=tmp_path / "attachments",
        )
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
async def api(activities: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's HTTP API that holds its key and waits for outcomes of jobs."""
    async with client_of(activities) as client:
        yield client


@pytest.fixture
def world(activities: Service) -> World:
    """What the service has heard of customers, contacts and sellers, for a test to fill."""
    return World(activities)


@pytest.fixture
async def activity(api: httpx.AsyncClient, world: World) -> str:
    """The path of an activity that is recorded."""
    said = {"customer_id": str(await world.customer()), "category": 1, "memo": "Sent an offer"}
    answer = await api.post("/v1/activities", json=said)
    return str(answer.headers["location"])


@pytest.fixture
def store(activities: Service, tmp_path: Path) -> Path:
    """The directory in which the service keeps attachments."""
    return tmp_path / "attachments"


def client_of(service: Service) -> httpx.AsyncClient:
    app = create_app([service], api_key=SecretStr(KEY), title="activities", version="0")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://suhde",
        headers={"Authorization": f"Bearer {KEY}", "Prefer": "wait=20"},
    )
