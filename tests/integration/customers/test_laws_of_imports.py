"""Whatever a file says: what is rehearsed is done, twice is once, and undone is as before."""

import csv
import io
import json
import os
import re
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.customers.handlers import run_import
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import made
from tests.integration.customers.importing import SOURCE, fates, mapped, ran, rehearsed

FIELDS = {
    "ref": "customer.ref",
    "name": "customer.name",
    "number": "customer.number",
    "id": "customer.business_id",
    "email": "customer.email",
    "phone": "customer.phone",
    "country": "customer.country",
    "staff": "customer.headcount",
    "since": "customer.relationship_start",
    "products": "customer.product",
    "person": "contact.ref",
    "last": "contact.last_name",
    "mail": "contact.email",
    "mobile": "contact.mobile",
    "role": "contact.role",
}
CELLS = {
    "ref": ["", "A", "B", "C", "D"],
    "name": ["", "Alku", "Äänekoski Oy"],
    "number": ["", "", "", "N1", "N2"],
    "id": ["", "", "0201724-4", "02017244", "556036-0793", "0201724-5", "none"],
    "email": ["", "", "a@example.com", "b@example.com", "broken"],
    "phone": ["", "", "081234567", "040 123 4567", "12"],
    "country": ["", "", "SE", "fi", "Suomi"],
    "staff": ["", "", "1", "300", "many"],
    "since": ["", "", "2020-01-31", "31.1.2021", "2022-01-31 00:00:00.000", "31.2.2020"],
    "products": ["", "", "Boats", "boats; Sails", "Nets"],
    "person": ["", "", "P", "Q", "R"],
    "last": ["", "Öhman", "Virtanen"],
    "mail": ["", "p@example.com", "q@", "P@Example.com"],
    "mobile": ["", "", "0401234567", "+46709876543", "0"],
    "role": ["", "", "Ostaja"],
}
ROW = st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in CELLS.items()}).filter(
    lambda one: any(one.values())
)
ROWS = st.lists(ROW, min_size=1, max_size=7)
# What living records are, but for when and how often they were changed.
RECORDS = """
    SELECT customer_id AS id, to_jsonb(customer) - CAST(:besides AS text[]) AS held,
           ARRAY(SELECT ref FROM customer_reference AS one
                 WHERE one.customer_id = customer.customer_id ORDER BY ref) AS refs
    FROM customer WHERE deleted_at IS NULL
    UNION ALL
    SELECT contact_id, to_jsonb(contact) - CAST(:besides AS text[]),
           ARRAY(SELECT customer_id || ' ' || coalesce(role, '') FROM contact_customer AS place
                 WHERE place.contact_id = contact.contact_id ORDER BY 1)
    FROM contact WHERE deleted_at IS NULL
    ORDER BY id
"""
BESIDES = ["version", "updated_at", "start_recorded_at", "start_decided_at"]
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def row(**cells: str) -> dict[str, str]:
    return dict.fromkeys(CELLS, "") | cells


def written(rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(FIELDS), delimiter="|")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


async def records(service: Service) -> list[Any]:
    async with service.engine.connect() as connection:
        return list((await connection.execute(text(RECORDS), {"besides": BESIDES})).all())


async def anew(service: Service, api: httpx.AsyncClient) -> None:
    """Leave two customers and a contact of one of them, and one product."""
    async with service.engine.begin() as connection:
        await connection.execute(text("TRUNCATE inbox, outbox, customer, contact, import CASCADE"))
        await connection.execute(text("DELETE FROM list_value WHERE list = 'product'"))
    product = await made(api, "/v1/products", title="Boats")
    await made(
        api,
        "/v1/customers",
        name="Alku",
        number="N1",
        business_id="0201724-4",
        references=[{"source": SOURCE, "ref": "A"}],
        classifications={"product": [product["number"]]},
    )
    given = [row(ref="B", name="Besökt", staff="12"), row(ref="B", person="P", last="Öhman")]
    await ran(api, await mapped(api, written(given), FIELDS))


def told(rows: list[dict[str, Any]]) -> list[Any]:
    """Return what rows are told, but for new ids and titles, which a rehearsal does not know."""
    for one in rows:
        if "customer.product" in one["changes"]:
            one["changes"]["customer.product"] = "changed"
    return [
        (one["line"], one["fate"], ID.sub("", json.dumps([one["changes"], one["problems"]])))
        for one in rows
    ]


async def imported(api: httpx.AsyncClient, rows: list[dict[str, str]]) -> str:
    return await mapped(api, written(rows), FIELDS, create_missing=["customer.product"])


def bounded(test: Any) -> Any:
    return settings(
        max_examples=int(os.environ.get("SUHDE_IMPORTS", "12")),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )(given(rows=ROWS)(test))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_import, "CHUNK", 3)


@bounded
@example(  # two new values beside each other, and then one more
    rows=[row(ref="A", products="Sails; Nets"), row(ref="A", products="Oars")]
)
@example(rows=[row(ref="D", name="Uusi"), *[row(ref="D", products="Nets")] * 3])
@example(rows=[row(ref="D", name="Uusi"), row(ref="A"), row(ref="B"), row(ref="D", number="N7")])
async def test_a_rehearsal_says_what_is_done_and_twice_is_once(
    customers: Service, api: httpx.AsyncClient, rows: list[dict[str, str]]
) -> None:
    await anew(customers, api)
    before = await records(customers)
    url = await imported(api, rows)
    counts = await rehearsed(api, url)
    rehearsal = await fates(api, url)
    assert await records(customers) == before

    assert await ran(api, url) == counts
    done = await fates(api, url)
    assert told(done) == told(rehearsal)

    # Who was refused may be taken the next time, since others have come.
    refused = {one["line"] for one in done if one["fate"] == "refused"}
    lines = [one["line"] for one in done]
    taken = [one for one, line in zip(rows, lines, strict=True) if line not in refused]
    if taken:
        after = await records(customers)
        again = await ran(api, await imported(api, taken))
        assert await records(customers) == after
        assert "created" not in again
        keys = [one[key] for one in taken for key in ("ref", "person") if one[key]]
        if len(set(keys)) == len(keys):
            assert again == {"unchanged": len(taken)}


@bounded
@example(rows=[row(ref="A", name="Loppu", products="Nets"), row(ref="B", person="P", role="X")])
async def test_an_undone_import_leaves_what_was_before(
    customers: Service, api: httpx.AsyncClient, rows: list[dict[str, str]]
) -> None:
    await anew(customers, api)
    before = await records(customers)
    url = await imported(api, rows)
    await ran(api, url)

    undone = await api.post(f"{url}/undo")

    assert undone.status_code == 200, undone.text
    assert undone.json()["changed_since"] == 0
    assert await records(customers) == before
