"""Makes opportunities with a history for the largest customers of the demo (see README.md here).

What they are worth follows from what their customer bought in a year; all else is invented. Each
step is recorded as of the week in which it would have been, so that a bridge has something to say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

import httpx
from sqlalchemy import text

from apps.embedded.application import Embedded
from apps.embedded.demo.calls import SELLERS, Advance, service_of
from services.pipeline.domain.opportunity import Rules
from services.pipeline.domain.periods import Period
from services.pipeline.handlers.plan_opportunity import SaveOpportunity, planner
from services.pipeline.handlers.save_opportunity import store_opportunities
from services.pipeline.handlers.tell_opportunities import tell_changes
from services.pipeline.persistence.opportunities import (
    fetch_opportunities,
    known_references,
    update_opportunities,
)
from shared.chassis.clock import day_of
from shared.chassis.service import Service

SOURCE = "/demo-deals"
# That of the documents.
CURRENCY = "GBP"
MOST_DEALS = 60
PHONE_CALL, FIRST_VISIT, SECOND_VISIT, WON, LOST = 1, 2, 3, 4, 5
ADDITIONAL_SALE, NEW_SALE = 1, 2
WHAT = ("Spring range", "Christmas range", "Shop displays", "Gift wrap", "Yearly agreement")
FIELD_SALES, KEY_ACCOUNTS = "Field sales", "Key accounts"
# Who looks after large customers sells in the field as well, and one is in both groups.
IN_FIELD = ("anna.k", "ville.s", "maria.l", "juha.n")
IN_KEY_ACCOUNTS = ("anna.k", "sofia.b", "antti.h")
QUARTER_WANTED = 10_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """What is said of a deal, so many weeks ago: its stage, per cent of its first value, and in
    how many weeks from today it is expected to close.
    """

    weeks_ago: int
    stage: int
    per_cent: int
    closes_in: int


# Each is what some deals go through. The bridge begins four weeks ago.
STORIES = (
    (Step(16, PHONE_CALL, 100, -9), Step(12, SECOND_VISIT, 100, -9), Step(9, WON, 100, -9)),
    (Step(16, PHONE_CALL, 100, -6), Step(11, FIRST_VISIT, 100, -6), Step(6, WON, 100, -6)),
    (Step(14, PHONE_CALL, 100, -4), Step(9, SECOND_VISIT, 100, -4), Step(5, LOST, 100, -4)),
    (Step(12, PHONE_CALL, 100, 1), Step(8, SECOND_VISIT, 100, 1), Step(2, WON, 110, 1)),
    (Step(11, PHONE_CALL, 100, 3), Step(7, FIRST_VISIT, 100, 3), Step(1, LOST, 100, 3)),
    (Step(9, PHONE_CALL, 100, 4), Step(6, SECOND_VISIT, 100, 3), Step(2, SECOND_VISIT, 100, 14)),
    (Step(8, PHONE_CALL, 100, 5), Step(5, FIRST_VISIT, 100, 5), Step(3, FIRST_VISIT, 130, 5)),
    (Step(8, FIRST_VISIT, 100, 6), Step(1, FIRST_VISIT, 80, 6)),
    (Step(7, PHONE_CALL, 100, 4), Step(3, SECOND_VISIT, 100, 4)),
    (Step(3, PHONE_CALL, 100, 6),),
    (Step(1, FIRST_VISIT, 100, 7),),
    (Step(6, FIRST_VISIT, 100, 5),),
)


@dataclass(frozen=True, slots=True)
class Large:
    """A customer, and what he bought in the year of the documents, in minor units."""

    customer_id: UUID
    turnover: int


async def make_groups(client: httpx.AsyncClient) -> str:
    """Put the sellers into two groups, one below the other, unless they are there; return the id
    of the upper one.
    """
    field_sales = await _group(client, FIELD_SALES, IN_FIELD, None)
    await _group(client, KEY_ACCOUNTS, IN_KEY_ACCOUNTS, field_sales)
    return field_sales


async def _group(
    client: httpx.AsyncClient, title: str, sellers: Sequence[str], parent_id: str | None
) -> str:
    groups = (await client.get("/v1/user-groups", params={"limit": 500})).raise_for_status().json()
    for group in groups["items"]:
        if group["title"] == title:
            return str(group["group_id"])
    members = [{"seller": seller} for seller in sellers]
    body = {"title": title, "kind": "sales", "parent_id": parent_id, "members": members}
    made = (await client.post("/v1/user-groups", json=body)).raise_for_status()
    return str(made.json()["group_id"])


async def want_revenue(client: httpx.AsyncClient, embedded: Embedded, group_id: str) -> None:
    """Want revenue of a group in this quarter; who has a target keeps it."""
    asked = {"group_id": group_id, "period": this_quarter(embedded)}
    held = (await client.get("/v1/revenue-targets", params=asked)).raise_for_status().json()
    if not held["items"]:
        target = asked | {"amount": QUARTER_WANTED, "currency": CURRENCY}
        (await client.post("/v1/revenue-targets", json=target)).raise_for_status()


def this_quarter(embedded: Embedded) -> str:
    """Return the name of the quarter that it is."""
    return Period.QUARTER.called(day_of(service_of(embedded, "pipeline").clock(), embedded.zone))


async def load_deals(embedded: Embedded, advance: Advance) -> None:
    """Record the deals, step by step; a second run records and changes nothing."""
    service = service_of(embedded, "pipeline")
    rules = Rules(embedded.zone, CURRENCY, reason_required=True)
    now = service.clock()
    told = list(deals(await _largest(service), today=day_of(now, embedded.zone)))
    for weeks_ago in sorted({step.weeks_ago for story in STORIES for step in story}, reverse=True):
        then = [
            (nth, command)
            for steps in told
            for nth, (at, command) in enumerate(steps)
            if at == weeks_ago
        ]
        advance(await _say(service, then, now - timedelta(weeks=weeks_ago), rules))


def deals(
    customers: Sequence[Large], *, today: date
) -> Iterator[list[tuple[int, SaveOpportunity]]]:
    """Yield what is said of each deal, step by step, and how many weeks ago."""
    sellers = list(SELLERS)
    for n, customer in enumerate(customers):
        round_, place = divmod(n, len(STORIES))
        mine, other = sellers[n % len(sellers)], sellers[(n + 1) % len(sellers)]
        # Whole tens of pounds, as offers are.
        value = customer.turnover * (4 + 2 * (n % 5)) // 100 // 1000 * 1000
        first = SaveOpportunity(
            name=WHAT[n % len(WHAT)],
            expected_close=today,
            customer_id=customer.customer_id,
            currency=CURRENCY,
            type=NEW_SALE if n % 4 == 3 else ADDITIONAL_SALE,
            sellers=((mine, 60), (other, 40)) if n % 3 == 0 else ((mine, 100),),
            ref=(SOURCE, str(n)),
        )
        yield [
            (
                step.weeks_ago,
                replace(
                    first,
                    stage=step.stage,
                    value=value * step.per_cent // 100,
                    expected_close=today + timedelta(weeks=step.closes_in, days=round_),
                ),
            )
            for step in STORIES[place]
        ]


async def _say(
    service: Service, told: Sequence[tuple[int, SaveOpportunity]], at: datetime, rules: Rules
) -> int:
    """Say what was said at a moment, of deals of which all before was said; return of how many."""
    units = service.units.on(service.engine)
    units.clock = lambda: at
    async with units() as unit:
        plan = await planner([command for _, command in told], unit, rules)
        refs = {command.ref[1]: (nth, command) for nth, command in told if command.ref}
        known = await known_references(unit.connection, SOURCE, list(refs))
        present = await fetch_opportunities(unit.connection, known.values(), lock=True)
        new = [
            plan.new(command)
            for ref, (nth, command) in refs.items()
            if nth == 0 and ref not in known
        ]
        # The version tells how much was said; what somebody has changed since is his.
        changed = [
            plan.changed(command, held)
            for ref, (nth, command) in refs.items()
            if ref in known and (held := present[known[ref]]).version == nth
        ]
        if new:
            await store_opportunities(new, unit)
        if changed:
            await update_opportunities(unit.connection, changed, now=unit.now)
            ids = [row["opportunity_id"] for row in changed]
            await tell_changes(ids, {one: present[one] for one in ids}, unit)
        return len(new) + len(changed)


async def _largest(service: Service) -> list[Large]:
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text(
                """
                SELECT customer.customer_id, sum(document.net_amount) AS turnover
                FROM customer JOIN document USING (customer_id)
                WHERE NOT customer.deleted AND document.kind = 'invoice' AND NOT document.voided
                  AND document.currency = :currency
                GROUP BY customer.customer_id
                ORDER BY turnover DESC, customer.customer_id LIMIT :most
                """
            ),
            {"currency": CURRENCY, "most": MOST_DEALS},
        )
        return [Large(row.customer_id, int(row.turnover)) for row in rows]
