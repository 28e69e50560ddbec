from collections.abc import AsyncIterator

import pytest

from shared.chassis.testing.servers import Postgres
from tests.integration.openapi.world import World, open_world


@pytest.fixture(scope="module")
async def world(postgres: Postgres) -> AsyncIterator[World]:
    """All services behind one API, the same for all tests of a file."""
    async with open_world(postgres) as one:
        yield one
