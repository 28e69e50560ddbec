"""The end of the demo: what was applied, since when, whom a campaign may reach, and why."""

from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from apps.embedded.application import Embedded

SEGMENT = {
    "name": "Demo: customers since the first half of 2011",
    "rule": {
        "op": "relationship_start_between",
        "from_day": "2011-01-01",
        "before_day": "2011-07-01",
    },
}
CHANNELS = ("email", "sms", "post")


async def print_summary(
    client: httpx.AsyncClient,
    embedded: Embedded,
    console: Console,
    *,
    sent: int,
    duplicates: int,
    seconds: float,
) -> None:
    """Print what the replay led to, from the services' own data."""
    engine = embedded.services[0].engine
    await _documents(engine, console)
    await _starts(engine, console)
    await _segment(client, console)
    if duplicates == sent:
        console.print(f"\nAll {sent:,} events were here already: nothing was changed.")
        return
    row = (await _rows(engine, _LATENCY))[0]
    console.print(
        f"\n{sent:,} events in {seconds:.1f} s, from the first request to the last recipient: "
        f"{sent / seconds:,.0f} events/s.\n"
        f"From received to applied at full speed: median {row.median:.0f} ms, "
        f"99 % within {row.p99:.0f} ms."
    )


async def _rows(engine: AsyncEngine, statement: str) -> list[Any]:
    async with engine.connect() as connection:
        return list(await connection.execute(text(statement)))


async def _documents(engine: AsyncEngine, console: Console) -> None:
    table = Table("Events from the ERP", "state", "reason", "count", title="What became of them")
    for row in await _rows(engine, _STATES):
        table.add_row(row.type, row.state, row.reason or "", f"{row.events:,}")
    console.print(table)


async def _starts(engine: AsyncEngine, console: Console) -> None:
    rows = await _rows(engine, _MONTHS)
    most = max(row.starts for row in rows)
    table = Table("month", "starts", "", title="Relationships by the month they began")
    for row in rows:
        table.add_row(row.month, f"{row.starts:,}", "█" * round(40 * row.starts / most))
    console.print(table)
    table = Table("since", "customer", "first document", title="The ten oldest relationships")
    for row in await _rows(engine, _OLDEST):
        table.add_row(str(row.started_on), row.name, f"{row.start_source} {row.start_document_id}")
    console.print(table)


async def _segment(client: httpx.AsyncClient, console: Console) -> None:
    made = await client.post(
        "/v1/segments", json=SEGMENT, headers={"Idempotency-Key": "demo-segment"}
    )
    if made.status_code in (200, 201):
        segment_id = made.json()["segment_id"]
    else:
        page = (await client.get("/v1/segments")).json()
        segment_id = next(
            item["segment_id"] for item in page["items"] if item["name"] == SEGMENT["name"]
        )
    counts = (await client.get(f"/v1/segments/{segment_id}/counts")).json()
    by_channel = counts.get("channels", counts)
    table = Table(
        "channel", "members", "mailable", "banned", "without address", title=str(SEGMENT["name"])
    )
    for channel in CHANNELS:
        of = by_channel[channel]
        table.add_row(
            channel,
            *(f"{of[name]:,}" for name in ("members", "mailable", "banned", "without_address")),
        )
    console.print(table)
    recipients = await client.get(
        f"/v1/segments/{segment_id}/recipients",
        params={"channel": "email", "purpose": "marketing", "format": "csv"},
    )
    console.print("Three recipients by e-mail:")
    for line in recipients.text.splitlines()[:4]:
        console.print(f"  {line}", markup=False, highlight=False)
    await _one_exclusion(client, segment_id, console)


async def _one_exclusion(client: httpx.AsyncClient, segment_id: str, console: Console) -> None:
    page = (await client.get(f"/v1/segments/{segment_id}/members", params={"limit": 100})).json()
    for member in page["items"]:
        answer = await client.get(
            f"/v1/reachability/{member['contact_id']}", params={"channel": "email"}
        )
        found = answer.json()
        if not found["reachable"]:
            name = f"{member['first_name']} {member['last_name']}"
            console.print(f"And one who is missing: {name}", markup=False, highlight=False)
            console.print(f"  {found['reason']}: {found['detail']}", markup=False, highlight=False)
            for ban in found["bans"]:
                console.print(
                    f"  {ban['closed']} is banned by {', '.join(ban['by'])}",
                    markup=False,
                    highlight=False,
                )
            return


_STATES = """
    SELECT type, state, reason, count(*) AS events FROM inbox WHERE type LIKE 'erp.%'
    GROUP BY type, state, reason ORDER BY type, events DESC
"""
_MONTHS = """
    SELECT to_char(started_on, 'YYYY-MM') AS month, count(*) AS starts FROM customer
    WHERE started_on IS NOT NULL GROUP BY month ORDER BY month
"""
_OLDEST = """
    SELECT started_on, name, start_source, start_document_id FROM customer
    WHERE started_on IS NOT NULL ORDER BY start_recorded_at, number LIMIT 10
"""
_LATENCY = """
    SELECT 1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY waited) AS median,
           1000 * percentile_cont(0.99) WITHIN GROUP (ORDER BY waited) AS p99
    FROM (SELECT extract(epoch FROM done_at - received_at)::float AS waited FROM inbox
          WHERE state = 'done' AND type LIKE 'erp.%') AS applied
"""
