"""Adding a classification list is one line, as docs/how-to/add-a-classification-list.md says."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from services.customers.api.lists import lists_routers
from services.customers.domain import lists
from shared.chassis.http.app import create_app
from shared.chassis.service import Service
from shared.lists.definition import Fact, FactKind, ListDefinition
from tests.integration.customers.api_helpers import made
from tests.integration.customers.conftest import KEY
from tests.integration.customers.erp import told
from tests.integration.customers.test_lists import classify, delete, put_value, titles

PAGE = Path(__file__).parents[3] / "docs/how-to/add-a-classification-list.md"
SALES_CHANNEL = ListDefinition(
    "sales_channel",
    "sales-channels",
    "through whom we sell to the customer",
    held_by=("customer",),
    several=True,
    tree=True,
    facts={"commission": Fact(FactKind.WHOLE, "per cent")},
)


@pytest.fixture
async def api(
    customers: Service, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service as it would be with one more line in `LISTS`."""
    monkeypatch.setitem(lists.LISTS, SALES_CHANNEL.name, SALES_CHANNEL)
    customers.routers[:] = [
        *(one for one in customers.routers if one.prefix not in {"/v1/lists", *_paths()}),
        *lists_routers(customers.units),
    ]
    app = create_app([customers], api_key=SecretStr(KEY), title="customers", version="0")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://suhde",
        headers={"Authorization": f"Bearer {KEY}"},
    ) as client:
        yield client


def _paths() -> set[str]:
    return {f"/v1/{one.path}" for one in lists.LISTS.values()}


def test_the_page_shows_the_line_that_is_added_here() -> None:
    def words(source: str) -> str:
        return re.sub(r",(?=\))", "", re.sub(r"\s", "", source))

    shown = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    here = Path(__file__).read_text()
    line = here[here.index("ListDefinition(\n") : here.index("\n\n\n@pytest.fixture")]
    assert words(line) in {words(one) for one in shown}


@pytest.mark.requirement("LS-14", "LS-15")
async def test_one_line_gives_routes_holding_usage_moving_events_and_history(
    customers: Service, api: httpx.AsyncClient
) -> None:
    overview = {one["name"]: one for one in (await api.get("/v1/lists")).json()}
    assert overview["sales_channel"]["path"] == "/v1/sales-channels"
    direct = await made(api, "/v1/sales-channels", title="Direct", titles={"fi": "Suora"})
    dealer = await made(api, "/v1/sales-channels", title="Dealer", commission=10, order=5)
    north = await made(api, "/v1/sales-channels", title="North", parent=dealer["number"])
    assert await titles(api, "sales-channels") == ["Direct", "North", "Dealer"]
    wrong = await api.post("/v1/sales-channels", json={"title": "X", "commission": -1})
    assert wrong.status_code == 422

    chosen = {"sales_channel": [direct["number"], north["number"]]}
    firm = await made(api, "/v1/customers", name="Firm", classifications=chosen)
    assert firm["classifications"]["sales_channel"] == [1, 3]
    usage = {one["number"]: one for one in (await api.get("/v1/sales-channels/usage")).json()}
    assert usage[1] == {"number": 1, "customers": 1, "contacts": 0}

    refused = await delete(api, "sales-channels", 1)
    assert (refused.status_code, refused.json()["count"]) == (409, 1)
    moved = await delete(api, "sales-channels", 1, move_to=2)
    assert moved.json()["moved_customers"] == 1
    now = (await api.get(f"/v1/customers/{firm['customer_id']}")).json()
    assert now["classifications"]["sales_channel"] == [2, 3]
    archived = await put_value(api, "sales-channels", 3, title="North", parent=2, archived=True)
    assert archived.status_code == 200
    assert (await classify(api, now, classifications={"sales_channel": [3]})).status_code == 200
    other = await api.post(
        "/v1/customers", json={"name": "O", "classifications": {"sales_channel": [3]}}
    )
    assert "archived" in other.json()["detail"]

    saved = await told(customers, "customers.classification-saved.v1")
    assert saved[-1]["title"] == "North"
    async with customers.engine.connect() as connection:
        changes = await connection.execute(
            text(
                "SELECT after FROM history WHERE record = 'list_value' AND record_id = :id "
                "ORDER BY history_id"
            ),
            {"id": north["value_id"]},
        )
        assert "archived_at" in changes.scalars().all()[-1]
