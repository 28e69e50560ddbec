"""Business ids are checked where a person types them, and matched in any spelling everywhere."""

import httpx

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import made
from tests.integration.customers.erp import customer, document, parked, send
from tests.integration.customers.test_lists import classify
from tests.integration.customers.test_master_data import rows


async def test_a_wrong_check_digit_is_refused_over_http(api: httpx.AsyncClient) -> None:
    refused = await api.post("/v1/customers", json={"name": "A", "business_id": "0201724-5"})
    assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")
    assert "business_id" in refused.json()["detail"]
    assert "foreign" in refused.json()["remedy"]

    firm = await made(api, "/v1/customers", name="A", business_id="02017244")
    assert firm["business_id"] == "0201724-4"
    again = await api.post("/v1/customers", json={"name": "B", "business_id": "0201724-4"})
    assert (again.status_code, again.json()["slug"]) == (409, "customer_key_taken")
    foreign = await made(api, "/v1/customers", name="C", business_id="CHE-107.787.577")
    assert foreign["business_id"] == "CHE-107.787.577"


async def test_an_erp_is_never_refused_and_its_ids_may_be_sent_back(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(customers, [customer("A", business_id="0201724-5")])
    (wrong,) = await rows(api, "/v1/customers")
    assert wrong["business_id"] == "0201724-5"
    assert await parked(customers) == {}

    kept = await classify(api, wrong, business_id="0201724-5", phone="+358401234567")
    assert kept.status_code == 200, "who changes a phone number need not mend an ERP's id"
    other = await classify(api, wrong, business_id="0201724-6")
    assert other.status_code == 422


async def test_documents_find_their_customer_in_any_spelling(
    customers: Service, api: httpx.AsyncClient
) -> None:
    waits = document("invoice-posted", "1", "-", "2026-01-02", customer={"business_id": "02017244"})
    await send(customers, [waits])
    firm = await made(api, "/v1/customers", name="A", business_id="0201724-4")
    late = document("invoice-posted", "2", "-", "2026-01-01", customer={"business_id": "0201724 4"})

    await send(customers, [late])

    url = f"/v1/customers/{firm['customer_id']}"
    assert (await api.get(url)).json()["relationship"]["started_on"] == "2026-01-01"
    assert await parked(customers) == {}


async def test_two_spellings_are_one_key_to_an_erp(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(
        customers,
        [customer("A", business_id="5560360793"), customer("B", business_id="556036-0793")],
    )
    assert [one["business_id"] for one in await rows(api, "/v1/customers")] == ["556036-0793"]
    assert set(await parked(customers)) == {"customer_key_taken"}
