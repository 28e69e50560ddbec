"""Servers for tests: found, never assumed, and used only through scratch databases and vhosts.

PostgreSQL comes from the environment, from a local server, or from the binaries of the embedded
mode, in this order. RabbitMQ comes from the environment or from a local server; where there is
none, the tests that need it are reported as not run.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import aio_pika
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

PREFIX = "suhde_test_"
POSTGRES_VARIABLE = "SUHDE_TEST_POSTGRES_URL"
RABBITMQ_VARIABLE = "SUHDE_TEST_RABBITMQ_URL"
LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
LOCAL_RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/"
PROBE_SECONDS = 5.0
CONTROL_SECONDS = 30.0

Build = Callable[[AsyncEngine], Awaitable[None]]
"""Bring an empty database to its schema."""


class NoServer(Exception):
    """No server of this kind can be had here."""


class Postgres:
    """A PostgreSQL server on which tests may create and drop databases of their own."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._templates: dict[str, str] = {}
        self._building = asyncio.Lock()

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of one database."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    async def answers(self) -> bool:
        """Tell whether the server lets us in."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._admin("SELECT 1")
        except (SQLAlchemyError, OSError, TimeoutError):
            return False
        return True

    @asynccontextmanager
    async def database(self, schema: str, build: Build) -> AsyncIterator[str]:
        """
        Yield the URL of a fresh database with this schema, and drop it afterwards.

        `build` runs once per run and `schema` name; each database is a copy of what it made.
        """
        template = await self._template(schema, build)
        name = f"{PREFIX}{uuid4().hex[:12]}"
        await self._admin(
            f'CREATE DATABASE "{name}" TEMPLATE "{template}"',
            # No test stops the server, and those that stop a service lose nothing by it.
            f'ALTER DATABASE "{name}" SET synchronous_commit = off',
        )
        try:
            yield self.url(name)
        finally:
            await self._drop(name)

    async def close(self) -> None:
        """Drop the templates."""
        for name in self._templates.values():
            await self._drop(name)
        self._templates.clear()

    async def _template(self, schema: str, build: Build) -> str:
        async with self._building:
            if schema not in self._templates:
                name = f"{PREFIX}template_{uuid4().hex[:12]}"
                await self._admin(f'CREATE DATABASE "{name}"')
                self._templates[schema] = name
                engine = create_async_engine(self.url(name), poolclass=NullPool)
                try:
                    await build(engine)
                except BaseException:
                    del self._templates[schema]
                    await engine.dispose()
                    await self._drop(name)
                    raise
                await engine.dispose()
            return self._templates[schema]

    async def _drop(self, name: str) -> None:
        await self._admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _admin(self, *statements: str) -> None:
        engine = create_async_engine(self._url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                for statement in statements:
                    await connection.execute(text(statement))
        finally:
            await engine.dispose()


async def find_postgres(embedded: Callable[[], str] | None = None) -> Postgres:
    """
    Return a PostgreSQL server; raise `NoServer` saying what was tried.

    `embedded` starts a private server and returns its URL; it is called only if needed.
    """
    given = os.environ.get(POSTGRES_VARIABLE)
    server = Postgres(_asyncpg(given or LOCAL_POSTGRES))
    if await server.answers():
        return server
    if given:
        raise NoServer(f"{POSTGRES_VARIABLE} is set, but that server does not let us in")
    if embedded is None:
        raise NoServer(f"no PostgreSQL on 127.0.0.1:5432; set {POSTGRES_VARIABLE}")
    server = Postgres(_asyncpg(embedded()))
    if not await server.answers():
        raise NoServer("neither a local nor the embedded PostgreSQL answers")
    return server


def _asyncpg(url: str) -> URL:
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    return parsed if parsed.database else parsed.set(database="postgres")


class RabbitMQ:
    """A RabbitMQ server on which tests may create and delete vhosts of their own."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    async def answers(self) -> bool:
        """Tell whether the server lets us in."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                connection = await aio_pika.connect(self._url.render_as_string(hide_password=False))
                await connection.close()
        except Exception:
            # Whatever keeps us out, the answer is the same.
            return False
        return True

    @asynccontextmanager
    async def vhost(self) -> AsyncIterator[str]:
        """Yield the URL of a fresh vhost, and delete it afterwards."""
        name = f"{PREFIX}{uuid4().hex[:12]}"
        await _rabbitmqctl("add_vhost", name)
        try:
            user = self._url.username or "guest"
            await _rabbitmqctl("set_permissions", "-p", name, user, ".*", ".*", ".*")
            yield self._url.set(database=name).render_as_string(hide_password=False)
        finally:
            await _rabbitmqctl("delete_vhost", name)


async def find_rabbitmq() -> RabbitMQ:
    """Return a RabbitMQ server on which vhosts can be made; raise `NoServer` saying why not."""
    given = os.environ.get(RABBITMQ_VARIABLE)
    if shutil.which("rabbitmqctl") is None:
        raise NoServer("no rabbitmqctl to make scratch vhosts with")
    server = RabbitMQ(given or LOCAL_RABBITMQ)
    if not await server.answers():
        raise NoServer(f"no RabbitMQ at {'that ' + RABBITMQ_VARIABLE if given else 'localhost'}")
    return server


async def _rabbitmqctl(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "rabbitmqctl",
        "-q",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(CONTROL_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise NoServer(f"rabbitmqctl {arguments[0]} gave no answer") from None
    if process.returncode:
        raise NoServer(f"rabbitmqctl {arguments[0]}: {output.decode(errors='replace')[:300]}")
