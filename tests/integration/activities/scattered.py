"""Many activities at random, stored in one statement as an import would."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.activities.domain.lists import ACTIVITY_ATTRIBUTE, LISTS
from services.activities.persistence.activities import insert_activities
from shared.chassis.clock import day_of
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from shared.lists.store import values_in
from tests.integration.activities.world import World

ZONE = ZoneInfo("Europe/Helsinki")


@dataclass(frozen=True)
class Scattered:
    """Who and what the activities are of; the values of lists by key."""

    activities: list[UUID]
    customers: list[UUID]
    sellers: list[str]
    categories: list[int]
    kinds: list[int]
    attributes: list[int]
    rows: list[dict[str, Any]]


async def scattered(
    service: Service,
    world: World,
    *,
    count: int,
    customers: int = 6,
    sellers: int = 3,
    state: str | None = None,
    seed: int = 1,
    days: int = 60,
) -> Scattered:
    """Store activities of the last days, open ones due within some days before or after."""
    chance = random.Random(seed)
    whom = [await world.customer(f"Asiakas {number} Oy") for number in range(customers)]
    who = [await world.seller(f"seller.{number}") for number in range(sellers)]
    async with service.units() as unit:
        values = await values_in(unit.connection, list(LISTS))
        keys = {name: [one.key for one in values if one.list == name] for name in LISTS}
        rows = [
            _row(chance, unit.now, whom, who, keys, state=state, days=days) for _ in range(count)
        ]
        await insert_activities(unit.connection, rows, now=unit.now)
    return Scattered(
        [row["activity_id"] for row in rows],
        whom,
        who,
        keys["activity_category"],
        keys["activity_kind"],
        keys["activity_attribute"],
        rows,
    )


def _row(
    chance: random.Random,
    now: datetime,
    customers: list[UUID],
    sellers: list[str],
    keys: dict[str, list[int]],
    *,
    state: str | None,
    days: int,
) -> dict[str, Any]:
    starts_at = now.astimezone(UTC) - timedelta(minutes=chance.randint(1, days * 1440))
    told = state or chance.choice(["done", "done", "done", "open"])
    return {
        "activity_id": new_id(),
        "customer_id": chance.choice(customers),
        "contacts": [],
        "category": chance.choice(keys["activity_category"]),
        "kind": chance.choice(keys["activity_kind"]),
        "type": chance.choice(keys["activity_type"]),
        "attributes": sorted(chance.sample(keys[ACTIVITY_ATTRIBUTE], chance.randint(0, 3))),
        "seller": chance.choice([*sellers, sellers[0], None]),
        "participants": [],
        "state": told,
        "starts_at": starts_at,
        "due_at": now + timedelta(hours=chance.randint(-100, 100)) if told == "open" else None,
        "day": day_of(starts_at, ZONE),
        "subject": "Call",
        "memo": "",
        "result": "",
        "counts_to_target": False,
    }
