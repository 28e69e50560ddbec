"""The `suhde` command."""

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.console import Console

from apps.cli.erp import erp
from apps.cli.parked import parked
from apps.cli.profile import profile
from apps.embedded.postgres import PostgresError
from shared.chassis.settings import BadSettings, EnvironmentSettings

SERVICES = ("customers", "activities", "pipeline", "mailing")
TELLERS = ("customers", "activities", "pipeline")
DATA = Path(".suhde")
WAIT_SECONDS = 60.0

console = Console(stderr=False)
app = typer.Typer(
    help="Suhde, an event-driven CRM core beside an ERP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(erp, name="erp", help="Feed Suhde with documents of an ERP.")
app.add_typer(profile, name="profile", help="Fill the lists with values a vendor's manual names.")
app.add_typer(parked, name="parked", help="Look at parked messages and get them going again.")

Data = Annotated[Path, typer.Option(help="where this installation keeps its data")]
Port = Annotated[int, typer.Option(help="port on 127.0.0.1", min=1, max=65535)]


def _embedded(data: Path, port: int, *, demo: bool) -> None:
    from apps.embedded.demo.replay import replay
    from apps.embedded.run import PortTaken, run
    from shared.chassis.logs import configure_logs

    configure_logs("ERROR")
    then = partial(replay, console=console) if demo else None
    try:
        code = run(
            data.absolute(),
            port=port,
            then=then,
            phone_region="US" if demo else "FI",
            console=console,
        )
    except (PortTaken, PostgresError) as error:
        console.print(f"suhde: {error}")
        raise typer.Exit(1) from None
    raise typer.Exit(code)


@app.command()
def up(data: Data = DATA / "up", port: Port = 8080) -> None:
    """Run everything on this machine: PostgreSQL, all services, no broker needed."""
    _embedded(data, port, demo=False)


@app.command()
def demo(data: Data = DATA / "demo", port: Port = 8080) -> None:
    """Run everything and replay a year of real invoices; leaves the API running."""
    _embedded(data, port, demo=True)


def _service(name: str) -> str:
    if name not in SERVICES:
        raise typer.BadParameter(f"{name!r} is no service; there are: {', '.join(SERVICES)}")
    return name


Name = Annotated[str, typer.Argument(callback=_service, help=" or ".join(SERVICES))]


@app.command()
def serve(service: Name) -> None:
    """Run one service by itself, over RabbitMQ, with settings from the environment."""
    code: int = importlib.import_module(f"services.{service}.main").main()
    raise typer.Exit(code)


async def _once_there(
    store: str, step: Callable[[], Awaitable[None]], away: Callable[[Exception], bool]
) -> None:
    """Do a deploy step as soon as its store answers; give up after a minute."""
    deadline = monotonic() + WAIT_SECONDS
    while True:
        try:
            return await step()
        except Exception as error:
            if not away(error):
                raise
            why = f"{error!r}"[:200]
        if monotonic() > deadline:
            sys.stderr.write(
                f"suhde: {store} does not let us in: {why}. Is it up, the URL right?\n"
            )
            raise typer.Exit(1)
        sys.stderr.write(f"suhde: waiting for {store}: {why}\n")
        await asyncio.sleep(1.0)


class DatabaseSettings(EnvironmentSettings):
    """What a deploy step on a service's database needs."""

    database_url: SecretStr


@app.command()
def migrate(service: Name) -> None:
    """Bring a service's database to the newest schema (deploy step)."""
    from shared.chassis.database import connect, is_transient
    from shared.chassis.migrations import upgrade

    bootstrap = importlib.import_module(f"services.{service}.bootstrap")
    tables = importlib.import_module(f"services.{service}.persistence.tables")

    url = DatabaseSettings.read().database_url.get_secret_value()

    async def step() -> None:
        engine = connect(url, name=f"migrate-{service}")
        try:
            await upgrade(engine, bootstrap.VERSIONS, tables.metadata)
        finally:
            await engine.dispose()

    asyncio.run(_once_there("PostgreSQL", step, is_transient))
    console.print(f"{service}: the database is at the newest schema")


def _teller(name: str) -> str:
    if name not in TELLERS:
        raise typer.BadParameter(f"{name!r} tells no state; {', '.join(TELLERS)} do")
    return name


@app.command()
def republish(
    service: Annotated[str, typer.Argument(callback=_teller, help=" or ".join(TELLERS))],
    above: Annotated[
        int,
        typer.Option(
            help="of customers: highest consent number mailing has, if it has more", min=0
        ),
    ] = 0,
) -> None:
    """Tell the state anew, so that the new or lost database of who listens becomes fresh."""
    from rich.progress import Progress
    from sqlalchemy import text

    from shared.chassis.clock import system_clock
    from shared.chassis.database import connect, is_transient
    from shared.chassis.unit_of_work import UnitOfWorkFactory

    handler = importlib.import_module(f"services.{service}.handlers.republish")
    translate = importlib.import_module(f"services.{service}.messaging.publications").translate
    # Only customers counts consent, and says at the end how far.
    options = {"above": above} if service == "customers" else {}

    url = DatabaseSettings.read().database_url.get_secret_value()

    async def work() -> Any:
        engine = connect(url, name=f"republish-{service}")

        async def answers() -> None:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))

        try:
            await _once_there("PostgreSQL", answers, is_transient)
            with Progress(console=console) as bar:
                task = bar.add_task(service, total=None)
                return await handler.republish(
                    UnitOfWorkFactory(engine, system_clock, translate),
                    lambda told, total: bar.update(task, completed=told, total=total),
                    **options,
                )
        except Exception as error:
            if not is_transient(error):
                raise
            sys.stderr.write(f"suhde: interrupted, run it again: {error!r}"[:300] + "\n")
            raise typer.Exit(1) from None
        finally:
            await engine.dispose()

    baseline = asyncio.run(work())
    told = f"{service}: all is told; the running service sends it."
    if baseline is not None:
        told += (
            " mailing opens marketing when it has applied consent number "
            f"{baseline.through}; see GET /v1/consent"
        )
    console.print(told, soft_wrap=True)


@app.command()
def topology() -> None:
    """Declare exchanges, queues and bindings in RabbitMQ (deploy step, needs configure rights)."""
    from shared.chassis.bus.rabbitmq import declare_topology
    from shared.contracts.wiring import EXCHANGES, bindings

    class Topology(EnvironmentSettings):
        broker_url: SecretStr

    url = Topology.read().broker_url.get_secret_value()

    async def step() -> None:
        wanted = {name: bindings(name) for name in SERVICES}
        await declare_topology(url, wanted, exchanges=EXCHANGES)

    asyncio.run(_once_there("RabbitMQ", step, lambda error: isinstance(error, OSError)))
    console.print(f"RabbitMQ has the queues of {', '.join(SERVICES)}")


@app.command()
def schemas() -> None:
    """Write JSON schemas, AsyncAPI, event catalogue and OpenAPI from the contracts and routes."""
    from apps import openapi
    from shared.contracts import generate

    root = Path(__file__).parents[2]
    generate.write(root)
    openapi.write(root)


def run() -> None:
    """Run the command; a missing or wrong setting ends with one clear line."""
    try:
        app(prog_name="suhde")
    except BadSettings as error:
        sys.stderr.write(f"suhde: {error}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    run()
