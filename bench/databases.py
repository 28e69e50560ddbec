"""Databases to measure in."""

from contextlib import AsyncExitStack
from importlib import import_module

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.migrations import upgrade
from shared.chassis.testing.servers import Postgres


async def fresh_database(server: Postgres, stack: AsyncExitStack, service: str) -> str:
    """Return the URL of an empty database of a service, which is dropped with the stack."""
    bootstrap = import_module(f"services.{service}.bootstrap")

    async def build(engine: AsyncEngine) -> None:
        await upgrade(engine, bootstrap.VERSIONS, bootstrap.metadata)

    return await stack.enter_async_context(server.database(service, build))
