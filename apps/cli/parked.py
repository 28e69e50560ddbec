"""`suhde parked`: what was set aside and why, and how it gets going again."""

from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from apps.cli.api import DEFAULT_URL, Key, Url, call, fail

parked = typer.Typer(no_args_is_help=True)
console = Console(highlight=False)

Service = Annotated[
    Literal["customers", "activities", "pipeline", "mailing"], typer.Option(help="whose inbox")
]
Reason = Annotated[str | None, typer.Option(help="only those parked for this reason")]


@parked.command("list")
def list_(
    key: Key,
    url: Url = DEFAULT_URL,
    service: Service = "customers",
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="how many to list")] = 20,
) -> None:
    """Count parked messages by reason and list the first of them."""
    base = f"{url}/v1/inboxes/{service}"
    counts = call("GET", base, key)["parked_by_reason"]
    if not counts:
        console.print("Nothing is parked.")
        return
    summary = Table("reason", "messages")
    for name, count in counts.items():
        summary.add_row(escape(name), f"{count:,}")
    console.print(summary)
    query: dict[str, Any] = {"limit": limit} | ({"reason": reason} if reason else {})
    messages = call("GET", f"{base}/parked-messages", key, params=query)["items"]
    if not messages:
        console.print(f"Nothing is parked for the reason {escape(str(reason))}.")
        return
    for one in messages:
        console.print(f"\n{one['seq']}  {one['type']}  {one['reason']}", markup=False)
        console.print(Padding(Text(one["detail"]), (0, 0, 0, 4), expand=False))


@parked.command()
def show(
    number: Annotated[int, typer.Argument(min=1, help="number from the list")],
    key: Key,
    url: Url = DEFAULT_URL,
    service: Service = "customers",
) -> None:
    """Show one parked message with its body."""
    console.print_json(
        data=call("GET", f"{url}/v1/inboxes/{service}/parked-messages/{number}", key)
    )


@parked.command()
def redrive(
    key: Key,
    numbers: Annotated[list[int] | None, typer.Argument(help="numbers from the list")] = None,
    reason: Reason = None,
    every: Annotated[bool, typer.Option("--all", help="all that are parked")] = False,
    url: Url = DEFAULT_URL,
    service: Service = "customers",
) -> None:
    """Put parked messages back to work: by number, by reason, or all. Twice does no harm."""
    if not (numbers or reason or every):
        fail("name numbers from `suhde parked list`, a --reason, or --all.", 2)
    body = {"seqs": numbers or None, "reason": reason, "all": every}
    count = call("POST", f"{url}/v1/inboxes/{service}/redrive", key, json=body)["redriven"]
    if count:
        console.print(f"{count:,} {'message goes' if count == 1 else 'messages go'} on.")
    else:
        console.print(
            "Nothing to redrive: no such message is parked, or it must be sent anew under another "
            "id (unreadable, too large, or its id was used before)."
        )
