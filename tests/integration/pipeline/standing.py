"""Opportunities on stages, for tests of what becomes of them when a list changes."""

from datetime import date
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.engine import Row

from services.pipeline.persistence.opportunities import insert_opportunities, set_deleted
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from tests.integration.pipeline.world import World


async def standing(
    service: Service, stage: int, *, deleted: bool = False, manual: int | None = None
) -> UUID:
    """Put an opportunity on a stage; its probability is the stage's unless said by hand."""
    customer = await World(service).customer()
    opportunity_id = new_id()
    async with service.units() as unit:
        found = await unit.connection.execute(
            text(
                "SELECT key, parent, facts FROM list_value WHERE list = 'stage' AND number = :stage"
            ),
            {"stage": stage},
        )
        row = found.one()
        outcome = row.facts["outcome"]
        said = {
            "opportunity_id": opportunity_id,
            "customer_id": customer,
            "name": "Boiler",
            "memo": "",
            "value": 10_000,
            "currency": "EUR",
            "lines": [],
            "expected_close": date(2026, 12, 31),
            "pipeline": row.parent,
            "stage": row.key,
            "outcome": outcome,
            "closed": row.facts["closed"],
            "closed_on": None if outcome == "open" else date(2026, 11, 23),
            "probability": row.facts["probability"] if manual is None else manual,
            "probability_source": "stage" if manual is None else "manual",
            "contacts": [],
            "sellers": [],
            "weights": [],
        }
        await insert_opportunities(unit.connection, [said], now=unit.now)
        if deleted:
            await set_deleted(unit.connection, [opportunity_id], deleted=True, now=unit.now)
    return opportunity_id


async def as_it_stands(service: Service, opportunity_id: UUID) -> Row[Any]:
    """Return the row of an opportunity, with the number of its stage."""
    async with service.engine.connect() as connection:
        found = await connection.execute(
            text(
                "SELECT opportunity.*, list_value.number FROM opportunity "
                "JOIN list_value ON key = stage WHERE opportunity_id = :id"
            ),
            {"id": opportunity_id},
        )
        return found.one()


async def told_of(service: Service, opportunity_id: UUID) -> list[str]:
    """Return the types of the events told of an opportunity, in their order."""
    async with service.engine.connect() as connection:
        found = await connection.execute(
            text("SELECT type FROM outbox WHERE subject = :subject ORDER BY seq"),
            {"subject": f"opportunity/{opportunity_id}"},
        )
        return list(found.scalars())


async def shown(api: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """Return a record."""
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def send(
    api: httpx.AsyncClient, method: str, path: str, body: Any = None, **params: Any
) -> httpx.Response:
    """Send a write, with the ETag that the record has now where it needs one."""
    headers = {}
    if method in ("PUT", "DELETE"):
        headers["If-Match"] = (await api.get(path)).headers.get("etag", '"1"')
    return await api.request(method, path, json=body, params=params, headers=headers)


async def changed(api: httpx.AsyncClient, path: str, **said: Any) -> httpx.Response:
    """Change some fields of a value of a list; the others stay."""
    present = await shown(api, path)
    kept = present.keys() - {"value_id", "number", "version", "label", "archived_at"}
    return await send(api, "PUT", path, {name: present[name] for name in kept} | said)


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    """Return status, slug and field of a refusal, which has a reason and a remedy."""
    body = answer.json()
    assert body["detail"] and body["remedy"], body
    fields = [one["field"] for one in body.get("errors") or []]
    return answer.status_code, body["slug"], fields[0] if fields else ""
