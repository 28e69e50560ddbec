"""The start of a relationship: which document decides, and what corrects it."""

import csv
import gzip
import random
from datetime import date, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.chassis.service import Service
from tests.integration.customers.erp import customer, document, parked, send, starts, told, void

DEMO = Path(__file__).parents[3] / "apps" / "embedded" / "demo"

INVOICE, ORDER, CREDIT = "invoice-posted", "sales-order-posted", "credit-note-posted"


@pytest.mark.requirement("LS-29", "LS-31", "LS-A1")
async def test_the_document_recorded_first_decides_by_its_own_date(customers: Service) -> None:
    await send(
        customers,
        [
            customer("A"),
            document(INVOICE, "late", "A", "2024-01-01", "2024-03-01T00:00:00Z"),
            document(ORDER, "first", "A", "2024-02-05", "2024-02-10T08:00:00Z"),
        ],
    )

    assert await starts(customers) == {"A": ("2024-02-05", "sales_order", "first")}
    assert len(await told(customers, "customers.first-invoice-posted.v1")) == 1
    assert len(await told(customers, "customers.first-sales-order-posted.v1")) == 1


@pytest.mark.requirement("LE-01")
async def test_the_newest_word_on_a_first_invoice_has_the_highest_version(
    customers: Service,
) -> None:
    first = document(INVOICE, "1", "A", "2024-04-01", "2024-04-01T09:00:00Z")
    second = document(INVOICE, "2", "A", "2024-05-01", "2024-05-01T09:00:00Z")
    gone = [void("invoice-voided", number, "A") for number in "12"]
    for news in (customer("A"), second, first, *gone):
        await send(customers, [news])

    heard = await told(customers, "customers.first-invoice-posted.v1")
    assert [(one["document_id"], one["withdrawn"]) for one in heard] == [
        ("2", False),
        ("1", False),
        ("2", False),
        ("2", True),
    ]
    versions = [one["version"] for one in heard]
    assert versions == sorted(set(versions))


@pytest.mark.requirement("LS-A1")
async def test_a_late_arrival_recorded_earlier_corrects_the_start(customers: Service) -> None:
    await send(
        customers,
        [customer("A"), document(INVOICE, "2", "A", "2024-05-01", "2024-05-01T09:00:00Z")],
    )
    await send(customers, [document(INVOICE, "1", "A", "2024-04-01", "2024-04-01T09:00:00Z")])

    assert await starts(customers) == {"A": ("2024-04-01", "invoice", "1")}
    corrected = (await told(customers, "customers.relationship-started.v1"))[-1]
    assert corrected["previously"] == "2024-05-01"


@pytest.mark.requirement("LS-A1")
async def test_without_a_recording_time_the_start_of_its_own_day_counts(customers: Service) -> None:
    await send(
        customers,
        [
            customer("A"),
            document(INVOICE, "noon", "A", "2024-04-02", "2024-04-01T12:00:00Z"),
            document(INVOICE, "undated", "A", "2024-04-01"),
        ],
    )

    assert await starts(customers) == {"A": ("2024-04-01", "invoice", "undated")}


@pytest.mark.requirement("LS-A1")
async def test_a_tie_goes_to_the_earlier_date_then_to_the_id(customers: Service) -> None:
    moment = "2024-04-01T12:00:00Z"
    await send(
        customers,
        [
            customer("A"),
            document(INVOICE, "b", "A", "2024-04-01", moment),
            document(INVOICE, "c", "A", "2024-03-01", moment),
            document(INVOICE, "a", "A", "2024-04-01", moment),
            document(INVOICE, "d", "A", "2024-03-01", moment),
        ],
    )

    assert await starts(customers) == {"A": ("2024-03-01", "invoice", "c")}


@pytest.mark.requirement("LS-A2")
async def test_a_voided_first_document_is_recomputed_whatever_comes_first(
    customers: Service,
) -> None:
    await send(
        customers,
        [
            customer("A"),
            void("invoice-voided", "1", "A"),
            document(INVOICE, "2", "A", "2024-05-01", "2024-05-01T09:00:00Z"),
            document(INVOICE, "1", "A", "2024-04-01", "2024-04-01T09:00:00Z"),
        ],
    )
    assert await starts(customers) == {"A": ("2024-05-01", "invoice", "2")}

    await send(customers, [void("invoice-voided", "2", "A")])
    assert await starts(customers) == {}

    reinstated = document(
        INVOICE, "2", "A", "2024-05-01", "2024-05-01T09:00:00Z", document_version=2
    )
    await send(customers, [reinstated])
    assert await starts(customers) == {"A": ("2024-05-01", "invoice", "2")}


@pytest.mark.requirement("LS-A2")
async def test_a_wholly_credited_invoice_does_not_count_a_partly_credited_one_does(
    customers: Service,
) -> None:
    await send(
        customers,
        [
            customer("A"),
            document(INVOICE, "1", "A", "2024-04-01", "2024-04-01T09:00:00Z"),
            document(INVOICE, "2", "A", "2024-05-01", "2024-05-01T09:00:00Z"),
            document(CREDIT, "c1", "A", "2024-06-01", None, invoice_id="1", net_amount="-60.00"),
        ],
    )
    assert (await starts(customers))["A"][2] == "1"

    await send(
        customers,
        [document(CREDIT, "c2", "A", "2024-06-02", None, invoice_id="1", net_amount="40.00")],
    )
    assert (await starts(customers))["A"][2] == "2"


@pytest.mark.requirement("LS-A2")
async def test_a_date_set_by_hand_is_never_overwritten(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(customers, [customer("A")])
    made = (await api.get("/v1/customers")).json()["items"][0]
    url = f"/v1/customers/{made['customer_id']}/relationship-start"
    answer = await api.put(url, json={"started_on": "1999-12-31"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text

    await send(customers, [document(INVOICE, "1", "A", "1990-01-01", "1990-01-01T00:00:00Z")])
    await send(customers, [void("invoice-voided", "1", "A")])
    assert await starts(customers) == {"A": ("1999-12-31", "manual", None)}

    again = document(INVOICE, "2", "A", "2024-05-01", "2024-05-01T09:00:00Z")
    await send(customers, [again])
    version = (await api.get(url.removesuffix("/relationship-start"))).headers["etag"]
    await api.put(url, json={"started_on": None}, headers={"If-Match": version})
    assert await starts(customers) == {"A": ("2024-05-01", "invoice", "2")}


@pytest.mark.requirement("LS-30", "LS-A1", "LS-A3")
async def test_a_switch_changes_nothing_until_recomputed_and_shows_it_before(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(
        customers,
        [
            customer("A"),
            document(ORDER, "o", "A", "2024-01-01", "2024-01-01T09:00:00Z"),
            document(INVOICE, "i", "A", "2024-02-01", "2024-02-01T09:00:00Z"),
        ],
    )
    answer = await api.put(
        "/v1/settings/STARTDATE_SALESORDER", json={"value": 2}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    assert (await starts(customers))["A"][2] == "o"

    shown = (await api.post("/v1/relationship-starts/recompute?dry_run=true")).json()
    assert shown["starts_changed"] == 1
    assert shown["first_starts"][0]["after"] == "2024-02-01"
    assert (await starts(customers))["A"][2] == "o"

    await api.post("/v1/relationship-starts/recompute")
    assert (await starts(customers))["A"][2] == "i"


@pytest.mark.requirement("LS-30", "LS-A3")
@pytest.mark.parametrize("value", [0, 3, 17])
async def test_a_switch_takes_1_and_2_only(api: httpx.AsyncClient, value: int) -> None:
    answer = await api.put(
        "/v1/settings/STARTDATE_INVOICE", json={"value": value}, headers={"If-Match": '"1"'}
    )

    assert answer.status_code == 422
    assert "1 for on or 2 for off" in answer.json()["remedy"]


@pytest.mark.requirement("LS-A1", "LS-A3")
async def test_with_both_switches_off_or_unset_nothing_is_automatic(
    customers: Service, api: httpx.AsyncClient
) -> None:
    for name, value in (("STARTDATE_INVOICE", 2), ("STARTDATE_SALESORDER", None)):
        await api.put(f"/v1/settings/{name}", json={"value": value}, headers={"If-Match": '"1"'})

    await send(customers, [customer("A"), document(INVOICE, "1", "A", "2024-01-01")])

    assert await starts(customers) == {}


async def test_a_document_waits_for_its_customer_and_goes_on_when_it_comes(
    customers: Service, api: httpx.AsyncClient
) -> None:
    early = document(INVOICE, "1", "A", "2024-01-01", "2024-01-01T09:00:00Z")
    by_number = document(INVOICE, "2", "", "2024-01-02")
    by_number["data"]["customer"] = {"customer_number": "777"}
    await send(customers, [early, by_number])
    assert await starts(customers) == {}

    await send(customers, [customer("A")])
    assert await starts(customers) == {"A": ("2024-01-01", "invoice", "1")}

    made = await api.post("/v1/customers", json={"name": "Seven", "number": "777"})
    assert made.status_code == 201
    await send(customers, [])
    fetched = (await api.get(made.headers["location"])).json()
    assert fetched["relationship"]["document_id"] == "2"


async def test_what_cannot_be_true_is_parked_and_names_the_field(customers: Service) -> None:
    first = document(INVOICE, "1", "A", "2024-01-01", document_version=1)
    other = document(INVOICE, "1", "A", "2024-01-01", document_version=1, net_amount="7")
    dollars = document(INVOICE, "2", "A", "2024-01-01", document_version=1)
    changed = document(INVOICE, "2", "A", "2024-01-01", document_version=2, currency="USD")
    far = document(INVOICE, "3", "A", "9999-01-01")
    negative = document(INVOICE, "4", "A", "2024-01-01", net_amount="-5")
    nobody = document(INVOICE, "5", "A", "2024-01-01")
    del nobody["data"]["customer"]
    await send(customers, [customer("A"), first, other, dollars, changed, far, negative, nobody])

    reasons = await parked(customers)
    assert set(reasons) == {
        "document_version_reused",
        "currency_changed",
        "document_date_invalid",
        "net_amount_invalid",
        "customer_missing",
    }
    assert "credit note" in reasons["net_amount_invalid"]
    assert "2199-12-31" in reasons["document_date_invalid"]


EVENTS = [
    document(INVOICE, "1", "A", "2024-03-01", "2024-03-01T00:00:00Z", time="2024-03-01T00:00:00Z"),
    document(INVOICE, "1", "A", "2024-02-01", "2024-02-01T00:00:00Z", time="2024-06-01T00:00:00Z"),
    document(INVOICE, "2", "A", "2024-02-03", "2024-02-03T00:00:00Z", document_version=1),
    document(INVOICE, "2", "B", "2024-02-03", "2024-02-03T00:00:00Z", document_version=2),
    document(ORDER, "1", "A", "2024-01-05", "2024-01-05T00:00:00Z"),
    void("sales-order-cancelled", "1", "A"),
    document(INVOICE, "3", "B", "2024-01-15", "2024-01-15T00:00:00Z"),
    document(CREDIT, "4", "B", "2024-01-20", invoice_id="3", net_amount="100"),
    customer("A"),
    customer("B"),
]


@given(order=st.permutations(EVENTS + EVENTS[:4]), cut=st.integers(0, len(EVENTS)))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_any_order_with_duplicates_ends_in_the_same_starts(
    customers: Service, order: list[dict[str, object]], cut: int
) -> None:
    from sqlalchemy import text

    async with customers.engine.begin() as connection:
        await connection.execute(
            text(
                "TRUNCATE inbox, outbox, erp_document, erp_document_history, customer, "
                "customer_reference, contact_customer RESTART IDENTITY CASCADE"
            )
        )

    await send(customers, order[:cut])
    await send(customers, order[cut:])

    assert await starts(customers) == {
        "A": ("2024-02-01", "invoice", "1"),
        "B": ("2024-02-03", "invoice", "2"),
    }
    assert await parked(customers) == {}


async def test_start_dates_of_the_real_documents_equal_a_recount_in_any_order(
    customers: Service,
) -> None:
    with gzip.open(DEMO / "documents.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected: dict[str, tuple[datetime, str]] = {}
    for row in rows:
        if row["kind"] == "invoice" and row["customer"]:
            mine = (datetime.fromisoformat(row["recorded_at"]), row["document_id"])
            expected[row["customer"]] = min(expected.get(row["customer"], mine), mine)
    events = [customer(ref) for ref in sorted({row["customer"] for row in rows} - {""})]
    events += [
        document(
            CREDIT if row["kind"] == "credit_note" else INVOICE,
            row["document_id"],
            row["customer"],
            row["recorded_at"][:10],
            row["recorded_at"] + "Z",
            net_amount=row["net_amount"],
            currency="GBP",
        )
        for row in rows
        if row["customer"]
    ]
    shuffler = random.Random(20101201)
    events += shuffler.sample(events, len(events) // 10)
    shuffler.shuffle(events)

    for begin in range(0, len(events), 1000):
        await send(customers, events[begin : begin + 1000])

    found = {ref: day for ref, (day, _, _) in (await starts(customers)).items()}
    assert len(found) == 4339
    assert found == {ref: date.isoformat(moment.date()) for ref, (moment, _) in expected.items()}
