"""SIGKILL in the middle of a job: another process takes it over, and its effect is there once."""

import asyncio

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.chassis.testing.waiting import eventually
from tests.system.processes import ServiceProcess

pytestmark = pytest.mark.rabbitmq


async def execute(process: ServiceProcess, statement: str) -> list[tuple[object, ...]]:
    engine = create_async_engine(process.database_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            result = await connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        await engine.dispose()


@pytest.mark.requirement("TS-20")
@pytest.mark.parametrize("point", ["job.claimed", "job.before-commit"])
async def test_a_job_of_a_killed_process_is_done_once(
    deployed: dict[str, ServiceProcess], point: str
) -> None:
    service = deployed["customers"]
    await service.start(crash_point=point)
    await service.ready()
    async with httpx.AsyncClient(base_url=service.url, headers=service.headers) as client:
        made = await client.post(
            "/v1/customers", json={"name": "F", "classifications": {"customer_type": [1]}}
        )
        assert made.status_code == 201, made.text
        move = {"list": "customer_type", "from_number": 1, "to_number": 2}
        asking = asyncio.create_task(client.post("/v1/customer-moves", json=move))
        await service.killed()
        await asyncio.gather(asking, return_exceptions=True)
        # As if the lease had run out; a test need not wait for it.
        await execute(service, "UPDATE job SET leased_until = now()")
        await service.start()
        await service.ready()

        async def ended() -> bool:
            (job,) = (await client.get("/v1/jobs")).json()["items"]
            assert (job["state"], job["attempts"]) == ("done", 2)
            return bool(job["result"]["customers"] == 1)

        await eventually(ended)
    told = "SELECT count(*) FROM outbox WHERE type = 'customers.operation-completed.v1'"
    assert await execute(service, told) == [(1,)]
    assert await execute(service, "SELECT count(*) FROM operation") == [(1,)]
    changes = "SELECT count(*) FROM history WHERE operation_id IS NOT NULL"
    assert await execute(service, changes) == [(1,)]
