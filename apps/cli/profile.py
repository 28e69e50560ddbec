"""`suhde profile`: installs values of the lists that a vendor or a classification names."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from apps.cli.api import DEFAULT_URL, Key, Url, call

profile = typer.Typer(no_args_is_help=True)
console = Console(markup=False, highlight=False)


class Filled(StrEnum):
    """The services whose lists profiles fill."""

    CUSTOMERS = "customers"
    PIPELINE = "pipeline"

    @property
    def path(self) -> str:
        """Return where its profiles are."""
        return "/v1/list-profiles" if self is Filled.CUSTOMERS else "/v1/pipeline-profiles"


Of = Annotated[Filled, typer.Option("--of", help="whose lists")]


@profile.command("list")
def list_(key: Key, of: Of = Filled.CUSTOMERS, url: Url = DEFAULT_URL) -> None:
    """List the profiles and how much of each was ever installed."""
    table = Table("name", "values", "installed", "about")
    for one in call("GET", f"{url}{of.path}", key):
        table.add_row(one["name"], f"{one['values']:,}", f"{one['installed']:,}", one["about"])
    console.print(table)


@profile.command()
def apply(
    name: Annotated[str, typer.Argument(help="name from the list")],
    key: Key,
    of: Of = Filled.CUSTOMERS,
    url: Url = DEFAULT_URL,
    dry_run: Annotated[bool, typer.Option(help="only tell what would be added")] = False,
) -> None:
    """Add a profile's values to the lists. Twice does no harm; what was edited stays."""
    done = call("POST", f"{url}{of.path}/{name}/apply", key, params={"dry_run": dry_run})
    for one in done["first_added"]:
        console.print(f"{one['list']}: {one['title']}")
    if done["added"] > len(done["first_added"]):
        console.print("…")
    told = [
        f"{done['added']:,} {'would be ' if dry_run else ''}added",
        f"{done['adopted']:,} there by the same title",
        f"{done['installed_before']:,} installed before",
    ]
    if done["left_out"]:
        told.append(f"{done['left_out']:,} left out below deleted ones")
    console.print(", ".join(told))
