"""What a list costs: pages read what they show, and what has no pages is bounded."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import event, text

from services.customers.handlers import pick_contacts
from services.customers.persistence.contacts import list_contacts
from shared.chassis.service import Service
from shared.lists import save as save_list_value
from tests.integration.customers.api_helpers import addressees, contact_at, made, role
from tests.integration.customers.importing import mapped, rehearsed


@contextmanager
def statements(service: Service) -> Iterator[list[tuple[str, Any]]]:
    """Collect what the service asks its database, with the parameters."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    event.listen(service.engine.sync_engine, "before_cursor_execute", note)
    yield asked
    event.remove(service.engine.sync_engine, "before_cursor_execute", note)


async def test_a_page_of_imports_asks_as_much_whatever_it_holds(
    customers: Service, api: httpx.AsyncClient
) -> None:
    async def asked_for(limit: int) -> int:
        with statements(customers) as asked:
            answer = await api.get("/v1/imports", params={"limit": limit})
        assert [one["state"] for one in answer.json()["items"]] == ["rehearsed"] * limit
        assert all(one["first_rows"] == [] for one in answer.json()["items"])
        return len(asked)

    for ref in range(3):
        url = await mapped(api, f"customer ref;name\n{ref};Kauppa Oy\n")
        await rehearsed(api, url)

    assert await asked_for(1) == await asked_for(3)


async def test_contacts_of_a_customer_are_found_by_its_places(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="F")
    own = await contact_at(api, firm, "Aino")
    async with customers.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO contact (contact_id, first_name, last_name, version, created_at, "
                "updated_at) SELECT gen_random_uuid(), 'A', 'B', 1, now(), now() "
                "FROM generate_series(1, 5000)"
            )
        )
        await connection.execute(text("ANALYZE contact, contact_customer"))
        with statements(customers) as asked:
            found = await list_contacts(
                connection, customer_id=UUID(firm["customer_id"]), after=None, limit=51
            )
        ((statement, parameters),) = asked
        plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        shown = "\n".join(row[0] for row in plan)

    assert [str(row.contact_id) for row in found] == [own["contact_id"]]
    # First its places, then each of its contacts by id.
    assert re.search(r"Nested Loop.*\n.* on contact_customer place", shown), shown
    assert "Seq Scan on contact " not in shown, shown


async def test_a_list_takes_no_more_values_than_are_shown(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(api, "/v1/products", title="Boats")
    monkeypatch.setattr(save_list_value, "MOST_VALUES", 2)

    assert (await api.post("/v1/products", json={"title": "Nets"})).status_code == 201
    refused = await api.post("/v1/products", json={"title": "Ropes"})

    assert (refused.status_code, refused.json()["slug"]) == (409, "too_many_list_values")


async def test_the_first_addressees_are_told(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await role(api, "CONTACT_NUMBER")
    firm = await made(api, "/v1/customers", name="F")
    for name in ("Aino", "Brita"):
        email = f"{name.lower()}@example.com"
        await contact_at(api, firm, name, email=email, attributes=[number])
    monkeypatch.setattr(pick_contacts, "MOST_ADDRESSEES", 1)

    assert await addressees(api, firm, "invoice") == ["aino@example.com"]
