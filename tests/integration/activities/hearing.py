"""Let the activities service hear what others tell, by its inbox."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from shared.chassis.messages import Incoming
from shared.chassis.service import Service
from shared.contracts.types import Contract
from shared.contracts.wiring import publication


def told(data: Contract, at: datetime | None = None) -> Incoming:
    """Return an event as it comes over a bus, under an id of its own."""
    one = publication(data, subject=str(uuid4()))
    headers = {
        "ce-specversion": "1.0",
        "ce-id": str(uuid4()),
        "ce-source": "/suhde/test",
        "ce-type": one.type,
        "ce-subject": one.subject,
    }
    if at is not None:
        headers["ce-time"] = at.isoformat()
    return Incoming(body=one.body, headers=headers)


async def hear(service: Service, messages: Iterable[Incoming]) -> None:
    """Store these messages in the inbox and work until nothing is due."""
    await service.inbox.store(list(messages))
    while await service.worker.work_batch():
        pass
    left = await rows(service, "SELECT type, state, detail FROM inbox WHERE state <> 'done'")
    assert not left, left


async def rows(service: Service, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
    """Return what a statement finds."""
    async with service.engine.connect() as connection:
        result = await connection.execute(text(sql), parameters)
        return [tuple(row) for row in result]
