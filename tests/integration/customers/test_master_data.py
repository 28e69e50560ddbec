"""An ERP's customers and contacts, taken over and kept up to date."""

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.customers.erp import customer, parked, send, told


async def rows(api: httpx.AsyncClient, path: str) -> list[dict[str, object]]:
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_a_reference_names_one_customer_for_ever(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(customers, [customer("A", name="Old", customer_number="7")])
    await send(customers, [customer("A", name="New", customer_number="7", email="a@example.com")])
    await send(customers, [{**customer("A", name="Another ERP's"), "source": "/erp/other"}])

    found = await rows(api, "/v1/customers")
    assert [(one["name"], one["email"]) for one in found] == [
        ("New", "a@example.com"),
        ("Another ERP's", None),
    ]
    assert found[0]["number"] == "7"
    assert found[0]["references"] == [{"source": "/erp/test", "ref": "A"}]
    saved = await told(customers, "customers.customer-saved.v1")
    assert [(one["name"], one["version"]) for one in saved][:2] == [("Old", 1), ("New", 2)]


@pytest.mark.parametrize("together", [True, False])
async def test_an_older_version_changes_nothing(
    customers: Service, api: httpx.AsyncClient, together: bool
) -> None:
    events = [
        customer("A", name="Third", version=3),
        customer("A", name="Second", version=2),
        {**customer("A", name="Unversioned"), "time": "2030-01-01T00:00:00Z"},
    ]
    for some in [events] if together else [[one] for one in events]:
        await send(customers, some)

    assert [one["name"] for one in await rows(api, "/v1/customers")] == ["Third"]
    assert await parked(customers) == {}


async def test_without_versions_the_later_moment_wins(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(customers, [{**customer("A", name="Later"), "time": "2026-02-01T00:00:00Z"}])
    await send(customers, [{**customer("A", name="Earlier"), "time": "2026-01-01T00:00:00Z"}])

    assert [one["name"] for one in await rows(api, "/v1/customers")] == ["Later"]


@pytest.mark.parametrize("field", ["customer_number", "business_id"])
@pytest.mark.parametrize("together", [True, False])
async def test_a_key_that_another_customer_has_parks_the_event(
    customers: Service, api: httpx.AsyncClient, field: str, together: bool
) -> None:
    events = [customer("A", **{field: "K1"}), customer("B", **{field: "K1"}), customer("C")]
    for some in [events] if together else [[one] for one in events]:
        await send(customers, some)

    assert {one["name"] for one in await rows(api, "/v1/customers")} == {"Customer A", "Customer C"}
    reasons = await parked(customers)
    assert set(reasons) == {"customer_key_taken"}
    assert f"{field} 'K1'" in reasons["customer_key_taken"]


async def test_contacts_are_made_and_changed_by_their_own_reference(
    customers: Service, api: httpx.AsyncClient
) -> None:
    person = {"contact_ref": "p", "first_name": "Ann", "email": "Ann@Example.com"}
    await send(customers, [customer("A", contacts=[person])])
    await send(
        customers,
        [customer("A", contacts=[{**person, "last_name": "Ek", "mobile": "040 1234567"}])],
    )

    (ann,) = await rows(api, "/v1/contacts")
    assert (ann["first_name"], ann["last_name"]) == ("Ann", "Ek")
    assert (ann["email"], ann["mobile"]) == ("ann@example.com", "+358401234567")
    (firm,) = await rows(api, "/v1/customers")
    place = {"customer_id": firm["customer_id"], "role": None, "position": 0}
    assert ann["customers"] == [place]
    saved = await told(customers, "customers.contact-saved.v1")
    assert [one["version"] for one in saved] == [1, 2]
    assert saved[-1]["person"]["mobile"] == "+358401234567"


async def test_unusable_addresses_do_not_keep_a_person_or_a_customer_out(
    customers: Service, api: httpx.AsyncClient
) -> None:
    person = {
        "contact_ref": "p",
        "first_name": "Ann",
        "email": "no e-mail at all",
        "mobile": "call the office",
        "phone": "1" * 400,
        "bans": ["NO_EMAIL"],
    }
    await send(customers, [customer("A", email="@@@", contacts=[person])])

    (ann,) = await rows(api, "/v1/contacts")
    assert (ann["first_name"], ann["email"], ann["mobile"], ann["phone"]) == (
        "Ann",
        None,
        None,
        None,
    )
    (firm,) = await rows(api, "/v1/customers")
    assert firm["email"] is None
    (banned,) = await told(customers, "customers.bans-changed.v1")
    assert banned["bans"]["email"] is True
    assert await parked(customers) == {}


async def test_two_hundred_customers_in_one_batch_get_numbers_of_their_own(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(customers, [customer(f"C{n}") for n in range(200)])

    found = await rows(api, "/v1/customers?limit=500")
    assert len({one["number"] for one in found}) == 200
