"""The customer search: right to the last row, whatever way it goes."""

import csv
import io
import json
from datetime import date
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import load_workbook

from services.customers.handlers import search_customers
from services.customers.persistence import search as store
from services.customers.persistence import search_fragments
from shared.chassis.service import Service
from shared.chassis.spreadsheet import XLSX
from tests.integration.customers.api_helpers import contact_at, made
from tests.integration.customers.erp import customer, document, send, told, void
from tests.integration.customers.test_lists import put_value


async def search(api: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await api.post("/v1/customers/search", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def names(api: httpx.AsyncClient, **filter_: Any) -> list[str]:
    return [one["name"] for one in (await search(api, filter=filter_))["items"]]


async def all_pages(api: httpx.AsyncClient, limit: int, **body: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await search(api, limit=limit, cursor=cursor, **body)
        found += [one["name"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return found


@pytest.mark.requirement("VF-15")
@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("HARBOUR", ["Harbour Oy"]),
        ("bour", ["Harbour Oy"]),
        ("1234567-1", ["Harbour Oy"]),
        ("info@bakery", ["Bakery Ab"]),
        ("+358401234567", ["Bakery Ab"]),
        ("virtan", ["Harbour Oy"]),
        ("ann.v@", ["Harbour Oy"]),
        ("50%", ["50% Off_Shop"]),
        ("off_s", ["50% Off_Shop"]),
        ("ba", ["Bakery Ab"]),
        ("nobody", []),
        ("'; DROP TABLE customer; --", []),
        ("\\", []),
    ],
)
async def test_a_fragment_finds_what_it_is_part_of(
    api: httpx.AsyncClient, fragment: str, expected: list[str]
) -> None:
    harbour = await made(api, "/v1/customers", name="Harbour Oy", business_id="1234567-1")
    await contact_at(api, harbour, "Ann", last_name="Virtanen", email="ann.v@example.com")
    await made(api, "/v1/customers", name="Bakery Ab", email="info@bakery.fi", phone="040 1234567")
    await made(api, "/v1/customers", name="50% Off_Shop")

    assert await names(api, fragment=fragment) == expected


@pytest.mark.requirement("VF-14", "VF-21", "VF-A4", "VF-04")
async def test_ended_customers_hide_unless_status_is_asked_about(api: httpx.AsyncClient) -> None:
    for name, status in (("Live", 1), ("Lead", 2), ("Gone", 5), ("Gone too", 5)):
        await made(api, "/v1/customers", name=name, classifications={"customer_status": [status]})

    plain = await search(api)
    assert [one["name"] for one in plain["items"]] == ["Lead", "Live"]
    assert (plain["total"], plain["hidden_ended"]) == (2, 2)
    assert (await search(api, filter={"fragment": "gone"}))["hidden_ended"] == 2
    listed = (await api.get("/v1/customers")).json()
    assert ([one["name"] for one in listed["items"]], listed["hidden_ended"]) == (
        ["Live", "Lead"],
        2,
    )

    assert await names(api, having={"customer_status": [5]}) == ["Gone", "Gone too"]
    assert await names(api, having={"status_group": [2]}) == ["Gone", "Gone too"]
    assert await names(api, having={"status_group": [1]}) == ["Live"]
    assert await names(api, ended="only") == ["Gone", "Gone too"]
    assert len(await names(api, ended="show")) == 4
    assert await names(api, ended="hide", having={"customer_status": [1, 5]}) == ["Live"]


@pytest.mark.requirement("VF-22", "LS-06", "LS-A10", "LS-11", "TS-06")
async def test_groups_include_their_subtree_and_facets_count_the_matches(
    api: httpx.AsyncClient,
) -> None:
    north = await made(api, "/v1/customer-groups", title="North")
    oulu = await made(api, "/v1/customer-groups", title="Oulu", parent=north["number"])
    for name, group, kind in (("A", north, 1), ("B", oulu, 1), ("C", oulu, 2), ("D", None, 2)):
        chosen = {"customer_kind": [kind]}
        if group:
            chosen["customer_group"] = [group["number"]]
        await made(api, "/v1/customers", name=name, classifications=chosen)

    in_north = {"having": {"customer_group": [north["number"]]}}
    found = await search(api, filter=in_north, facets=["customer_kind", "customer_status"])

    assert [one["name"] for one in found["items"]] == ["A", "B", "C"]
    assert found["facets"] == {
        "customer_kind": [{"number": 1, "customers": 2}, {"number": 2, "customers": 1}],
        "customer_status": [{"number": 1, "customers": 3}],
    }
    assert await names(api, lacking={"customer_group": [oulu["number"]]}) == ["A", "D"]
    assert await names(api, **in_north, lacking={"customer_kind": [2]}) == ["A", "B"]


async def test_a_number_that_no_list_has_matches_nobody(api: httpx.AsyncClient) -> None:
    await made(api, "/v1/customers", name="A")

    assert await names(api, having={"customer_type": [99]}) == []
    unknown = await api.post(
        "/v1/customers/search", json={"filter": {"having": {"contact_attribute": [1]}}}
    )
    assert unknown.status_code == 422
    assert "customer_type" in unknown.json()["remedy"]


@pytest.mark.requirement("LS-07")
async def test_relationship_and_turnover_are_searched(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(
        customers,
        [
            *(customer(ref) for ref in ("a", "b", "c")),
            document("invoice-posted", "1", "a", "2024-01-01", net_amount="100.00"),
            document("invoice-posted", "2", "a", "2025-01-01", net_amount="60.00"),
            document("invoice-posted", "3", "b", "2025-02-01", net_amount="500.00"),
            document(
                "credit-note-posted", "4", "b", "2025-02-02", net_amount="450.00", invoice_id="3"
            ),
        ],
    )

    assert await names(api, started=False) == ["Customer c"]
    assert await names(api, started_since="2025-01-01") == ["Customer b"]
    assert await names(api, started_until="2024-12-31") == ["Customer a"]
    least = {"currency": "EUR", "least": "55"}
    assert await names(api, turnover=least) == ["Customer a"]
    assert await names(api, turnover={**least, "since": "2025-01-01"}) == ["Customer a"]
    assert await names(api, turnover={**least, "until": "2024-12-31", "most": "99"}) == []
    assert await names(api, turnover={"currency": "SEK", "least": "1"}) == []


@pytest.mark.requirement("VF-15", "LS-07")
@pytest.mark.parametrize("few", [0, 2000])
async def test_customers_are_searched_by_their_documents(
    customers: Service, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(store, "FEW_HITS", few)
    await send(
        customers,
        [
            *(customer(ref) for ref in ("a", "b", "c", "d")),
            document("invoice-posted", "1", "a", "2024-01-01"),
            document("invoice-posted", "2", "a", "2025-01-01"),
            document("sales-order-posted", "3", "a", "2025-02-01"),
            document("invoice-posted", "4", "b", "2025-03-01"),
            document("credit-note-posted", "5", "b", "2025-03-02", net_amount="1.00"),
            document("invoice-posted", "6", "c", "2025-04-01"),
            void("invoice-voided", "6", "c"),
        ],
    )

    async def found(**documents: Any) -> str:
        return "".join(name[-1] for name in await names(api, documents=documents))

    assert await found() == "ab"
    assert await found(kind="sales_order") == "a"
    assert await found(at_least=2) == "ab"
    assert await found(at_least=3) == "a"
    assert await found(at_most=2) == "bcd"
    assert await found(at_least=1, at_most=2) == "b"
    assert await found(at_least=0) == "abcd"
    assert await found(at_most=0) == "cd"
    assert await found(kind="invoice", at_least=2) == "a"
    assert await found(kind="invoice", until="2024-12-31") == "a"
    assert await found(kind="invoice", since="2025-01-01", until="2025-01-31") == "a"
    # No invoice since.
    assert await found(kind="invoice", since="2025-01-02", at_most=0) == "acd"
    assert await found(kind="credit_note", at_least=1) == "b"
    assert await found(at_least=3, at_most=1) == ""

    lost = {"documents": {"kind": "invoice", "since": "2025-01-02", "at_most": 0}, "started": True}
    assert await names(api, **lost, fragment="customer") == ["Customer a"]
    too_many = await api.post(
        "/v1/customers/search", json={"filter": {"documents": {"at_least": 10_001}}}
    )
    assert too_many.status_code == 422


WORDS = st.text(alphabet="abÅ%_ ", min_size=1, max_size=6)


@pytest.mark.requirement("LS-05")
async def test_a_price_list_can_go_by_groups(customers: Service, api: httpx.AsyncClient) -> None:
    """Prices are the ERP's; it hears who is in which group, and which group is below which."""
    retail = await made(api, "/v1/customer-groups", title="Retail")
    chains = await made(api, "/v1/customer-groups", title="Chains", parent=retail["number"])
    in_chains = {"customer_group": [chains["number"]]}
    firm = await made(api, "/v1/customers", name="Shop", classifications=in_chains)

    saved = [
        one
        for one in await told(customers, "customers.customer-saved.v1")
        if one["customer_id"] == firm["customer_id"]
    ]
    values = await told(customers, "customers.classification-saved.v1")
    above = {one["number"]: one["parent"] for one in values if one["list_name"] == "customer_group"}

    (own,) = saved[-1]["classifications"]["customer_group"]
    assert (own, above[own], above[above[own]]) == (chains["number"], retail["number"], None)


async def test_a_total_of_a_common_fragment_says_that_it_is_not_exact(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_fragments, "FEW_HITS", 2)
    for number in range(5):
        status = [5] if number == 4 else [1]
        await made(
            api,
            "/v1/customers",
            name=f"Satama {number}",
            classifications={"customer_status": status},
        )

    common = await search(api, filter={"fragment": "satama"}, limit=2)
    rare = await search(api, filter={"fragment": "satama 3"}, facets=["customer_status"])

    assert [one["name"] for one in common["items"]] == ["Satama 0", "Satama 1"]
    assert not common["total_is_exact"] and 0 < common["total"] + common["hidden_ended"] <= 3
    assert (rare["total"], rare["total_is_exact"], rare["hidden_ended"]) == (1, True, 0)


@pytest.mark.requirement("VF-15", "LS-06")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    stored=st.lists(WORDS.filter(str.strip), min_size=1, max_size=12),
    fragment=WORDS.filter(lambda word: len(word.strip()) >= 3),
    sort=st.sampled_from(["name", "-name", "created_at", "-created_at", "number", "-started_on"]),
    few=st.sampled_from([0, 2000]),
)
async def test_pages_together_are_exactly_the_matches_in_order(
    api: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    stored: list[str],
    fragment: str,
    sort: str,
    few: int,
) -> None:
    monkeypatch.setattr(search_fragments, "FEW_HITS", few)
    for word in stored:
        await made(api, "/v1/customers", name=word)
    everybody = await all_pages(api, 500, sort=sort)

    found = await all_pages(api, 3, sort=sort, filter={"fragment": fragment})

    wanted = fragment.strip().lower()
    assert found == [name for name in everybody if wanted in name.lower()]


async def test_a_cursor_belongs_to_its_order(api: httpx.AsyncClient) -> None:
    for name in ("A", "B", "Ö" * 200):
        await made(api, "/v1/customers", name=name)
    first = await search(api, limit=1, sort="name")

    wrong = await api.post("/v1/customers/search", json={"sort": "number", "cursor": first["next"]})

    assert (wrong.status_code, wrong.json()["slug"]) == (422, "bad_cursor")
    assert len(await all_pages(api, 1, sort="-name")) == 3


@pytest.mark.requirement("VF-10")
async def test_the_colour_of_a_row_is_that_of_its_status(api: httpx.AsyncClient) -> None:
    await put_value(api, "customer-statuses", 1, title="Customer", default=True, colour="#00ff00")
    await made(api, "/v1/customers", name="A")

    (row,) = (await search(api))["items"]

    assert row["colour"] == "#00FF00"


async def test_the_export_holds_the_same_rows_and_no_formula(api: httpx.AsyncClient) -> None:
    await made(api, "/v1/customers", name='=HYPERLINK("http://evil")')
    await made(api, "/v1/customers", name="Plain, Oy", classifications={"customer_type": [1]})
    body = {"sort": "name"}

    answer = await api.post("/v1/customers/export", json=body)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    lines = await api.post("/v1/customers/export", params={"format": "ndjson"}, json=body)

    assert [row["name"] for row in rows] == ['\'=HYPERLINK("http://evil")', "Plain, Oy"]
    assert rows[1]["customer_type"] == "A"
    assert [json.loads(line)["name"] for line in lines.text.splitlines()] == await all_pages(
        api, 1, sort="name"
    )


async def test_a_workbook_holds_the_same_rows_typed(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(
        customers,
        [customer("a"), document("invoice-posted", "1", "a", "2024-01-31", recorded=None)],
    )
    await made(
        api,
        "/v1/customers",
        name="=cmd|' /C calc'!A0",
        phone="040 1234567",
        headcount=12,
        classifications={"customer_type": [1]},
    )
    body = {"sort": "-started_on", "filter": {"ended": "show"}}

    answer = await api.post("/v1/customers/export", params={"format": "xlsx"}, json=body)
    sheet = load_workbook(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    rows = [dict(zip(sheet[0], row, strict=True)) for row in sheet[1:]]
    text = (await api.post("/v1/customers/export", json=body)).text
    plain = list(csv.DictReader(io.StringIO(text)))

    assert answer.headers["content-type"] == XLSX
    assert answer.headers["content-disposition"] == 'attachment; filename="customers.xlsx"'
    assert rows[0]["name"] == "'=cmd|' /C calc'!A0"
    assert (rows[0]["headcount"], rows[0]["phone"]) == (12, "+358401234567")
    assert rows[1]["started_on"] == date(2024, 1, 31)
    assert [
        {name: str(int(cell) if isinstance(cell, float) else cell) for name, cell in row.items()}
        for row in rows
    ] == plain


async def test_a_sheet_that_could_not_hold_the_matches_is_refused(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_customers, "MOST_ROWS", 1)
    asked = {"params": {"format": "xlsx"}, "json": {}}
    await made(api, "/v1/customers", name="A")
    assert (await api.post("/v1/customers/export", **asked)).status_code == 200
    await made(api, "/v1/customers", name="B")

    refused = await api.post("/v1/customers/export", **asked)

    assert (refused.status_code, refused.json()["slug"]) == (413, "too_many_rows")
    assert "CSV" in refused.json()["remedy"]


async def test_a_search_is_saved_run_changed_and_deleted(api: httpx.AsyncClient) -> None:
    await made(api, "/v1/customers", name="Harbour")
    wanted = {"filter": {"fragment": "harb"}, "sort": "-name"}
    saved = await made(api, "/v1/saved-searches", title="Harbours", search=wanted)
    taken = await api.post("/v1/saved-searches", json={"title": "HARBOURS", "search": {}})
    assert (taken.status_code, taken.json()["slug"]) == (409, "saved_search_title_taken")

    unknown = {"title": "X", "search": {"filter": {"having": {"shoe_size": [1]}}}}
    assert (await api.post("/v1/saved-searches", json=unknown)).status_code == 422

    (listed,) = (await api.get("/v1/saved-searches")).json()
    assert (await search(api, **listed["search"]))["total"] == 1

    url = f"/v1/saved-searches/{saved['search_id']}"
    changed = await api.put(
        url, json={"title": "Others", "search": {}}, headers={"If-Match": '"1"'}
    )
    assert (changed.status_code, changed.json()["title"]) == (200, "Others")
    stale = await api.delete(url, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert (await api.delete(url, headers={"If-Match": '"2"'})).status_code == 200
    assert (await api.get(url)).status_code == 404
