"""Replays a year of real documents and real calls, and shows what Suhde makes of them.

README.md here tells what the data is.
"""

import asyncio
import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.embedded.application import Embedded
from apps.embedded.demo.calls import load_calls, set_targets
from apps.embedded.demo.deals import load_deals, make_groups, want_revenue
from apps.embedded.demo.pipeline_summary import print_pipeline
from apps.embedded.demo.segments import print_segments
from apps.embedded.demo.summary import print_summary, print_week
from shared.chassis.parking import count_by_state

HERE = Path(__file__).parent
SOURCE = "/erp/online-retail"
ZONE = ZoneInfo("Europe/London")
CUSTOMER_BATCH = 200
DOCUMENT_BATCH = 1000
DRAIN_SECONDS = 300.0


async def replay(
    client: httpx.AsyncClient, embedded: Embedded, address: str, *, console: Console
) -> None:
    """Send all customers and documents as an ERP would, load calls and deals, summarise.

    Events have fixed ids: a second run is answered `duplicate` and changes nothing.
    """
    customers = list(customer_events())
    documents = list(document_events())
    started = perf_counter()
    fates: dict[str, int] = {}
    with Progress(
        TextColumn("{task.description:28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        for title, events, size in (
            ("Customers and contacts", customers, CUSTOMER_BATCH),
            ("Invoices and credit notes", documents, DOCUMENT_BATCH),
        ):
            bar = progress.add_task(title, total=len(events))
            for begin in range(0, len(events), size):
                chunk = events[begin : begin + size]
                await _send(client, chunk, fates)
                progress.advance(bar, len(chunk))
        bar = progress.add_task("Applied by every service", total=None)
        await _drained(embedded)
        progress.update(bar, total=1, completed=1)
        seconds = perf_counter() - started
        bar = progress.add_task("Calls of six sellers", total=None)
        await load_calls(client, embedded, partial(progress.advance, bar))
        team = await make_groups(client)
        await _drained(embedded)
        await set_targets(client, embedded, team)
        await _drained(embedded)
        progress.update(bar, total=1, completed=1)
        bar = progress.add_task("Opportunities, made up", total=None)
        await load_deals(embedded, partial(progress.advance, bar))
        await want_revenue(client, embedded, team)
        await _drained(embedded)
        progress.update(bar, total=1, completed=1)
    await print_summary(
        client,
        embedded,
        console,
        sent=len(customers) + len(documents),
        duplicates=fates.get("duplicate", 0),
        seconds=seconds,
    )
    await print_week(client, embedded, console, address, team)
    await print_pipeline(client, embedded, console, address, team)
    await print_segments(client, console, address)


def customer_events() -> Iterator[dict[str, Any]]:
    """Yield the customers with their contact, as an ERP's master data."""
    with gzip.open(HERE / "contacts.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            # 0 in the source says "wants no e-mail promotions"; nothing is inferred beyond it.
            bans = ["NO_EMAIL"] if row["email_promotion"] == "0" else []
            yield _event(
                f"customer-{row['customer']}",
                "erp.customer-saved.v1",
                "2010-12-01T00:00:00+00:00",
                {
                    "erp_ref": row["customer"],
                    "name": row["customer_name"],
                    "contacts": [
                        {
                            "contact_ref": row["contact_ref"],
                            "first_name": row["first_name"],
                            "last_name": row["last_name"],
                            "email": row["email"] or None,
                            "mobile": row["mobile"] or None,
                            "phone": row["phone"] or None,
                            "address": {
                                "street": row["street"],
                                "postal_code": row["postal_code"],
                                "city": row["city"],
                                "country": row["address_country"],
                            },
                            "bans": bans,
                        }
                    ],
                },
            )


def document_events() -> Iterator[dict[str, Any]]:
    """Yield every document in the order of the source, with those that name no customer."""
    with gzip.open(HERE / "documents.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            recorded = datetime.fromisoformat(row["recorded_at"]).replace(tzinfo=ZONE)
            data = {
                "document_id": row["document_id"],
                "document_date": recorded.date().isoformat(),
                "recorded_at": recorded.isoformat(),
                "currency": row["currency"],
                "net_amount": row["net_amount"],
                # The source knows no tax.
                "gross_amount": row["net_amount"],
            }
            if row["customer"]:
                data["customer"] = {"erp_ref": row["customer"]}
            kind = "credit-note" if row["kind"] == "credit_note" else "invoice"
            yield _event(
                f"document-{row['document_id']}",
                f"erp.{kind}-posted.v1",
                recorded.astimezone(UTC).isoformat(),
                data,
            )


def _event(id_: str, type_: str, time: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": SOURCE,
        "type": type_,
        "time": time,
        "data": data,
    }


async def _send(
    client: httpx.AsyncClient, events: list[dict[str, Any]], fates: dict[str, int]
) -> None:
    answer = await client.post("/v1/erp/events", json=events)
    answer.raise_for_status()
    for result in answer.json()["results"]:
        fates[result["status"]] = fates.get(result["status"], 0) + 1


async def _drained(embedded: Embedded) -> None:
    """Wait until nothing is pending in any inbox and nothing unsent in any outbox."""
    async with asyncio.timeout(DRAIN_SECONDS):
        while True:
            if not any([await _busy(service) for service in embedded.services]):
                return
            await asyncio.sleep(0.1)


async def _busy(service: Any) -> bool:
    from sqlalchemy import text

    async with service.engine.connect() as connection:
        states = await count_by_state(connection)
        unsent = await connection.execute(
            text(
                "SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL "
                "AND type <> 'mailing.consent-probed.v1' "
                "AND type <> 'customers.consent-confirmed.v1')"
            )
        )
        return bool(states["pending"] > 1 or unsent.scalar_one())
