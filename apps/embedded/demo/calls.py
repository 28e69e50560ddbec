"""Loads the calls of a real campaign as activities of six sellers (see README.md here).

The last week of the source becomes the coming week: what lies ahead is planned, the rest is done.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text

from apps.embedded.application import Embedded
from services.activities.domain.activity import Channel, Direction, State
from services.activities.domain.periods import Period
from services.activities.handlers.plan_activity import SaveActivity, planner
from services.activities.handlers.save_activity import store_activities
from services.activities.persistence.activities import known_references
from services.activities.persistence.sellers import find_seller, save_seller
from shared.chassis.clock import day_of
from shared.chassis.service import Service

FILE = Path(__file__).parent / "calls.csv.gz"
SOURCE = "/bank-marketing"
SELLERS = {
    "anna.k": "Anna Koski",
    "ville.s": "Ville Saari",
    "maria.l": "Maria Lind",
    "juha.n": "Juha Niemi",
    "sofia.b": "Sofia Berg",
    "antti.h": "Antti Harju",
}
# A multiple of the sellers: everybody has customers of his own.
CUSTOMERS = 600
BATCH = 500
FIRST_CALL = clock_time(9)
BETWEEN_CALLS = timedelta(minutes=40)
CRM_EVENT, LEAD, SALES_ACTION = 1, 2, 3
SELLER_WANTED, TEAM_WANTED = 4, 20
# The week of the first call: the trend has all of them.
WEEKS_OF_CALLS = timedelta(weeks=52)
DEVICES = {"cellular": ", on the mobile phone", "telephone": ", on the telephone", "": ""}

Advance = Callable[[int], None]


def service_of(embedded: Embedded, name: str) -> Service:
    """Return one of the services."""
    return next(service for service in embedded.services if service.name == name)


async def load_calls(client: httpx.AsyncClient, embedded: Embedded, advance: Advance) -> None:
    """Record the calls that are not recorded yet; a second run records none."""
    service = service_of(embedded, "activities")
    async with service.units() as unit:
        for seller, name in SELLERS.items():
            if await find_seller(unit.connection, seller) is None:
                await save_seller(
                    unit.connection, seller, name=name, email=None, left_on=None, now=unit.now
                )
    await _mark_sales_target(client)
    customers = await _customers(service)
    commands = list(call_commands(customers, now=service.clock(), zone=embedded.zone))
    for begin in range(0, len(commands), BATCH):
        chunk = commands[begin : begin + BATCH]
        await _record(service, chunk, embedded.zone)
        advance(len(chunk))


async def set_targets(client: httpx.AsyncClient, embedded: Embedded, team: str) -> None:
    """Want sales actions, week by week, of each seller and of the team; who has a target keeps it.

    The team is the id of a user group; activities know it once its event is applied.
    """
    asked: dict[str, str | int] = {"category": SALES_ACTION, "period": Period.WEEK}
    answer = await client.get("/v1/targets", params=asked)
    held = {one["seller"] or one["group_id"] for one in answer.raise_for_status().json()["items"]}
    today = day_of(service_of(embedded, "activities").clock(), embedded.zone)
    wanted = [{"seller": seller, "wanted": SELLER_WANTED} for seller in SELLERS]
    for one in [*wanted, {"group_id": team, "wanted": TEAM_WANTED}]:
        if held.isdisjoint(one.values()):
            target = asked | one | {"first_day": str(today - WEEKS_OF_CALLS)}
            (await client.post("/v1/targets", json=target)).raise_for_status()


def call_commands(
    customers: Sequence[UUID], *, now: datetime, zone: ZoneInfo
) -> Iterator[SaveActivity]:
    """Yield the calls in order: the n-th is of the n-th seller, with the n-th customer, in turn."""
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    last = date.fromisoformat(rows[-1]["day"])
    coming = Period.WEEK.following(day_of(now, zone))
    later = coming - Period.WEEK.first_day(last)
    sellers = list(SELLERS)
    on_the_day: Counter[tuple[str, date]] = Counter()
    for n, row in enumerate(rows):
        seller = sellers[n % len(sellers)]
        day = date.fromisoformat(row["day"]) + later
        start = datetime.combine(day, FIRST_CALL, zone) + on_the_day[seller, day] * BETWEEN_CALLS
        on_the_day[seller, day] += 1
        lasts = timedelta(seconds=int(row["seconds"]))
        is_done = start + lasts <= now
        taken = is_done and row["taken"] == "yes"
        yield SaveActivity(
            customer_id=customers[n % len(customers)],
            category=SALES_ACTION
            if taken
            else LEAD
            if row["before_campaign"] == "0"
            else CRM_EVENT,
            subject="Term deposit offered" if is_done else "Offer a term deposit",
            memo=f"Call {row['nth_in_campaign']} of the campaign{DEVICES[row['telephone']]}."
            if is_done
            else "",
            result=("Taken." if taken else "Not taken.") if is_done else "",
            seller=seller,
            state=State.DONE if is_done else State.OPEN,
            starts_at=start.astimezone(UTC),
            duration=lasts if is_done else None,
            channel=Channel.PHONE,
            direction=Direction.OUT,
            source=SOURCE,
            ref=str(n),
        )


async def _record(service: Service, commands: Sequence[SaveActivity], zone: ZoneInfo) -> None:
    async with service.units() as unit:
        known = await known_references(unit.connection, SOURCE, [one.ref or "" for one in commands])
        new = [one for one in commands if one.ref not in known]
        if new:
            plan = await planner(new, unit, zone)
            await store_activities([plan.new(one) for one in new], unit)


async def _mark_sales_target(client: httpx.AsyncClient) -> None:
    """Let sales actions count to targets, before the first of them is recorded (LE-16, LE-A5)."""
    path = f"/v1/activity-categories/{SALES_ACTION}"
    present = await client.get(path)
    settings = present.raise_for_status().json()
    if not settings["sales_target"]:
        kept = ("title", "titles", "order", "kind", "type", "allow_selection")
        changed = await client.put(
            path,
            json={name: settings[name] for name in kept} | {"sales_target": True},
            headers={"If-Match": present.headers["etag"]},
        )
        changed.raise_for_status()


async def _customers(service: Service) -> list[UUID]:
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT customer_id FROM customer WHERE NOT deleted "
                "ORDER BY name, customer_id LIMIT :most"
            ),
            {"most": CUSTOMERS},
        )
        return [row.customer_id for row in rows]
