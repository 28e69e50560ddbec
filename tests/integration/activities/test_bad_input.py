"""What cannot be is refused with field, reason and remedy, whichever route it comes by."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.activities.test_recording import recorded
from tests.integration.activities.world import CATEGORY, World

NOW = datetime.now(UTC)
LATER = (NOW + timedelta(days=1)).isoformat()

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"category": 99}, "category", "there is no activity_category 99"),
    ({"category": 0}, "category", "greater than or equal to 1"),
    ({"category": 10**12}, "category", "less than or equal to"),
    ({"kind": 99}, "kind", "there is no activity_kind 99"),
    ({"type": 1}, "type", "Customer visit"),
    ({"kind": 1}, "kind", "Customer visit"),
    ({"starts_at": LATER}, "starts_at", "future"),
    ({"starts_at": "2026-01-02T10:00:00"}, "starts_at", "timezone"),
    ({"starts_at": "0001-01-01T00:00:00Z"}, "starts_at", "lies outside"),
    ({"starts_at": "2026-01-02T10:00:00Z", "ends_at": "2026-01-02T09:59:59Z"}, "ends_at", "before"),
    ({"starts_at": "2024-01-02T10:00:00Z", "ends_at": "2026-01-02T10:00:00Z"}, "ends_at", "366"),
    ({"duration_minutes": 10**9}, "duration_minutes", "less than or equal to"),
    ({"state": "gone"}, "state", "'done' or 'open'"),
    ({"seller": "gone", "starts_at": "2026-02-01T12:00:00Z"}, "seller", "left on 2026-01-31"),
    ({"participants": ["gone"]}, "participants", "left on 2026-01-31"),
    ({"seller": "a b"}, "seller", "pattern"),
    ({"memo": "bell \x07"}, "memo", "U+0007"),
    ({"memo": "NUL \x00"}, "memo", "U+0000"),
    ({"subject": "escape \x1b[2J"}, "subject", "U+001B"),
    ({"result": "delete \x7f"}, "result", "U+007F"),
    ({"memo": "a" * 100_001}, "memo", "100000"),
    ({"subject": "a" * 201}, "subject", "200"),
    ({"attributes": [1] * 101}, "attributes", "100"),
    ({"memo": "  \n "}, "subject", "neither a subject nor a memo"),
    ({"colour": "red"}, "colour", "not permitted"),
]


@pytest.mark.requirement("LE-A2")
@pytest.mark.parametrize(("said", "field", "reason"), BAD)
async def test_an_activity_that_cannot_be_is_neither_recorded_nor_becomes_one(
    api: httpx.AsyncClient, world: World, said: dict[str, Any], field: str, reason: str
) -> None:
    await world.seller("gone", left_on=date(2026, 1, 31))
    body = {
        "customer_id": str(await world.customer()),
        "category": CATEGORY["customer-visit"],
        "memo": "Visit",
    }
    made = await recorded(api, **body)
    path = f"/v1/activities/{made['activity_id']}"
    for answer in (
        await api.post("/v1/activities", json={**body, **said}),
        await api.put(path, json={**body, **said}, headers={"If-Match": '"1"'}),
    ):
        assert answer.status_code == 422, answer.text
        problem = answer.json()
        assert field in answer.text and reason in answer.text, answer.text
        assert problem["slug"] and problem["remedy"]
    assert (await api.get(path)).json() == made
    assert len((await api.get("/v1/activities")).json()["items"]) == 1


async def test_a_huge_body_is_refused_before_it_is_read(
    api: httpx.AsyncClient, world: World
) -> None:
    body = {"customer_id": str(await world.customer()), "category": 1, "memo": "a" * 20_000_000}
    answer = await api.post("/v1/activities", json=body)
    assert answer.status_code == 413, answer.text
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    ("route", "said", "field"),
    [
        ("completion", {"starts_at": LATER}, "starts_at"),
        ("completion", {"starts_at": "2026-01-01"}, "starts_at"),
        ("completion", {"result": "\x00"}, "result"),
        ("completion", {"duration_minutes": -1}, "duration_minutes"),
        ("follow-up", {"due_at": LATER, "category": 99}, "category"),
        ("follow-up", {"due_at": LATER, "kind": 1}, "kind"),
        ("follow-up", {"due_at": LATER, "seller": "nobody"}, "seller"),
        ("follow-up", {"due_at": LATER, "subject": "\x07"}, "subject"),
        ("follow-up", {"due_at": "9999-01-01T00:00:00Z"}, "due_at"),
    ],
)
async def test_neither_completed_nor_followed_by_what_cannot_be(
    api: httpx.AsyncClient, world: World, route: str, said: dict[str, Any], field: str
) -> None:
    planned = {"state": "open", "due_at": LATER} if route == "completion" else {}
    made = await recorded(
        api,
        customer_id=str(await world.customer()),
        category=CATEGORY["customer-visit"],
        memo="Visit",
        **planned,
    )
    path = f"/v1/activities/{made['activity_id']}"
    answer = await api.post(f"{path}/{route}", json=said, headers={"If-Match": '"1"'})
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert answer.json()["remedy"]
    assert (await api.get(path)).json() == made
