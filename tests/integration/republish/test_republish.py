"""A mailing database that is new, lost or set back becomes fresh again, and never too early."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from services.customers.handlers.change_bans import SetBans, ban_contact, ban_customer
from services.customers.handlers.change_setting import change_setting
from services.customers.handlers.republish import republish
from services.customers.persistence.register import setting_version
from shared.chassis.messages import Incoming
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from shared.chassis.testing.waiting import eventually
from shared.chassis.unit_of_work import UnitOfWork
from tests.integration.customers.erp import customer, send, told
from tests.integration.mailing.rig import open_rig
from tests.integration.republish.world import (
    BANS,
    BASELINE,
    HOME,
    bans_at,
    is_fresh,
    last_told,
    of_type,
    people,
    told_anew,
    told_to_mailing,
    true_bans,
)
from tests.system.processes import ROOT

PROJECTION = {
    "customer": "customer_id",
    "contact": "contact_id",
    "contact_customer": "contact_id, customer_id",
    "classification": "token",
    "ban_subject": "subject",
    "ban_address": "channel, address_key, subject",
    "gate": "channel, key",
    "consent_applied": "seq",
}


# Which message told it, and when, differs.
STANDS = """
    SELECT to_jsonb(one) - ARRAY['told_type', 'told_by', 'told_at']
    FROM {table} AS one ORDER BY {key}
"""


def shuffled(messages: list[Incoming]) -> list[Incoming]:
    doubled = messages + random.sample(messages, len(messages) // 2)
    random.shuffle(doubled)
    return doubled


def baseline_at(place: float) -> Callable[[list[Incoming]], list[Incoming]]:
    def order(messages: list[Incoming]) -> list[Incoming]:
        (baseline,) = of_type(messages, BASELINE)
        rest = [one for one in messages if one is not baseline]
        rest.insert(int(place * len(rest)), baseline)
        return rest

    return order


@pytest.mark.requirement("LS-26", "LS-A5")
@pytest.mark.parametrize(
    "order",
    [baseline_at(0), baseline_at(0.5), baseline_at(1), shuffled, shuffled],
    ids=["first", "middle", "last", "shuffled", "shuffled again"],
)
async def test_a_mailing_that_starts_late_opens_with_the_last_number_and_not_before(
    customers: Service,
    api: httpx.AsyncClient,
    postgres: Postgres,
    order: Callable[[list[Incoming]], list[Incoming]],
) -> None:
    await people(api)
    baseline, messages = await told_anew(customers, chunk=2)
    assert 0 < baseline.after < baseline.through
    needed = {
        one.headers["ce-id"] for one in messages if one.headers["ce-type"] in (BANS, BASELINE)
    }

    async with open_rig(postgres) as rig:
        assert not await is_fresh(rig, least=baseline.after)
        for message in order(messages):
            await rig.take(message)
            needed.discard(message.headers["ce-id"])
            assert await is_fresh(rig, least=baseline.after) == (not needed)
        assert await bans_at(rig) == await true_bans(customers)
        assert await rig.rows(
            "SELECT applied_through, confirmed_seq, (SELECT count(*) FROM consent_applied) "
            "FROM consent_position"
        ) == [(baseline.through, baseline.through, 0)]


@pytest.mark.requirement("LS-26", "LS-A6")
async def test_bans_that_mailing_never_heard_of_come_and_obsolete_ones_go(
    customers: Service, api: httpx.AsyncClient, postgres: Postgres
) -> None:
    await people(api)
    history = await told_to_mailing(customers)
    news = of_type(history, BANS)
    async with open_rig(postgres) as rig:
        # The second and the last change of bans are lost: a ban not lifted, and one that stays.
        await rig.take(*[one for one in history if one not in (news[2], news[5])])
        obsolete = await bans_at(rig)
        assert obsolete != await true_bans(customers)

        _, messages = await told_anew(customers)
        await rig.take(*messages)

        assert await bans_at(rig) == await true_bans(customers)


@pytest.mark.requirement("LS-21", "LS-26", "LS-A6")
async def test_a_rebuilt_mailing_equals_one_that_heard_everything(
    customers: Service, api: httpx.AsyncClient, postgres: Postgres
) -> None:
    (first, *_) = await people(api)
    url = f"/v1/contacts/{first['contact_id']}"
    held = await api.get(url)
    body = {"first_name": "Renamed", "email": held.json()["email"], "address": HOME}
    answer = await api.put(url, json=body, headers={"If-Match": held.headers["etag"]})
    assert answer.status_code == 200, answer.text
    before = await told_to_mailing(customers)
    _, messages = await told_anew(customers, chunk=3)

    async with open_rig(postgres) as live, open_rig(postgres) as rebuilt:
        await live.take(*before)
        projected = {
            table: await live.rows(f"TABLE {table} ORDER BY {key}")
            for table, key in PROJECTION.items()
            if table not in ("ban_subject", "gate")
        }
        bans = await bans_at(live)
        await live.take(*messages)
        for table, rows in projected.items():
            found = await live.rows(f"TABLE {table} ORDER BY {PROJECTION[table]}")
            assert found == rows, f"telling anew changed {table}"
            assert found or table == "consent_applied"
        assert await bans_at(live) == bans

        await rebuilt.take(*shuffled(messages))
        for table, key in PROJECTION.items():
            query = STANDS.format(table=table, key=key)
            assert await rebuilt.rows(query) == await live.rows(query), table


@pytest.mark.requirement("LS-26")
async def test_telling_anew_changes_nothing_here_and_can_be_done_again(
    customers: Service, api: httpx.AsyncClient, postgres: Postgres
) -> None:
    async def state() -> list[Any]:
        found = []
        async with customers.engine.connect() as connection:
            for table in ("customer", "contact", "contact_customer", "list_value"):
                rows = await connection.execute(text(f"TABLE {table} ORDER BY 1, 2"))
                found.append([tuple(row) for row in rows])
        return found

    await people(api)
    before = await state()
    seen: list[tuple[int, int]] = []
    first = await republish(customers.units, lambda *of: seen.append(of), chunk=2)
    second, messages = await told_anew(customers)

    assert await state() == before
    assert seen == [(2, 7), (3, 7), (5, 7), (7, 7)]
    assert (second.after, second.through) == (first.through, first.through + 7)
    assert (await told(customers, BASELINE))[-1] == {
        "after": second.after,
        "through": second.through,
    }
    async with open_rig(postgres) as rig:
        await rig.take(*messages)
        assert await is_fresh(rig, least=second.after)
        (old, _) = of_type(await told_to_mailing(customers), BASELINE)
        await rig.take(old)
        assert await is_fresh(rig, least=second.after)


@pytest.mark.requirement("LS-26")
async def test_a_ban_set_between_two_chunks_is_told_and_waited_for(
    customers: Service, api: httpx.AsyncClient, postgres: Postgres
) -> None:
    found = await people(api, contacts=6)
    everybody = [UUID(one["contact_id"]) for one in found]
    flip = True

    @asynccontextmanager
    async def units() -> AsyncIterator[UnitOfWork]:
        nonlocal flip
        flip = not flip
        for one in everybody:
            async with customers.units() as unit:
                await ban_contact(one, SetBans(email=flip, sms=not flip), unit)
        async with customers.units() as unit:
            yield unit

    before = await last_told(customers)
    baseline = await republish(units, lambda told, total: None, chunk=1)  # type: ignore[arg-type]
    messages = await told_to_mailing(customers, since=before)
    numbers = [one["consent_seq"] for one in await told(customers, BANS)]
    assert sorted(numbers) == list(range(1, baseline.through + 1))

    for order in (list, shuffled):
        async with open_rig(postgres) as rig:
            await rig.take(*order(messages))
            assert await is_fresh(rig, least=baseline.after)
            assert await bans_at(rig) == await true_bans(customers)


def _of_contact(found: list[dict[str, Any]], unit: UnitOfWork) -> Awaitable[Any]:
    return ban_contact(UUID(found[3]["contact_id"]), SetBans(post=True), unit)


def _of_customer(found: list[dict[str, Any]], unit: UnitOfWork) -> Awaitable[Any]:
    firm = UUID(found[2]["customers"][0]["customer_id"])
    return ban_customer(firm, SetBans(sms=False, post=True), unit)


async def _of_setting(found: list[dict[str, Any]], unit: UnitOfWork) -> None:
    version = await setting_version(unit.connection, "NO_EMAIL")
    await change_setting("NO_EMAIL", None, unit, expected=version, dry_run=False)


@pytest.mark.requirement("LS-26", "LS-27")
@pytest.mark.parametrize(
    ("change", "place"),
    [(_of_customer, 2), (_of_contact, 4), (_of_setting, 4), (_of_contact, 5)],
    ids=["customer", "contact", "setting", "before the baseline"],
)
async def test_a_change_of_bans_under_way_is_waited_for(
    customers: Service,
    api: httpx.AsyncClient,
    postgres: Postgres,
    change: Callable[[list[dict[str, Any]], UnitOfWork], Awaitable[Any]],
    place: int,
) -> None:
    found = await people(api)
    opened = 0
    changing: list[asyncio.Task[None]] = []

    async def is_stopped() -> bool:
        async with customers.engine.connect() as connection:
            waiting = await connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )
            return bool(waiting.scalar_one()) or opened > place

    @asynccontextmanager
    async def units() -> AsyncIterator[UnitOfWork]:
        nonlocal opened
        opened += 1
        if opened == place:
            begun = asyncio.Event()

            async def under_way() -> None:
                async with customers.units() as unit:
                    await change(found, unit)
                    begun.set()
                    await eventually(is_stopped)

            changing.append(asyncio.create_task(under_way()))
            async with asyncio.timeout(10):
                await begun.wait()
        async with customers.units() as unit:
            yield unit

    before = await last_told(customers)
    baseline = await republish(units, lambda told, total: None)  # type: ignore[arg-type]
    await asyncio.gather(*changing)
    messages = await told_to_mailing(customers, since=before)
    async with open_rig(postgres) as rig:
        await rig.take(*messages)
        assert await is_fresh(rig, least=baseline.after)
        assert await bans_at(rig) == await true_bans(customers)


@pytest.mark.requirement("LS-26")
async def test_many_who_change_bans_meanwhile_neither_deadlock_nor_lose_one(
    customers: Service, api: httpx.AsyncClient, postgres: Postgres
) -> None:
    found = await people(api, contacts=8)
    before = await last_told(customers)

    async def toggle(one: dict[str, Any], seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(12):
            email, sms, post = (chance.random() < 0.5 for _ in range(3))
            async with customers.units() as unit:
                await ban_contact(UUID(one["contact_id"]), SetBans(email, sms, post), unit)
            async with customers.units() as unit:
                firm = UUID(one["customers"][0]["customer_id"])
                await ban_customer(firm, SetBans(email, sms, post), unit)

    await asyncio.gather(
        *(toggle(one, seed) for seed, one in enumerate(found[:3])),
        told_anew(customers, chunk=1),
    )
    messages = await told_to_mailing(customers, since=before)
    async with open_rig(postgres) as rig:
        await rig.take(*shuffled(messages))
        assert await is_fresh(rig, least=0)
        assert await bans_at(rig) == await true_bans(customers)


@pytest.mark.requirement("LS-26", "LS-A5")
async def test_customers_that_was_set_back_goes_on_above_the_numbers_that_mailing_has(
    customers: Service, api: httpx.AsyncClient, postgres: Postgres
) -> None:
    found = await people(api)
    async with open_rig(postgres) as rig:
        await rig.take(*await told_to_mailing(customers))
        had = await rig.one("SELECT applied_through FROM consent_position")
        await rig.refresh(seq=had)
        async with customers.engine.begin() as connection:
            await connection.execute(text("UPDATE consent_counter SET seq = 1"))
            await connection.execute(
                text(
                    "UPDATE contact SET attributes = '{}', version = version - 1, "
                    "email = 'former@example.com' WHERE contact_id = :id"
                ),
                {"id": UUID(found[0]["contact_id"])},
            )
        await rig.change("UPDATE consent_position SET confirmed_probe_at = 'epoch'")
        await rig.refresh(seq=1)
        assert await rig.hand_off(UUID(found[3]["contact_id"])) == ["consent_not_fresh"]

        # As docs/operations.md says.
        await rig.change("TRUNCATE customer, contact, contact_customer, classification")
        baseline, messages = await told_anew(customers, above=had)
        await rig.take(*messages)

        assert baseline.after == had
        assert await is_fresh(rig, least=baseline.after)
        assert await bans_at(rig) == await true_bans(customers)
        assert (
            await rig.one(
                "SELECT email FROM contact WHERE contact_id = :id", id=UUID(found[0]["contact_id"])
            )
            == "former@example.com"
        )


async def test_the_command_tells_anew_and_says_what_comes_next(
    customers: Service, api: httpx.AsyncClient, postgres: Postgres
) -> None:
    await people(api)
    before = await last_told(customers)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "apps.cli.main", "republish", "customers", "--above", "100"),
        cwd=ROOT,
        env={
            **os.environ,
            "SUHDE_DATABASE_URL": customers.engine.url.render_as_string(hide_password=False),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()

    assert process.returncode == 0
    assert "applied consent number 107" in printed.decode()
    assert "100%" in printed.decode()
    async with open_rig(postgres) as rig:
        await rig.take(*await told_to_mailing(customers, since=before))
        assert await is_fresh(rig, least=100)
        assert await bans_at(rig) == await true_bans(customers)


@pytest.mark.requirement("LS-21", "LS-A6")
async def test_a_contact_that_an_erp_places_at_another_customer_is_placed_at_mailing(
    customers: Service, postgres: Postgres
) -> None:
    person = {"contact_ref": "p", "first_name": "Ann", "email": "ann@example.com"}
    async with open_rig(postgres) as rig:
        for ref in ("A", "B", "B"):
            await send(customers, [customer(ref, contacts=[person])])
            await rig.take(*await told_to_mailing(customers))
        _, messages = await told_anew(customers)
        assert await rig.one("SELECT count(*) FROM contact_customer") == 2
    async with open_rig(postgres) as rig:
        await rig.take(*messages)
        assert await rig.rows(
            "SELECT version, count(*) FROM contact JOIN contact_customer USING (contact_id) "
            "GROUP BY version"
        ) == [(2, 2)]
