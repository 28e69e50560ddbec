"""An ERP to test with: it makes events and lets a service work until nothing is left to do."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from shared.chassis.inbox import Stored
from shared.chassis.messages import Incoming
from shared.chassis.service import Service

SOURCE = "/erp/test"


def event(type_: str, data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": SOURCE,
        "type": f"erp.{type_}.v1",
        "data": data,
        **attributes,
    }


def customer(ref: str, **fields: Any) -> dict[str, Any]:
    return event("customer-saved", {"erp_ref": ref, "name": f"Customer {ref}", **fields})


def document(
    type_: str, document_id: str, ref: str, day: str, recorded: str | None = None, **fields: Any
) -> dict[str, Any]:
    attributes = {"time": fields.pop("time")} if "time" in fields else {}
    data = {
        "document_id": document_id,
        "customer": {"erp_ref": ref},
        "document_date": day,
        "recorded_at": recorded,
        "currency": "EUR",
        "net_amount": "100.00",
        "gross_amount": "124.00",
        **fields,
    }
    return event(type_, data, **attributes)


def void(type_: str, document_id: str, ref: str, **fields: Any) -> dict[str, Any]:
    return event(type_, {"document_id": document_id, "customer": {"erp_ref": ref}, **fields})


def project(ref: str, customer: str | dict[str, str], **fields: Any) -> dict[str, Any]:
    attributes = {"time": fields.pop("time")} if "time" in fields else {}
    named = {"erp_ref": customer} if isinstance(customer, str) else customer
    data = {"project_ref": ref, "name": f"Project {ref}", "customer": named, **fields}
    return event("project-saved", data, **attributes)


async def send(service: Service, events: Iterable[dict[str, Any]]) -> list[Stored]:
    """Store the events as the bus would, structured, and let the service work them off."""
    fates = await service.inbox.store([Incoming(json.dumps(one).encode(), {}) for one in events])
    await work_off(service)
    return fates


async def work_off(service: Service) -> None:
    while await service.worker.work_batch():
        continue


async def starts(service: Service) -> dict[str, tuple[str, str, str | None]]:
    """Return start date, source and document of every customer that has a start, by its ref."""
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT ref, started_on, start_source, start_document_id FROM customer "
                "JOIN customer_reference USING (customer_id) WHERE started_on IS NOT NULL"
            )
        )
        return {
            row.ref: (row.started_on.isoformat(), row.start_source, row.start_document_id)
            for row in rows
        }


async def parked(service: Service) -> dict[str, str]:
    """Return reason and detail of parked messages, by reason."""
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT reason, detail FROM inbox WHERE state = 'parked'")
        )
        return {row.reason: row.detail for row in rows}


async def told(service: Service, type_: str) -> list[dict[str, Any]]:
    """Return the data of the events of a type in the outbox, in order."""
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT body FROM outbox WHERE type = :type ORDER BY seq"), {"type": type_}
        )
        return [json.loads(row.body) for row in rows]
