"""Databases to measure in, and services over them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from time import perf_counter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service
from shared.chassis.testing.servers import Build, Postgres

KEY = "k" * 32


async def fresh_database(server: Postgres, stack: AsyncExitStack, service: str) -> str:
    """Return the URL of an empty database of a service, which is dropped with the stack."""
    return await stack.enter_async_context(server.database(service, schema_of(service)))


def schema_of(service: str) -> Build:
    """Return what makes the tables of a service in an empty database."""
    bootstrap = import_module(f"services.{service}.bootstrap")

    async def build(engine: AsyncEngine) -> None:
        await upgrade(engine, bootstrap.VERSIONS, bootstrap.metadata)

    return build


def service_at(url: str, name: str, *, pool_size: int = 3) -> Service:
    """Return a service over a database, whose events nobody hears."""
    settings = import_module(f"services.{name}.settings").Settings(
        database_url=url, broker_url="amqp://unused", api_key=KEY, pool_size=pool_size
    )
    service: Service = import_module(f"services.{name}.bootstrap").build(settings, InProcessBus())
    return service


async def prepared(service: Service, stack: AsyncExitStack) -> Service:
    """Return the service with its defaults installed; its connections are closed with the stack."""
    stack.push_async_callback(service.engine.dispose)
    assert service.prepare is not None
    await service.prepare()
    return service


@asynccontextmanager
async def filled(
    server: Postgres,
    name: str,
    fill: Callable[[str, int], Awaitable[None]],
    count: int,
    kept: str | None = None,
) -> AsyncIterator[Service]:
    """Yield a service with so many records, which `fill` makes in the database at a URL.

    A database that is `kept` is made and filled if it is not there; without one it is a fresh one.
    """
    async with AsyncExitStack() as stack:
        if kept is None:
            url, empty = await fresh_database(server, stack, name), True
        else:
            url, empty = server.url(kept), await created(server, kept, name)
        service = await prepared(service_at(url, name), stack)
        if empty:
            began = perf_counter()
            await fill(url, count)
            print(f"{name}: {count:,} made in {perf_counter() - began:.0f} s")
        yield service


async def created(server: Postgres, name: str, service: str) -> bool:
    """Make a database with the schema if it is not there; tell whether it was not."""
    admin = create_async_engine(
        server.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    async with admin.connect() as connection:
        found = await connection.execute(
            text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}
        )
        if found.one_or_none() is not None:
            return False
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine = create_async_engine(server.url(name), poolclass=NullPool)
    await schema_of(service)(engine)
    await engine.dispose()
    return True


@asynccontextmanager
async def without_indexes(connection: AsyncConnection, *tables: str) -> AsyncIterator[None]:
    """Drop the indexes of tables while they are filled, and make them again."""
    found = await connection.execute(text(INDEXES), {"tables": list(tables)})
    definitions = {row.indexname: row.indexdef for row in found}
    for name in definitions:
        await connection.execute(text(f'DROP INDEX "{name}"'))
    yield
    for definition in definitions.values():
        await connection.execute(text(definition))


INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename = ANY(CAST(:tables AS text[])) AND indexname LIKE 'ix_%'
"""
