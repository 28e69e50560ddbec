"""Customer numbers by kind: a series for each prefix, gaps allowed, never a number twice."""

import asyncio
import random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import text

from services.customers.handlers.save_customer import Here, SaveCustomer, create_customer
from services.customers.messaging.publications import translate
from shared.chassis.clock import system_clock
from shared.chassis.database import connect
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWorkFactory
from tests.integration.customers.api_helpers import made
from tests.integration.customers.erp import customer
from tests.integration.customers.test_lists import classify, put_value
from tests.integration.customers.test_master_data import rows, send

HERE = Here(ZoneInfo("Europe/Helsinki"), "FI", {"FI"})
CUSTOMER, SUPPLIER = 1, 2


async def of_kind(api: httpx.AsyncClient, kind: int | None, **body: Any) -> dict[str, Any]:
    chosen = {} if kind is None else {"customer_kind": [kind]}
    return await made(api, "/v1/customers", name="F", classifications=chosen, **body)


@pytest.mark.requirement("LS-09", "LS-10", "LS-A9")
async def test_suppliers_have_a_series_of_their_own(api: httpx.AsyncClient) -> None:
    numbers = [(await of_kind(api, kind))["number"] for kind in (None, 2, 2, 1, 2, None)]
    assert numbers == ["1000", "S1000", "S1001", "1001", "S1002", "1002"]


@pytest.mark.requirement("LS-A9")
async def test_a_change_of_kind_keeps_the_number(api: httpx.AsyncClient) -> None:
    firm = await of_kind(api, SUPPLIER)
    changed = await classify(api, firm, classifications={"customer_kind": [CUSTOMER]})
    assert changed.json()["classifications"]["customer_kind"] == [CUSTOMER]
    assert changed.json()["number"] == "S1000"


@pytest.mark.requirement("LS-A9")
async def test_numbers_given_by_hand_are_passed_over_even_of_deleted_customers(
    customers: Service, api: httpx.AsyncClient
) -> None:
    for number in range(1000, 1040):
        await of_kind(api, CUSTOMER, number=f"S{number}")
    async with customers.engine.begin() as connection:
        await connection.execute(
            text("UPDATE customer SET deleted_at = now() WHERE number = 'S1007'")
        )
    assert (await of_kind(api, SUPPLIER, number="S1040"))["number"] == "S1040"

    given = [(await of_kind(api, SUPPLIER))["number"] for _ in range(3)]

    assert all(number.startswith("S") and int(number[1:]) > 1040 for number in given)
    assert len(set(given)) == 3


@pytest.mark.requirement("LS-09")
async def test_an_erp_keeps_its_number_and_gets_one_of_the_common_series(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(customers, [customer("A", customer_number="K-77"), customer("B")])
    assert {one["number"] for one in await rows(api, "/v1/customers")} == {"K-77", "1000"}


@pytest.mark.requirement("LS-10", "LS-A9")
async def test_prefixes_do_not_run_into_each_other(api: httpx.AsyncClient) -> None:
    for prefix in ("S1", "7", "S-0", "ÅÄÖåäöÅÄÖåä"):
        refused = await api.post("/v1/customer-kinds", json={"title": "X", "prefix": prefix})
        assert refused.status_code == 422, prefix
        assert "prefix" in refused.json()["detail"]

    kinds = [
        (await made(api, "/v1/customer-kinds", title=title, prefix=prefix))["number"]
        for title, prefix in (("Shop", "S"), ("Quoted", "O'\"Ä-"), ("Small", "s"), ("Minus", "S-"))
    ]
    numbers = [(await of_kind(api, kind))["number"] for kind in (SUPPLIER, *kinds, SUPPLIER)]
    assert numbers == ["S1000", "S1001", "O'\"Ä-1000", "s1000", "S-1000", "S1002"]

    changed = await put_value(api, "customer-kinds", kinds[2], title="Small", prefix="new ")
    assert changed.json()["prefix"] == "new"
    assert (await of_kind(api, kinds[2]))["number"] == "new1000"


@pytest.mark.requirement("LS-09", "LS-A9")
async def test_64_writers_with_random_rollbacks_never_get_a_number_twice(
    customers: Service, api: httpx.AsyncClient
) -> None:
    # One kind shares the prefix of suppliers, one has its own, and one has none.
    twin = (await made(api, "/v1/customer-kinds", title="Twin", prefix="S"))["number"]
    other = (await made(api, "/v1/customer-kinds", title="Other", prefix="X-"))["number"]
    chance = random.Random(8433301)
    kept: list[UUID] = []
    # As many at a time as a server of 100 connections leaves room for beside other tests.
    url = customers.engine.url.render_as_string(hide_password=False)
    engine = connect(url, name="writers", pool_size=32)
    units = UnitOfWorkFactory(engine, system_clock, translate)
    # Who waits for a connection longer than its deadline is refused, on a busy machine even here.
    room = asyncio.Semaphore(32)

    class Changed(Exception):
        """The writer thinks better of it."""

    async def writer(number: int) -> None:
        kinds = [chance.choice([CUSTOMER, SUPPLIER, twin, other]) for _ in range(5)]
        for kind in kinds:
            command = SaveCustomer(name=f"W{number}", classifications={"customer_kind": [kind]})
            try:
                async with room, units() as unit:
                    made_ = await create_customer(command, unit, HERE)
                    if chance.random() < 0.3:
                        raise Changed
            except Changed:
                continue
            kept.append(made_)

    try:
        await asyncio.gather(*(writer(number) for number in range(64)))
    finally:
        await engine.dispose()

    async with customers.engine.connect() as connection:
        found = (await connection.execute(text("SELECT customer_id, number FROM customer"))).all()
    assert {row.customer_id for row in found} == set(kept)
    assert len({row.number for row in found}) == len(found) < 320
    assert {row.number.rstrip("0123456789") for row in found} == {"", "S", "X-"}


@pytest.mark.requirement("LS-A9")
async def test_one_number_given_by_hand_many_times_at_once_is_given_once(
    api: httpx.AsyncClient,
) -> None:
    answers = await asyncio.gather(
        *(api.post("/v1/customers", json={"name": "F", "number": "S1000"}) for _ in range(4)),
        *(
            api.post("/v1/customers", json={"name": "F", "classifications": {"customer_kind": [2]}})
            for _ in range(4)
        ),
    )
    assert {one.status_code for one in answers} <= {201, 409}, [one.text for one in answers]
    numbers = [one.json()["number"] for one in answers if one.status_code == 201]
    assert len(numbers) == len(set(numbers))
