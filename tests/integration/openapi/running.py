"""Services of the world at work, and what they have heard of customers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from shared.chassis.service import Service
from shared.projection.store import (
    ContactRow,
    CustomerRow,
    save_contacts,
    save_customers,
)


@asynccontextmanager
async def at_work(service: Service) -> AsyncIterator[Service]:
    """Run what of a service runs beside the inbox and the relay."""
    assert service.prepare is not None
    await service.prepare()
    assert service.jobs is not None
    loops = [service.jobs.run, *(loop for _, loop in service.loops)]
    running = [asyncio.create_task(loop()) for loop in loops]
    yield service
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await service.jobs.close()
    await service.engine.dispose()


async def tell(service: Service, customer: dict[str, Any], contact: dict[str, Any]) -> None:
    """Let a service know a customer and a contact, as if they had come over the bus."""
    async with service.units() as unit:
        row = CustomerRow(
            UUID(customer["customer_id"]), 1, number=customer["number"], name=customer["name"]
        )
        await save_customers(unit.connection, [row])
        person = ContactRow(UUID(contact["contact_id"]), 1, name="Aino")
        await save_contacts(unit.connection, [person])
