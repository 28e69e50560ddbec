"""A lost mailing database, over RabbitMQ: closed until customers has told its state anew."""

import asyncio
import os
import sys
from typing import Any

import httpx
import pytest

from services.mailing import bootstrap
from services.mailing.persistence.tables import metadata
from shared.chassis.migrations import upgrade
from shared.chassis.testing.servers import Postgres
from shared.chassis.testing.waiting import eventually
from tests.integration.customers.api_helpers import made
from tests.system.processes import ROOT, ServiceProcess

pytestmark = pytest.mark.rabbitmq


async def build(engine: object) -> None:
    await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]


@pytest.mark.requirement("LS-26", "LS-A5")
async def test_a_lost_mailing_database_opens_after_a_republish_with_all_bans(
    deployed: dict[str, ServiceProcess], postgres: Postgres
) -> None:
    customers, mailing = deployed["customers"], deployed["mailing"]
    await asyncio.gather(customers.start(), mailing.start())
    await asyncio.gather(customers.ready(), mailing.ready())
    async with (
        httpx.AsyncClient(base_url=customers.url, headers=customers.headers) as register,
        httpx.AsyncClient(base_url=mailing.url, headers=mailing.headers) as gate,
        postgres.database("mailing", build) as empty,
    ):
        banned, free = [
            await made(register, "/v1/contacts", email=f"{name}@example.com") for name in "ab"
        ]
        url = f"/v1/contacts/{banned['contact_id']}/bans"
        for held in (True, False, True):
            number = (await register.put(url, json={"email": held})).json()["consent_seq"]

        async def consent() -> dict[str, Any]:
            return dict((await gate.get("/v1/consent")).json())

        async def is_applied() -> bool:
            return bool((await consent())["applied_through"] == number)

        async def is_asked() -> bool:
            try:
                return bool((await consent())["confirmed_seq"] == number)
            except httpx.TransportError as error:
                raise AssertionError(repr(error)) from None

        async def verdicts() -> list[str]:
            body = {"channel": "email", "purpose": "marketing", "campaign": "may"}
            people = [banned["contact_id"], free["contact_id"]]
            answer = await gate.post("/v1/hand-offs", json={**body, "contact_ids": people})
            return [
                one["refused"]["reason"] if one["refused"] else "released"
                for one in answer.json()["outcomes"]
            ]

        await eventually(is_applied)
        assert await mailing.stop() == 0
        mailing.database_url = empty
        await mailing.start()
        await eventually(is_asked, within=90)
        assert not (await consent())["fresh"]
        assert await verdicts() == ["contact_not_found", "contact_not_found"]

        command = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "apps.cli.main", "republish", "customers"),
            cwd=ROOT,
            env={**os.environ, "SUHDE_DATABASE_URL": customers.database_url},
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(60):
            assert await command.wait() == 0
        await mailing.ready()
        assert await verdicts() == ["banned", "released"]
        assert await mailing.stop() == 0
