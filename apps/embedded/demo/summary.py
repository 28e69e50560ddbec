"""The end of the demo: what was applied, since when, whom a campaign may reach; a seller's week."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from apps.embedded.application import Embedded
from apps.embedded.demo.asking import made_segment, when_there
from apps.embedded.demo.calls import SALES_ACTION, SELLERS, service_of
from services.activities.domain.periods import Period
from shared.chassis.clock import day_of

SEGMENT: dict[str, Any] = {
    "name": "Demo: customers since the first half of 2011",
    "rule": {
        "op": "relationship_start",
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
    if duplicates:
        # What an interrupted run left behind waited for this one: no measure of speed.
        console.print(f"\n{duplicates:,} of {sent:,} events were here already and changed nothing.")
        return
    row = (await _rows(engine, _LATENCY))[0]
    console.print(
        f"\n{sent:,} events in {seconds:.1f} s, from the first request to the last recipient: "
        f"{sent / seconds:,.0f} events/s.\n"
        f"From received to applied at full speed: median {row.median:.0f} ms, "
        f"99 % within {row.p99:.0f} ms."
    )


async def print_week(
    client: httpx.AsyncClient, embedded: Embedded, console: Console, address: str, team: str
) -> None:
    """Print the week of the first seller and how far she and the team are; how to see more."""
    service = service_of(embedded, "activities")
    monday = Period.WEEK.first_day(day_of(service.clock(), embedded.zone))
    seller, name = next(iter(SELLERS.items()))
    facts = {"seller": seller, "since": monday, "until": Period.WEEK.last_day(monday)}
    calls = await _rows(service.engine, _WEEK, facts)
    table = Table(
        "when",
        "customer",
        "category",
        "what",
        title=f"The week of {name}, {Period.WEEK.called(monday)}",
    )
    for row in calls:
        when = row.starts_at.astimezone(embedded.zone)
        table.add_row(
            f"{when:%a %d %b %H:%M}",
            row.name,
            row.category,
            f"{row.subject}. {row.result}" if row.result else f"{row.subject} ({row.state})",
        )
    console.print(table)
    console.print(
        f"Sales actions this week: {await _progress(client, seller=seller)} by her, "
        f"{await _progress(client, group_id=team)} by the team. The leaderboard, her "
        "view, and all that was done with her first customer (the key is below):"
    )
    lines = [
        f'"{address}/v1/target-leaderboard?category={SALES_ACTION}&period={Period.WEEK}"',
        f'"{address}/v1/seller-view?seller={seller}"',
    ]
    if calls:
        lines.append(f"{address}/v1/customers/{calls[0].customer_id}/timeline")
    print_requests(console, lines)


def print_requests(console: Console, addresses: Sequence[str]) -> None:
    """Print how to ask these addresses."""
    for address in addresses:
        console.print(
            f'  curl -s -H "Authorization: Bearer $SUHDE_KEY" {address}',
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


async def _progress(client: httpx.AsyncClient, **subject: Any) -> str:
    answer = await client.get("/v1/target-progress", params={**subject, "period": Period.WEEK})
    weeks = answer.raise_for_status().json()["weeks"]
    return ", ".join(f"{one['done']} of {one['wanted']}" for one in weeks) or "none wanted"


async def _rows(
    engine: AsyncEngine, statement: str, facts: Mapping[str, Any] | None = None
) -> list[Any]:
    async with engine.connect() as connection:
        return list(await connection.execute(text(statement), facts or {}))


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
    segment_id = await made_segment(client, SEGMENT)
    counts = await when_there(client, f"/v1/segments/{segment_id}/counts")
    table = Table(
        "channel", "members", "mailable", "banned", "without address", title=str(SEGMENT["name"])
    )
    for channel in CHANNELS:
        of = counts[channel]
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
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
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
                    soft_wrap=True,
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
_WEEK = """
    SELECT activity.starts_at, activity.state, activity.subject, activity.result,
           customer.customer_id, customer.name, list_value.title AS category
    FROM activity JOIN customer USING (customer_id)
    JOIN list_value ON list_value.key = activity.category
    WHERE activity.seller = :seller AND activity.deleted_at IS NULL
      AND activity.day BETWEEN :since AND :until
    ORDER BY activity.starts_at, activity.activity_id
"""
