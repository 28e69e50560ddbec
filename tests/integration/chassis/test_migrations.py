"""Migrations make the schema that the code declares, in every service there is."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.chassis.migrations import differences, upgrade
from shared.chassis.testing.servers import Postgres

SERVICES = sorted(
    path.parent.name for path in (Path(__file__).parents[3] / "services").glob("*/bootstrap.py")
)


@pytest.mark.parametrize("service", SERVICES)
async def test_the_migrated_database_is_the_declared_one(postgres: Postgres, service: str) -> None:
    versions: Any = import_module(f"services.{service}.bootstrap").VERSIONS
    metadata: Any = import_module(f"services.{service}.persistence.tables").metadata

    async def build(engine: AsyncEngine) -> None:
        await upgrade(engine, versions, metadata)
        await upgrade(engine, versions, metadata)

    async with postgres.database(f"{service}-compared", build) as url:
        engine = create_async_engine(url)
        try:
            async with engine.connect() as connection:
                found = await connection.run_sync(lambda c: differences(c, metadata))
        finally:
            await engine.dispose()

    assert not found
