"""Reports on customers: counts, endings, turnover."""

from typing import Any

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import made
from tests.integration.customers.erp import document, send, void


@pytest.mark.requirement("VF-18", "VF-22", "LS-04", "LS-08")
async def test_customers_are_counted_by_value_and_by_pairs(api: httpx.AsyncClient) -> None:
    for kind, type_ in ((1, 1), (1, 2), (2, 2), (1, None)):
        chosen = {"customer_kind": [kind], "customer_type": [type_] if type_ else []}
        await made(api, "/v1/customers", name="F", classifications=chosen)

    by_type = (await api.get("/v1/reports/customers?by=customer_type")).json()
    pairs = (await api.get("/v1/reports/customers?by=customer_kind&and_by=customer_type")).json()

    assert [(row["by"], row["customers"]) for row in by_type] == [(1, 1), (2, 2), (None, 1)]
    assert {(row["by"], row["and_by"]): row["customers"] for row in pairs} == {
        (1, 1): 1,
        (1, 2): 1,
        (1, None): 1,
        (2, 2): 1,
    }
    unknown = await api.get("/v1/reports/customers?by=shoe_size")
    assert unknown.status_code == 422


@pytest.mark.requirement("VF-38", "VF-A1")
async def test_endings_are_counted_by_reason_and_else_by_status(api: httpx.AsyncClient) -> None:
    for day, reason in (
        ("2026-01-05", 1),
        ("2026-01-20", 1),
        ("2026-01-20", 2),
        ("2026-02-01", None),
    ):
        chosen: dict[str, Any] = {"customer_status": [5], "end_reason": [reason] if reason else []}
        await made(api, "/v1/customers", name="F", classifications=chosen, ended_on=day)
    await made(api, "/v1/customers", name="Live")

    rows = (await api.get("/v1/reports/endings")).json()

    assert [tuple(row.values()) for row in rows] == [
        ("2026-01-01", 1, None, 2),
        ("2026-01-01", 2, None, 1),
        ("2026-02-01", None, 5, 1),
    ]
    january = (await api.get("/v1/reports/endings?until=2026-01-10")).json()
    assert [row["customers"] for row in january] == [1]


@pytest.mark.requirement("LS-07", "LS-13", "LS-A10")
async def test_turnover_is_summed_with_the_subtree_and_each_customer_once(
    customers: Service, api: httpx.AsyncClient
) -> None:
    top = await made(api, "/v1/customer-groups", title="All")
    north, south = [
        (await made(api, "/v1/customer-groups", title=t, parent=top["number"]))["number"]
        for t in ("North", "South")
    ]
    for ref, groups in (("a", [north]), ("b", [south]), ("c", [])):
        await made(
            api,
            "/v1/customers",
            name=ref,
            references=[{"source": "/erp/test", "ref": ref}],
            classifications={"customer_group": groups},
        )
    await send(
        customers,
        [
            document("invoice-posted", "1", "a", "2026-01-01", net_amount="100.00", margin="30.00"),
            document("invoice-posted", "2", "b", "2026-02-01", net_amount="50.00"),
            document("credit-note-posted", "3", "b", "2026-02-02", net_amount="20.00"),
            document("invoice-posted", "4", "b", "2026-02-03", net_amount="999.00"),
            void("invoice-voided", "4", "b"),
            document("invoice-posted", "5", "c", "2026-02-03", net_amount="7.00"),
            document("invoice-posted", "6", "a", "2026-01-01", net_amount="5.00", currency="SEK"),
        ],
    )

    rows = (await api.get("/v1/reports/turnover")).json()

    found = {(row["title"], row["currency"]): (row["turnover"], row["customers"]) for row in rows}
    assert found == {
        ("All", "EUR"): ("130.0000", 2),
        ("South", "EUR"): ("30.0000", 1),
        ("North", "EUR"): ("100.0000", 1),
        ("All", "SEK"): ("5.0000", 1),
        ("North", "SEK"): ("5.0000", 1),
    }
    february = (await api.get("/v1/reports/turnover?since=2026-02-01")).json()
    assert {row["turnover"] for row in february} == {"30.0000"}
