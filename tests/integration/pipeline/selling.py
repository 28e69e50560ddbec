"""Opportunities made and moved over HTTP, and what is told of them."""

import json
from typing import Any

import httpx
from sqlalchemy import text

from shared.chassis.service import Service

PATH = "/v1/opportunities"


async def recorded(api: httpx.AsyncClient, **said: Any) -> dict[str, Any]:
    """Record an opportunity, in whose name and day nobody is interested; return it."""
    body = {"name": "Lift", "expected_close": "2099-12-18", **said}
    answer = await api.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def changed(api: httpx.AsyncClient, present: dict[str, Any], **said: Any) -> httpx.Response:
    """Change an opportunity: what is said of it, beside what every change says."""
    kept = ("name", "expected_close", "customer_id", "project_source", "project_ref")
    return await api.put(
        f"{PATH}/{present['opportunity_id']}",
        json={**{name: present[name] for name in kept}, **said},
        headers={"If-Match": f'"{present["version"]}"'},
    )


async def did(
    api: httpx.AsyncClient, present: dict[str, Any], what: str, **said: Any
) -> httpx.Response:
    """Move, win, lose, expire or reopen an opportunity, as the route is called."""
    return await api.post(
        f"{PATH}/{present['opportunity_id']}/{what}",
        json=said,
        headers={"If-Match": f'"{present["version"]}"'},
    )


async def done(
    api: httpx.AsyncClient, present: dict[str, Any], what: str, **said: Any
) -> dict[str, Any]:
    """Do it and return how it stands."""
    answer = await did(api, present, what, **said)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def told(service: Service, opportunity_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what was told of an opportunity, by the last part of its type, in order."""
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT type, convert_from(body, 'UTF8') AS body FROM outbox "
                "WHERE subject = :subject ORDER BY seq"
            ),
            {"subject": f"opportunity/{opportunity_id}"},
        )
        return [
            (row.type.removeprefix("pipeline.opportunity-").removesuffix(".v1"), _data(row.body))
            for row in rows
        ]


def _data(body: str) -> dict[str, Any]:
    read = json.loads(body)
    data: dict[str, Any] = read.get("data", read)
    return data
