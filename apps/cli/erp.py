"""`suhde erp`: publishes ERP events from a file, over HTTP or AMQP."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import aio_pika
import typer
from rich.console import Console
from rich.progress import Progress

from apps.cli.parked import DEFAULT_URL, call
from shared.contracts.catalogue import ERP_EXCHANGE

erp = typer.Typer(no_args_is_help=True)
console = Console()

BATCH = 500
CONFIRM_SECONDS = 10.0


@erp.callback()
def _group() -> None:
    """Feed Suhde with documents of an ERP."""


@erp.command()
def publish(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="NDJSON, one event a line")
    ],
    url: Annotated[
        str, typer.Option(envvar="SUHDE_URL", help="publish over HTTP to this API")
    ] = DEFAULT_URL,
    key: Annotated[str, typer.Option(envvar="SUHDE_KEY", help="key of the API")] = "",
    amqp: Annotated[str, typer.Option(help="publish over AMQP to this broker instead")] = "",
) -> None:
    """Publish a file of CloudEvents, one JSON object a line, and tell what became of each."""
    chunks = list(_chunks(file))
    total = sum(len(chunk) for chunk in chunks)
    fates: dict[str, int] = {}
    with Progress(console=console) as progress:
        bar = progress.add_task("Publishing", total=total)
        for chunk in chunks:
            if amqp:
                asyncio.run(_publish_amqp(amqp, chunk))
                fates["confirmed"] = fates.get("confirmed", 0) + len(chunk)
            else:
                _publish_http(url, key, chunk, fates)
            progress.advance(bar, len(chunk))
    console.print(", ".join(f"{count:,} {fate}" for fate, count in fates.items()) or "no events")
    if fates.get("refused"):
        raise typer.Exit(1)


def _chunks(file: Path) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    chunk: list[tuple[int, dict[str, Any]]] = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                event = json.loads(line)
            except ValueError as error:
                console.print(f"suhde: line {number} is not JSON: {error}")
                raise typer.Exit(1) from None
            if not isinstance(event, dict):
                console.print(f"suhde: line {number} is no JSON object")
                raise typer.Exit(1)
            chunk.append((number, event))
            if len(chunk) == BATCH:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def _publish_http(
    url: str, key: str, chunk: list[tuple[int, dict[str, Any]]], fates: dict[str, int]
) -> None:
    answer = call("POST", f"{url}/v1/erp/events", key, json=[event for _, event in chunk])
    for (number, _), result in zip(chunk, answer["results"], strict=True):
        fates[result["status"]] = fates.get(result["status"], 0) + 1
        if result["status"] in ("refused", "parked"):
            console.print(f"line {number}: {result['status']}: {result['detail']}", markup=False)


async def _publish_amqp(url: str, chunk: list[tuple[int, dict[str, Any]]]) -> None:
    async with asyncio.timeout(CONFIRM_SECONDS):
        connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange(ERP_EXCHANGE, ensure=False)
        async with asyncio.timeout(CONFIRM_SECONDS):
            await asyncio.gather(
                *(
                    exchange.publish(
                        aio_pika.Message(
                            json.dumps(event).encode(),
                            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                        ),
                        routing_key=str(event.get("type", "unknown")),
                        mandatory=True,
                    )
                    for _, event in chunk
                )
            )
