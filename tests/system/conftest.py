from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path

import pytest

from shared.chassis.bus.rabbitmq import declare_topology
from shared.chassis.migrations import upgrade
from shared.chassis.testing.servers import Postgres, find_rabbitmq
from shared.contracts.wiring import EXCHANGES, bindings
from tests.system.processes import ServiceProcess, stopping

SERVICES = ("customers", "activities", "pipeline", "mailing")


@pytest.fixture
async def deployed(
    postgres: Postgres, rabbit_url: str, tmp_path: Path
) -> AsyncIterator[dict[str, ServiceProcess]]:
    """Every service as a process on stores of its own, topology declared, not yet started."""
    async with AsyncExitStack() as stack:
        server = await find_rabbitmq()
        broker_url = await stack.enter_async_context(server.vhost())
        await declare_topology(
            broker_url, {name: bindings(name) for name in SERVICES}, exchanges=EXCHANGES
        )
        processes = {}
        for name in SERVICES:
            bootstrap = import_module(f"services.{name}.bootstrap")
            tables = import_module(f"services.{name}.persistence.tables")

            async def build(engine: object, b: object = bootstrap, t: object = tables) -> None:
                await upgrade(engine, b.VERSIONS, t.metadata)  # type: ignore[attr-defined,arg-type]

            url = await stack.enter_async_context(postgres.database(name, build))
            processes[name] = ServiceProcess(name, url, broker_url, tmp_path / f"{name}.log")
        await stack.enter_async_context(stopping(*processes.values()))
        yield processes
