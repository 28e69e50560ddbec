"""Starts everything on this machine, says where, runs until Ctrl-C, and stops cleanly."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from rich.console import Console

from apps.embedded.application import Embedded, compose, installation_key
from apps.embedded.postgres import EmbeddedPostgres, usable_data
from shared.chassis import process

READY_SECONDS = 60.0

Then = Callable[[httpx.AsyncClient, Embedded, str], Awaitable[None]]


class PortTaken(Exception):
    """Another program listens on this port; choose another with --port."""


def run(data: Path, *, port: int, then: Then | None, phone_region: str, console: Console) -> int:
    """
    Run all services with their data below `data`; `then` is run once they are ready.

    Returns the exit code. Raises `PortTaken`, or the errors of the embedded PostgreSQL.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(
                f"port {port} on 127.0.0.1 is taken; choose another with --port "
                "(of make: PORT=8090)"
            ) from None
    home = usable_data(data)
    home.mkdir(parents=True, exist_ok=True)
    data.mkdir(parents=True, exist_ok=True)
    console.print("Starting PostgreSQL and the services ...")
    with EmbeddedPostgres(home / "postgres") as base_url:
        try:
            return process.run(_serve(base_url, data, port, then, phone_region, console))
        except KeyboardInterrupt:
            # Ctrl-C before the server listens to signals; nothing has begun yet.
            return 0


async def _serve(
    base_url: str, data: Path, port: int, then: Then | None, phone_region: str, console: Console
) -> int:
    address = f"http://127.0.0.1:{port}"
    embedded = await compose(
        base_url,
        api_key=installation_key(data),
        data=data,
        phone_region=phone_region,
        public_url=address,
    )
    serving = asyncio.create_task(
        process.serve(embedded.app, embedded.services, host="127.0.0.1", port=port)
    )
    greeting = asyncio.create_task(_greet(embedded, address, then, console))
    await asyncio.wait([serving, greeting], return_when=asyncio.FIRST_COMPLETED)
    failure = None if serving.done() else greeting.exception()
    if isinstance(failure, httpx.TransportError):
        # After Ctrl-C the server refuses connections first and then stops everything in order.
        await asyncio.wait([serving], timeout=process.EXIT_WITHIN_SECONDS)
    if serving.done():
        greeting.cancel()
    elif failure is not None:
        console.print(f"[red]{failure!r}[/red]")
        serving.cancel()
        return 1
    return await serving


async def _greet(embedded: Embedded, address: str, then: Then | None, console: Console) -> None:
    key = embedded.api_key.get_secret_value()
    async with httpx.AsyncClient(
        base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60
    ) as client:
        await _until_ready(client)
        if then is not None:
            await then(client, embedded, address)
    console.print(
        f"""
Suhde runs at {address}   (API: {address}/openapi.json)
Its key:      export SUHDE_KEY={key}

  curl -s -H "Authorization: Bearer $SUHDE_KEY" "{address}/v1/customers?limit=3"
  curl -s -H "Authorization: Bearer $SUHDE_KEY" {address}/v1/segments
  curl -s -H "Authorization: Bearer $SUHDE_KEY" {address}/v1/inboxes/customers

Ctrl-C stops it; the next start goes on from here.""",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


async def _until_ready(client: httpx.AsyncClient) -> None:
    last = "nothing answered"
    try:
        async with asyncio.timeout(READY_SECONDS):
            while True:
                try:
                    answer = await client.get("/health/ready")
                    if answer.status_code == 200:
                        return
                    last = answer.text
                except httpx.TransportError as error:
                    last = repr(error)
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise TimeoutError(f"not ready within {READY_SECONDS:.0f} s: {last}") from None
