"""`suhde parked`: what was set aside and why, and how it gets going again."""

from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

parked = typer.Typer(no_args_is_help=True)
console = Console()

Service = Annotated[str, typer.Option(help="customers or mailing")]
Url = Annotated[str, typer.Option(envvar="SUHDE_URL", help="address of the API")]
Key = Annotated[str, typer.Option(envvar="SUHDE_KEY", help="key of the API")]

DEFAULT_URL = "http://127.0.0.1:8080"


def call(method: str, url: str, key: str, **options: Any) -> Any:
    """Call the API; end the command with the problem's text and remedy if it refuses."""
    try:
        answer = httpx.request(
            method, url, headers={"Authorization": f"Bearer {key}"}, timeout=30, **options
        )
    except httpx.TransportError as error:
        console.print(f"suhde: {url} does not answer ({error!r}). Is it running? See --url.")
        raise typer.Exit(1) from None
    if answer.is_error:
        problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        console.print(f"suhde: {problem.get('detail', answer.text)} {problem.get('remedy', '')}")
        raise typer.Exit(1)
    return answer.json()


@parked.command("list")
def list_(
    key: Key,
    url: Url = DEFAULT_URL,
    service: Service = "customers",
    reason: str | None = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
) -> None:
    """Count parked messages by reason and list the first of them."""
    base = f"{url}/v1/inboxes/{service}"
    counts = call("GET", base, key)["parked_by_reason"]
    if not counts:
        console.print("Nothing is parked.")
        return
    summary = Table("reason", "messages")
    for name, count in counts.items():
        summary.add_row(name, f"{count:,}")
    console.print(summary)
    query: dict[str, Any] = {"limit": limit} | ({"reason": reason} if reason else {})
    table = Table("seq", "type", "reason", "what to do")
    for message in call("GET", f"{base}/parked-messages", key, params=query)["items"]:
        table.add_row(
            str(message["seq"]), message["type"], message["reason"], message["detail"][:160]
        )
    console.print(table)


@parked.command()
def show(seq: int, key: Key, url: Url = DEFAULT_URL, service: Service = "customers") -> None:
    """Show one parked message with its body."""
    console.print_json(data=call("GET", f"{url}/v1/inboxes/{service}/parked-messages/{seq}", key))


@parked.command()
def redrive(
    key: Key,
    seqs: Annotated[list[int] | None, typer.Argument(help="numbers from the list")] = None,
    reason: str | None = None,
    every: Annotated[bool, typer.Option("--all", help="all that are parked")] = False,
    url: Url = DEFAULT_URL,
    service: Service = "customers",
) -> None:
    """Put parked messages back to work: by number, by reason, or all. Twice does no harm."""
    if not (seqs or reason or every):
        console.print("suhde: name messages, a --reason, or --all.")
        raise typer.Exit(2)
    body = {"seqs": seqs or None, "reason": reason, "all": every}
    done = call("POST", f"{url}/v1/inboxes/{service}/redrive", key, json=body)
    console.print(f"{done['redriven']} messages go on.")
