"""The end of the demo's sales: the board, what is expected by month, why that is another now."""

from datetime import date, timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from apps.embedded.application import Embedded
from apps.embedded.demo.calls import service_of
from apps.embedded.demo.deals import CURRENCY, FIELD_SALES, this_quarter
from apps.embedded.demo.summary import print_requests
from services.pipeline.domain.money import to_major
from shared.chassis.clock import day_of

BRIDGED = timedelta(weeks=4)


async def print_pipeline(
    client: httpx.AsyncClient, embedded: Embedded, console: Console, address: str, team: str
) -> None:
    """Print the board, the forecast, a bridge and how far the team is; how to see more."""
    now = service_of(embedded, "pipeline").clock()
    today, since = day_of(now, embedded.zone), now - BRIDGED
    began = day_of(since, embedded.zone)
    # From the month in which the bridge begins, so that what was won since is in it.
    months = {"from": f"{began:%Y-%m}", "to": _month(today, 2)}
    await _board(client, console)
    await _forecast(client, console, {"from": _month(today, -2), "to": _month(today, 4)})
    await _bridge(client, console, months | {"since": since.isoformat()}, began)
    await _coverage(client, console, this_quarter(embedded), team)
    console.print("The same, and which deals slipped out of these months:")
    # In an address, a plus would be a blank.
    asked = "&".join(f"{name}={value}" for name, value in months.items())
    asked += f"&since={since:%Y-%m-%dT%H:%M:%SZ}"
    print_requests(
        console,
        [
            f'"{address}/v1/opportunity-board"',
            f'"{address}/v1/forecasts?from={months["from"]}&to={months["to"]}&by=seller"',
            f'"{address}/v1/forecasts/bridge?{asked}"',
            f'"{address}/v1/forecasts/bridge/slipped_out?{asked}"',
        ],
    )


async def _board(client: httpx.AsyncClient, console: Console) -> None:
    board = await _asked(client, "/v1/opportunity-board", limit=1)
    table = Table("stage", "likely", "deals", "worth", "expected of it", title="The board")
    for stage in board["stages"]:
        for one in stage["sums"]:
            if one["currency"] == CURRENCY:
                table.add_row(
                    stage["title"],
                    f"{stage['probability']} %",
                    f"{stage['opportunities']:,}",
                    _money(one["value"]),
                    _money(one["weighted"]),
                )
    console.print(table)


async def _forecast(client: httpx.AsyncClient, console: Console, months: dict[str, str]) -> None:
    found = await _asked(client, "/v1/forecasts", by="month", **months)
    table = Table("month", "won", "weighted", "best", title="Won, and expected to be, by month")
    for line in found["lines"]:
        if line["currency"] == CURRENCY:
            table.add_row(
                line["label"] or line["by"],
                *(_money(line[name]) for name in ("won", "weighted", "best")),
            )
    console.print(table)


async def _bridge(
    client: httpx.AsyncClient, console: Console, asked: dict[str, str], began: date
) -> None:
    found = await _asked(client, "/v1/forecasts/bridge", **asked)
    for bridge in found["bridges"]:
        if bridge["currency"] != CURRENCY:
            continue
        table = Table(
            "why",
            "deals",
            "amount",
            title=f"What was expected on {began} for {asked['from']} to {asked['to']}, and is now",
        )
        table.add_row(f"expected on {began}", "", _money(bridge["start"]))
        for step in bridge["steps"]:
            why = step["cause"].replace("_", " ")
            table.add_row(why, f"{step['opportunities']:,}", f"{_money(step['amount'])}")
        table.add_row("expected today", "", _money(bridge["end"]))
        console.print(table)


async def _coverage(
    client: httpx.AsyncClient, console: Console, quarter: str, group_id: str
) -> None:
    found = await _asked(client, "/v1/forecasts/coverage", period=quarter, group_id=group_id)
    console.print(
        f"{FIELD_SALES}, with the key accounts below it, has won {_money(found['won'])} of the "
        f"{_money(found['target'])} wanted in {quarter}; {_money(found['open_weighted'])} more is "
        "to be expected of what is open."
    )


async def _asked(client: httpx.AsyncClient, path: str, **asked: Any) -> Any:
    return (await client.get(path, params=asked)).raise_for_status().json()


def _month(day: date, later: int) -> str:
    month = 12 * day.year + day.month - 1 + later
    return f"{month // 12:04}-{month % 12 + 1:02}"


def _money(minor: int) -> str:
    return f"{to_major(minor, CURRENCY):,}"
