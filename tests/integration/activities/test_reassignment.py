"""All activities of a seller go to another: rehearsed, counted, told, one transaction per chunk."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.activities.handlers import reassign_activities
from shared.chassis.service import Service
from tests.integration.activities.test_recording import flagged, recorded
from tests.integration.activities.world import CATEGORY, World

VISIT = CATEGORY["customer-visit"]
BOTH = {"from_seller": "anna.k", "to_seller": "ville.s"}
NOW = datetime.now(UTC)


@pytest.fixture
async def work(api: httpx.AsyncClient, world: World) -> list[dict[str, Any]]:
    """Anna's: three open visits, one done on each of three days; and one of Ville's."""
    await flagged(api, VISIT, sales_target=True)
    said = {"customer_id": str(await world.customer()), "category": VISIT, "memo": "Visit"}
    await world.seller("anna.k")
    await world.seller("ville.s")
    due_at = (NOW + timedelta(days=30)).isoformat()
    done = [{"starts_at": f"2026-03-0{day}T12:00:00Z"} for day in (1, 2, 3)]
    opened = [{"state": "open", "due_at": due_at}] * 3
    made = [await recorded(api, **said, **one, seller="anna.k") for one in (*done, *opened)]
    await recorded(api, **said, **done[0], seller="ville.s")
    return made


async def sellers(api: httpx.AsyncClient, made: list[dict[str, Any]]) -> list[str]:
    answers = [await api.get(f"/v1/activities/{one['activity_id']}") for one in made]
    return [answer.json()["seller"] for answer in answers]


async def tallied(service: Service) -> dict[str, int]:
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT seller, sum(done) AS done FROM tally GROUP BY seller")
        )
        return {row.seller: row.done for row in rows}


@pytest.mark.requirement("LE-A4")
async def test_open_activities_go_and_done_ones_of_a_period_if_asked(
    api: httpx.AsyncClient,
    activities: Service,
    work: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reassign_activities, "CHUNK", 2)
    anna, ville = "anna.k", "ville.s"
    assert await tallied(activities) == {anna: 3, ville: 1}

    rehearsed = await api.post("/v1/activity-reassignments?dry_run=true", json=BOTH)
    assert rehearsed.json() == {"dry_run": True, "open": 3, "done": 0, "left_out": 0}
    assert await sellers(api, work) == [anna] * 6

    outcome = await api.post("/v1/activity-reassignments", json=BOTH)
    assert outcome.status_code == 200, outcome.text
    assert outcome.json() == {"dry_run": False, "open": 3, "done": 0, "left_out": 0}
    assert await sellers(api, work) == [anna] * 3 + [ville] * 3
    assert await tallied(activities) == {anna: 3, ville: 1}

    period = {"done_since": "2026-03-02", "done_until": "2026-03-02"}
    outcome = await api.post("/v1/activity-reassignments", json={**BOTH, **period})
    assert (outcome.json()["open"], outcome.json()["done"]) == (0, 1)
    assert await sellers(api, work) == [anna, ville, anna, ville, ville, ville]
    assert await tallied(activities) == {anna: 2, ville: 2}

    job = (await api.get(outcome.headers["location"])).json()
    path = f"/v1/activities/{work[1]['activity_id']}"
    changed, _ = (await api.get(f"{path}/history")).json()["items"]
    assert (changed["operation_id"], changed["actor"]) == (job["job_id"], "api-key")
    assert changed["changes"] == [{"field": "seller", "before": anna, "after": ville}]
    async with activities.engine.connect() as connection:
        told = await connection.execute(
            text(
                "SELECT convert_from(body, 'UTF8')::jsonb ->> 'seller' FROM outbox "
                "WHERE subject = :subject ORDER BY seq"
            ),
            {"subject": f"activity/{work[1]['activity_id']}"},
        )
        assert told.scalars().all() == [anna, ville]


async def test_what_lies_after_the_last_day_of_the_receiver_is_left_out(
    api: httpx.AsyncClient, work: list[dict[str, Any]]
) -> None:
    left = {"left_on": (NOW + timedelta(days=9)).date().isoformat()}
    put = await api.put("/v1/sellers/ville.s", json=left, headers={"If-Match": '"1"'})
    assert put.status_code == 200, put.text
    body = {**BOTH, "done_until": "2026-03-02"}
    outcome = await api.post("/v1/activity-reassignments", json=body)
    assert outcome.json() == {"dry_run": False, "open": 0, "done": 2, "left_out": 3}


async def test_deleted_activities_stay_whose_they_were(
    api: httpx.AsyncClient, work: list[dict[str, Any]]
) -> None:
    path = f"/v1/activities/{work[3]['activity_id']}"
    await api.delete(path, headers={"If-Match": '"1"'})
    assert (await api.post("/v1/activity-reassignments", json=BOTH)).json()["open"] == 2
    back = await api.post(f"{path}/restore", headers={"If-Match": '"2"'})
    assert back.json()["seller"] == "anna.k"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"from_seller": "nobody"}, "from_seller"),
        ({"to_seller": "nobody"}, "to_seller"),
        ({"to_seller": "anna.k"}, "to_seller"),
        ({"to_seller": "gone"}, "to_seller"),
        ({"to_seller": "a b"}, "to_seller"),
        ({"done_since": "2026-03-02", "done_until": "2026-03-01"}, "done_until"),
        ({"done_since": "0001-01-01"}, "done_since"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_reassignment_that_cannot_be_is_refused_at_once(
    api: httpx.AsyncClient, world: World, said: dict[str, str], field: str, dry_run: bool
) -> None:
    await world.seller("anna.k")
    await world.seller("ville.s")
    await world.seller("gone", left_on=date(2026, 1, 31))
    answer = await api.post(
        "/v1/activity-reassignments", json={**BOTH, **said}, params={"dry_run": dry_run}
    )
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert (await api.get("/v1/jobs")).json()["items"] == []
