"""A category is merged while its activities are recorded, completed, restored and given away."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.activities.domain.lists import ACTIVITY_CATEGORY
from services.activities.handlers.activity_lists import ACTIVITY_LISTS
from shared.chassis.service import Service
from shared.chassis.testing.waiting import eventually
from shared.lists.delete import delete_value
from tests.integration.activities.test_nothing_is_miscounted import DIFFERENCE
from tests.integration.activities.test_recording import flagged, recorded
from tests.integration.activities.world import CATEGORY, World

VISIT, LEAD = CATEGORY["customer-visit"], CATEGORY["lead"]
BOTH = {"from_seller": "anna.k", "to_seller": "ville.s", "done_since": "2026-01-01"}


@pytest.mark.requirement("LE-A4", "LE-A9")
@pytest.mark.parametrize("what", ["record", "complete", "restore", "reassign", "delete"])
async def test_who_comes_while_a_category_is_merged_waits_and_is_counted_right(
    api: httpx.AsyncClient, world: World, activities: Service, what: str
) -> None:
    await flagged(api, VISIT, sales_target=True)
    await world.seller("ville.s")
    said: dict[str, Any] = {
        "customer_id": str(await world.customer()),
        "category": VISIT,
        "memo": "Visit",
        "seller": await world.seller("anna.k"),
        "starts_at": "2026-03-02T12:00:00Z",
    }
    state = {"state": "open"} if what == "complete" else {}
    made = await recorded(api, **said, **state)
    path = f"/v1/activities/{made['activity_id']}"
    version = 1
    if what == "restore":
        await api.delete(path, headers={"If-Match": '"1"'})
        version = 2
    headers = {"If-Match": f'"{version + 1}"'}
    asked = {
        "record": lambda: api.post("/v1/activities", json={**said, "category": VISIT}),
        "complete": lambda: api.post(f"{path}/completion", json={}, headers=headers),
        "restore": lambda: api.post(f"{path}/restore", headers=headers),
        "reassign": lambda: api.post("/v1/activity-reassignments", json=BOTH),
        "delete": lambda: api.delete(path, headers=headers),
    }[what]
    present = (await api.get(f"/v1/activity-categories/{VISIT}")).json()

    async def waits() -> bool:
        async with activities.engine.connect() as connection:
            waiting = await connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )
            return bool(waiting.scalar_one())

    async with activities.units() as unit:
        await delete_value(
            ACTIVITY_LISTS,
            ACTIVITY_CATEGORY,
            VISIT,
            unit,
            expected=present["version"],
            move_to=LEAD,
        )
        asking = asyncio.create_task(asked())
        assert await eventually(waits)
    answer = await asking

    # What names the category that is gone is refused; what holds it goes on with the other.
    assert answer.status_code == (422 if what == "record" else 200), answer.text
    async with activities.engine.connect() as connection:
        assert not (await connection.execute(DIFFERENCE)).all()
