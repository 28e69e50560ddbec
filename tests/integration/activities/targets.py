"""What tests of targets say and ask: over HTTP, and of groups as if they had been told."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from services.activities.handlers.tell_progress import tell_groups
from services.activities.persistence.tally import hold_tally
from shared.chassis.ids import new_id
from shared.chassis.service import Service

VISIT = 4
LONG_AGO = date(1, 1, 1)
Member = tuple[str, date, date | None]


async def say(
    api: httpx.AsyncClient, method: str, path: str, body: Any = None, *, status: int
) -> dict[str, Any]:
    """Send a request, with the ETag that the record has now, and return the answer."""
    headers = {}
    if method in ("PUT", "DELETE"):
        shown = await api.get(path)
        headers["If-Match"] = shown.headers.get("etag", '"1"')
    answer = await api.request(method, path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def mark(api: httpx.AsyncClient, number: int = VISIT, *, sales_target: bool = True) -> None:
    """Mark a category as a sales target, or no more."""
    path = f"/v1/activity-categories/{number}"
    present = (await api.get(path)).json()
    kept = ("title", "titles", "order", "kind", "type", "allow_selection")
    body = {name: present[name] for name in kept} | {"sales_target": sales_target}
    await say(api, "PUT", path, body, status=200)


async def target(
    api: httpx.AsyncClient, first_day: str, wanted: int, *, status: int = 201, **said: Any
) -> dict[str, Any]:
    """Set a weekly target for visits, unless another one is said."""
    body = {"category": VISIT, "period": "week", "first_day": first_day, "wanted": wanted, **said}
    return await say(api, "POST", "/v1/targets", body, status=status)


async def visit(api: httpx.AsyncClient, customer: UUID, seller: str, at: str) -> dict[str, Any]:
    """Record a visit at noon of a day, or at a moment."""
    said = {
        "customer_id": str(customer),
        "category": VISIT,
        "memo": "Visit",
        "seller": seller,
        "starts_at": at if "T" in at else f"{at}T12:00:00+02:00",
    }
    return {**await say(api, "POST", "/v1/activities", said, status=201), "said": said}


async def progress(api: httpx.AsyncClient, **asked: Any) -> list[tuple[str, int, int]]:
    """Return (period, done, wanted) of weeks, then months."""
    answer = await api.get("/v1/target-progress", params=asked)
    assert answer.status_code == 200, answer.text
    lines = answer.json()["weeks"] + answer.json()["months"]
    return [(line["name"], line["done"], line["wanted"]) for line in lines]


async def told(service: Service, kind: str = "target-progressed") -> list[dict[str, Any]]:
    """Return what was told of targets, in order."""
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT body FROM outbox WHERE type = :type ORDER BY seq"),
            {"type": f"activities.{kind}.v1"},
        )
        return [json.loads(row.body) for row in rows]


async def save_group(
    service: Service,
    members: Sequence[Member],
    *,
    group_id: UUID | None = None,
    parent_id: UUID | None = None,
    today: date = date(2027, 1, 31),
) -> UUID:
    """Save a user group as if it had been told."""
    group_id = group_id or new_id()
    async with service.units() as unit:
        await hold_tally(unit.connection)
        await unit.connection.execute(
            text(
                "INSERT INTO user_group (group_id, version, parent_id) VALUES (:id, 1, :parent) "
                "ON CONFLICT (group_id) DO UPDATE SET parent_id = :parent"
            ),
            {"id": group_id, "parent": parent_id},
        )
        await unit.connection.execute(
            text("DELETE FROM user_group_member WHERE group_id = :id"), {"id": group_id}
        )
        for seller, since, until in members:
            await unit.connection.execute(
                text("INSERT INTO user_group_member VALUES (:id, :seller, :since, :until)"),
                {"id": group_id, "seller": seller, "since": since, "until": until},
            )
        await tell_groups([group_id], unit, today=today)
    return group_id
