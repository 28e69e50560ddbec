"""Imports among others: cut off at any chunk, cancelled, racing an ERP: nothing is done twice."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.customers.handlers import run_import
from services.customers.persistence.customers import KeyTakenMeanwhile
from shared.chassis.jobs import Stepwise
from shared.chassis.service import Service
from shared.chassis.testing.waiting import eventually
from tests.integration.customers.api_helpers import made
from tests.integration.customers.erp import customer, send, told, work_off
from tests.integration.customers.importing import SOURCE, customer_by, fates, mapped, ran

MAPPING = {
    "ref": "customer.ref",
    "name": "customer.name",
    "person": "contact.ref",
    "last": "contact.last_name",
}
ROWS = 25
CONTENT = "ref,name,person,last\n" + "".join(
    f"C{n},Customer {n},P{n},Person {n}\n" for n in range(ROWS)
)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_import, "CHUNK", 4)


async def state_of(service: Service) -> dict[str, int]:
    async with service.engine.connect() as connection:
        found = await connection.execute(
            text(
                """
                SELECT (SELECT count(*) FROM customer) AS customers,
                       (SELECT count(*) FROM contact) AS contacts,
                       (SELECT count(*) FROM import_fate) AS fates,
                       (SELECT count(*) FROM history WHERE operation_id IS NOT NULL
                          AND after = '{"created": true}') AS created,
                       (SELECT sum(customers) FROM operation) AS told
                """
            )
        )
        return dict(found.one()._mapping)


@pytest.mark.parametrize("kind", ["rehearsal", "run"])
async def test_a_killed_import_goes_on_where_it_was(
    customers: Service, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The step is cut off before and after its own work, at each chunk once."""
    url = await mapped(api, CONTENT, MAPPING)
    jobs = customers.jobs
    assert jobs is not None
    work = jobs._kinds[f"import-{kind}"]
    assert isinstance(work, Stepwise)
    cut: set[tuple[Any, bool]] = set()

    async def step(job: Any, unit: Any) -> Any:
        place = (job.position or {}).get("line")
        for after in (False, True):
            done = await work.step(job, unit) if after else None
            if (place, after) not in cut:
                cut.add((place, after))
                await unit.connection.execute(
                    text("UPDATE job SET attempts = 0"),
                )
                raise ConnectionError("cut off")
        return done

    monkeypatch.setattr("shared.chassis.job_runner.FAILURE_SECONDS", 0.001)
    monkeypatch.setitem(jobs._kinds, f"import-{kind}", Stepwise(step, work.lane))  # type: ignore[index]
    answer = await api.post(f"{url}/{kind}")

    assert answer.status_code == 200, answer.text
    assert answer.json()["counts"] == {"created": ROWS}
    assert len(cut) == 2 * (ROWS // 4 + 1)
    found = await state_of(customers)
    if kind == "rehearsal":
        assert (found["customers"], found["contacts"], found["fates"]) == (0, 0, ROWS)
        return
    assert found == {
        "customers": ROWS,
        "contacts": ROWS,
        "fates": ROWS,
        "created": 2 * ROWS,
        "told": ROWS,
    }
    assert len(await told(customers, "customers.customer-saved.v1")) == ROWS
    assert len(await told(customers, "customers.contact-saved.v1")) == ROWS


async def test_a_cancelled_import_keeps_what_it_did_and_can_be_undone(
    customers: Service, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await mapped(api, CONTENT, MAPPING)
    jobs = customers.jobs
    assert jobs is not None
    work = jobs._kinds["import-run"]
    assert isinstance(work, Stepwise)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def step(job: Any, unit: Any) -> Any:
        done = await work.step(job, unit)
        if done.done == 8:
            reached.set()
            await go_on.wait()
        return done

    monkeypatch.setitem(jobs._kinds, "import-run", Stepwise(step, work.lane))  # type: ignore[index]
    asked = await api.post(f"{url}/run", headers={"Prefer": ""})
    await reached.wait()
    cancelled = await api.post(f"{asked.headers['location']}/cancel")
    assert cancelled.status_code == 202
    go_on.set()

    async def ended() -> bool:
        return bool((await api.get(url)).json()["state"] == "cancelled")

    await eventually(ended)
    assert (await api.get(url)).json()["counts"] == {"created": 8}
    undone = (await api.post(f"{url}/undo")).json()
    assert undone["deleted"] == 16
    found = await api.post("/v1/customers/search", json={"filter": {}})
    assert found.json()["items"] == []


async def test_racing_an_erp_over_the_same_keys_leaves_one_customer_each(
    customers: Service, api: httpx.AsyncClient
) -> None:
    url = await mapped(api, CONTENT, MAPPING)
    events = [
        customer(
            f"C{n}",
            customer_number=f"N{n}",
            contacts=[{"contact_ref": f"P{n}", "last_name": f"Person {n}"}],
        )
        | {"source": SOURCE}
        for n in range(ROWS)
    ]

    async def sent() -> None:
        """Send; where a key was taken meanwhile, work on the messages again as the worker does."""
        try:
            await send(customers, reversed(events))
        except KeyTakenMeanwhile:
            await eventually(worked_off)

    async def worked_off() -> bool:
        with suppress(KeyTakenMeanwhile):
            await work_off(customers)
            return True
        return False

    counts, _ = await asyncio.gather(ran(api, url), sent())

    assert sum(counts.values()) == ROWS and not counts.get("refused")
    found = await state_of(customers)
    assert (found["customers"], found["contacts"]) == (ROWS, ROWS)


async def test_a_key_taken_between_look_and_change_is_seen_at_the_next_look(
    customers: Service, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await mapped(
        api,
        "ref,name,number\nA,A,N1\n",
        {"ref": "customer.ref", "name": "customer.name", "number": "customer.number"},
    )
    planned = run_import.plan_rows
    taken: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()

    def take_first(*given: Any) -> Any:
        plan = planned(*given)
        if not taken:
            taking = made(api, "/v1/customers", name="Faster", number="N1")
            taken.append(asyncio.run_coroutine_threadsafe(taking, loop).result(10))
        return plan

    monkeypatch.setattr(run_import, "plan_rows", take_first)

    assert await ran(api, url) == {"refused": 1}
    (row,) = await fates(api, url)
    assert taken[0]["customer_id"] in row["problems"][0]["reason"]
    assert (await customer_by(api, "faster"))["number"] == "N1"
