from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from shared.chassis.http.app import create_app
from shared.chassis.testing.servers import Postgres
from tests.integration.mailing.rig import KEY, Rig, open_rig


@pytest.fixture
async def rig(postgres: Postgres) -> AsyncIterator[Rig]:
    """The mailing service on a database of its own, not running, with hands to feed it."""
    async with open_rig(postgres) as one:
        yield one


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's HTTP API that holds its key; what it writes is followed at once."""
    async with client_of(rig) as client:
        yield client


@asynccontextmanager
async def client_of(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """A client as `api` is, of any rig."""

    async def follow(response: httpx.Response) -> None:
        if response.request.method != "GET":
            await rig.settle()

    app = create_app([rig.service], api_key=SecretStr(KEY), title="mailing", version="0")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://suhde",
        headers={"Authorization": f"Bearer {KEY}"},
        event_hooks={"response": [follow]},
    ) as client:
        yield client
