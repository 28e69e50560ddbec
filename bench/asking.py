"""How long it takes until a service has answered."""

from collections.abc import Awaitable, Callable
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import httpx
from pydantic import SecretStr

from bench.databases import KEY
from shared.chassis.http.app import create_app
from shared.chassis.service import Service


def client_of(service: Service) -> httpx.AsyncClient:
    """Return a client that asks a service over HTTP, in this process."""
    app = create_app([service], api_key=SecretStr(KEY), title=service.name, version="0")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://suhde",
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=60,
    )


async def timed(count: int, run: Callable[[], Awaitable[Any]]) -> tuple[float, float]:
    """Return p50 and p99 in milliseconds."""
    took = []
    for _ in range(count):
        began = perf_counter()
        await run()
        took.append(1000 * (perf_counter() - began))
    return median(took), quantiles(took, n=100)[98]
