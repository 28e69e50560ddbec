"""A process stops in order when it is told to, and within 20 seconds whatever hangs.

FAILURES rows 3, 18 and 30: the store is there, its connections stay open, and nothing moves.
"""

import asyncio
import signal
import time
from contextlib import AsyncExitStack

import httpx
import pytest

from shared.chassis.testing.waiting import eventually
from tests.system.processes import ServiceProcess
from tests.system.proxy import Proxy
from tests.system.suhde_up import STOPS_WITHIN, suhde_up

UNCLEAN = 70


@pytest.mark.rabbitmq
async def test_services_stop_in_time_while_a_store_hangs(
    deployed: dict[str, ServiceProcess],
) -> None:
    mailing = deployed["mailing"]
    # Mailing says something every second, so it is publishing when its broker freezes.
    broker = Proxy(mailing.broker_url, default_port=5672)
    others = [process for process in deployed.values() if process is not mailing]
    databases = [Proxy(process.database_url, default_port=5432) for process in others]
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        for proxy in (broker, *databases):
            await stack.enter_async_context(proxy.running())
        mailing.broker_url = broker.url
        for process, database in zip(others, databases, strict=True):
            process.database_url = database.url
        for process in deployed.values():
            await process.start()
        for process in deployed.values():
            await process.ready()

        for proxy in (broker, *databases):
            proxy.freeze()

        for process in deployed.values():

            async def told(process: ServiceProcess = process) -> bool:
                ready = await client.get(f"{process.url}/health/ready")
                assert ready.status_code == 503, ready.text
                return True

            await eventually(told, within=10)
            live = await client.get(f"{process.url}/health/live")
            assert live.status_code == 200
        began = time.monotonic()
        codes = await asyncio.gather(*(process.stop() for process in deployed.values()))
        took = time.monotonic() - began

        logs = "\n".join(process.log.read_text()[-2000:] for process in deployed.values())
        assert took < STOPS_WITHIN, logs
        assert set(codes) <= {0, UNCLEAN}, logs


async def test_sigterm_stops_everything_in_order() -> None:
    async with suhde_up() as up:
        (postmaster,) = up.directory.glob("**/postmaster.pid")

        up.process.send_signal(signal.SIGTERM)

        async with asyncio.timeout(STOPS_WITHIN):
            assert await up.process.wait() == 0, up.printed
        assert not postmaster.exists()
