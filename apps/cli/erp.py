"""`suhde erp`: publishes ERP events from a file, over HTTP or AMQP."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import aio_pika
import typer
from aio_pika.abc import AbstractExchange
from aiormq.exceptions import AMQPError, ChannelAccessRefused, DeliveryError
from pydantic_core import from_json
from rich.console import Console
from rich.progress import Progress

from apps.cli.api import DEFAULT_URL, Key, Url, call, fail
from shared.contracts.catalogue import ERP_EXCHANGE

erp = typer.Typer(no_args_is_help=True)
console = Console(markup=False, highlight=False, soft_wrap=True)

BATCH = 500
BATCH_BYTES = 3_000_000
CONFIRM_SECONDS = 10.0

Taken = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the file, as it stands there."""

    number: int
    body: bytes
    type: str


@erp.callback()
def _group() -> None:
    """Feed Suhde with documents of an ERP."""


@erp.command()
def publish(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="NDJSON, one event a line")
    ],
    key: Key,
    url: Url = DEFAULT_URL,
    amqp: Annotated[
        str, typer.Option(help="publish over AMQP to this broker instead", metavar="URL")
    ] = "",
) -> None:
    """
    Publish a file of CloudEvents, one JSON object a line, and tell what became of them.

    Ends with 0 if all were taken, with 1 if any was refused or parked. Publishing a file twice does
    no harm.
    """
    lines = _read(file)
    fates: Counter[str] = Counter()
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Publishing", total=len(lines))

        def taken(count: int) -> None:
            progress.advance(bar, count)

        if amqp:
            asyncio.run(_publish_amqp(amqp, lines, fates, taken))
        else:
            for chunk in _chunks(lines):
                _publish_http(url, key, chunk, fates)
                taken(len(chunk))
    console.print(", ".join(f"{count:,} {fate}" for fate, count in fates.items()) or "no events")
    if fates["parked"]:
        console.print("`suhde parked list` shows what is parked and what to do about it.")
    if fates["refused"] or fates["parked"]:
        raise typer.Exit(1)


def _read(file: Path) -> list[Line]:
    """Return all events; a line that is none ends the command before anything is sent."""
    lines = []
    for number, body in enumerate(file.read_bytes().splitlines(), start=1):
        if not body.strip():
            continue
        try:
            event = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            fail(f"line {number} is not JSON: {error}. Nothing was sent: one event a line, please.")
        if not isinstance(event, dict):
            fail(f"line {number} is no JSON object. Nothing was sent: one event a line, please.")
        lines.append(Line(number, body, str(event.get("type"))))
    return lines


def _chunks(lines: list[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        if chunk and (len(chunk) == BATCH or size + len(line.body) > BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line.body)
    if chunk:
        yield chunk


def _publish_http(url: str, key: str, chunk: list[Line], fates: Counter[str]) -> None:
    answer = call(
        "POST",
        f"{url}/v1/erp/events",
        key,
        doing=_between(chunk) + (f", {fates.total():,} events before are through" if fates else ""),
        content=b"[" + b",".join(line.body for line in chunk) + b"]",
        headers={"Content-Type": "application/json"},
    )
    for line, result in zip(chunk, answer["results"], strict=True):
        fates[result["status"]] += 1
        if result["status"] in ("refused", "parked"):
            console.print(
                f"line {line.number}: {result['status']}, {result['reason']}: {result['detail']}"
            )


def _between(chunk: list[Line]) -> str:
    return f"lines {chunk[0].number} to {chunk[-1].number}"


async def _publish_amqp(url: str, lines: list[Line], fates: Counter[str], taken: Taken) -> None:
    try:
        async with asyncio.timeout(CONFIRM_SECONDS):
            connection = await aio_pika.connect(url)
    except (AMQPError, OSError, ValueError) as error:
        fail(f"the broker does not let us in ({error!r}). Is the URL after --amqp right?")
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange(ERP_EXCHANGE, ensure=False)
        for chunk in _chunks(lines):
            try:
                async with asyncio.timeout(CONFIRM_SECONDS):
                    routed = await asyncio.gather(*(_publish_one(exchange, one) for one in chunk))
            except ChannelAccessRefused as error:
                fail(
                    f"{_between(chunk)}: the broker forbids it ({error}). Does every type begin "
                    "with erp., and is the user the one of the ERP?"
                )
            except (AMQPError, OSError, RuntimeError) as error:
                fail(
                    f"{_between(chunk)}: not confirmed by the broker ({error!r}). Run the same "
                    "again: what it has already does nothing."
                )
            for line, is_routed in zip(chunk, routed, strict=True):
                fates["confirmed" if is_routed else "refused"] += 1
                if not is_routed:
                    console.print(
                        f"line {line.number}: refused: nobody listens to the type {line.type!r}; "
                        "docs/events.md lists those of an ERP."
                    )
            taken(len(chunk))


async def _publish_one(exchange: AbstractExchange, line: Line) -> bool:
    message = aio_pika.Message(line.body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    try:
        await exchange.publish(message, routing_key=line.type, mandatory=True)
    except DeliveryError:
        return False
    return True
