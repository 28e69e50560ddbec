"""What was won beside what was invoiced: it adds up, and nothing follows from it."""

from datetime import date
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.pipeline.persistence.projections import DocumentRow, save_documents
from shared.chassis.service import Service
from tests.integration.pipeline.rows_asof import BEGIN, Rows
from tests.integration.pipeline.world import ERP, World

RANGE = {"from": "2026-01", "to": "2026-02"}
INSIDE, OUTSIDE = date(2026, 2, 17), date(2026, 3, 1)
DOCUMENTS = count()
MATCHES = (
    *("won_and_invoiced", "more", "less", "won_not_invoiced"),
    "invoiced_without_opportunity",
)


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows.begin(pipeline, await world.customer())


async def document(
    rows: Rows,
    amount: int | None,
    *,
    customer_id: UUID | None = None,
    kind: str = "invoice",
    currency: str = "EUR",
    day: date = INSIDE,
    voided: bool = False,
) -> None:
    row = DocumentRow(
        source=ERP,
        kind=kind,
        document_id=f"D-{next(DOCUMENTS)}",
        version=1,
        recorded_at=BEGIN,
        customer_id=customer_id or rows.customer_id,
        voided=voided,
        document_date=day,
        currency=currency,
        net_amount=amount,
    )
    async with rows.service.units() as unit:
        await save_documents(unit.connection, [row])


async def won(rows: Rows, value: int, customer_id: UUID | None = None, **said: Any) -> UUID:
    return await rows.add(
        BEGIN,
        "follow-up-call",
        **{
            "value": value,
            "customer_id": customer_id or rows.customer_id,
            "closed_on": INSIDE,
            **said,
        },
    )


async def compared(api: httpx.AsyncClient, **asked: Any) -> list[dict[str, Any]]:
    answer = await api.get("/v1/forecasts/invoiced-bridge", params={**RANGE, **asked})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["bridges"]
    for bridge in found:
        moved = sum(step["amount"] for step in bridge["steps"])
        assert bridge["won"] + moved == bridge["invoiced"]
    return found


def steps(bridge: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {step["match"]: (step["customers"], step["amount"]) for step in bridge["steps"]}


@pytest.mark.requirement("TS-31", "TS-34")
async def test_each_customer_compares_in_one_way(
    rows: Rows, world: World, api: httpx.AsyncClient
) -> None:
    same, more, less, none, only = [await world.customer() for _ in range(5)]
    await won(rows, 100, same)
    await document(rows, 150, customer_id=same)
    await document(rows, -50, customer_id=same, kind="credit_note")
    await won(rows, 100, more)
    await document(rows, 101, customer_id=more)
    await won(rows, 100, less)
    await document(rows, 30, customer_id=less)
    await won(rows, 70, none)
    await document(rows, 40, customer_id=only)
    # None of these is of the period, or counts at all.
    await won(rows, 1000, closed_on=OUTSIDE)
    await won(rows, 1000, deleted_at=BEGIN)
    await rows.add(BEGIN, "lost-customer", closed_on=INSIDE)
    await document(rows, 1000, day=OUTSIDE)
    await document(rows, 1000, voided=True)
    await document(rows, 1000, kind="sales_order")
    await document(rows, None)

    (bridge,) = await compared(api)
    assert (bridge["won"], bridge["invoiced"]) == (370, 271)
    assert steps(bridge) == {
        "won_and_invoiced": (1, 0),
        "more": (1, 1),
        "less": (1, -70),
        "won_not_invoiced": (1, -70),
        "invoiced_without_opportunity": (1, 40),
    }
    shown = {step["match"]: step["first"][0]["customer_id"] for step in bridge["steps"]}
    assert shown == dict(zip(MATCHES, map(str, (same, more, less, none, only)), strict=True))


@pytest.mark.requirement("TS-34")
async def test_a_comparison_changes_nothing(rows: Rows, api: httpx.AsyncClient) -> None:
    await won(rows, 100)
    before = await rows.asked("SELECT * FROM opportunity")
    await document(rows, 30)
    await compared(api)
    assert await rows.asked("SELECT * FROM opportunity") == before
    assert not await rows.asked("SELECT type FROM outbox WHERE type LIKE 'pipeline.opportunity%'")


async def test_who_was_merged_is_who_stands_for_it(
    rows: Rows, world: World, api: httpx.AsyncClient
) -> None:
    kept = await world.customer("Kept Oy")
    gone = await world.customer("Gone Oy")
    await won(rows, 100, gone)
    await document(rows, 100, customer_id=kept)
    await document(rows, 5, customer_id=uuid4())
    await world.customer_is_deleted(gone, merged_into=kept)
    (bridge,) = await compared(api)
    assert steps(bridge) == {
        "won_and_invoiced": (1, 0),
        "invoiced_without_opportunity": (1, 5),
    }
    assert bridge["steps"][0]["first"][0]["name"] == "Kept Oy"


@pytest.mark.requirement("TS-31", "TS-34")
@given(
    told=st.lists(
        st.tuples(
            st.integers(0, 4),
            st.sampled_from(["won", "invoice", "credit_note"]),
            st.integers(0, 3).map(lambda one: one * 100),
            st.sampled_from(["EUR", "SEK"]),
        ),
        max_size=15,
    )
)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_it_adds_up_and_the_customers_make_each_step(
    rows: Rows, world: World, api: httpx.AsyncClient, told: list[tuple[int, str, int, str]]
) -> None:
    await rows.empty()
    await rows.run("TRUNCATE document")
    customers = [await world.customer() for _ in range(5)]
    totals: dict[str, list[int]] = {}
    for place, kind, amount, currency in told:
        total = totals.setdefault(currency, [0, 0])
        if kind == "won":
            await won(rows, amount, customers[place], currency=currency)
            total[0] += amount
        else:
            await document(rows, amount, customer_id=customers[place], kind=kind, currency=currency)
            total[1] += amount if kind == "invoice" else -amount
    found = await compared(api)
    assert {one["currency"]: [one["won"], one["invoiced"]] for one in found} == totals
    for match in MATCHES:
        listed: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await api.get(
                f"/v1/forecasts/invoiced-bridge/{match}", params={**RANGE, "limit": 2, **cursor}
            )
            listed += answer.json()["items"]
            if answer.json()["next"] is None:
                break
            cursor = {"cursor": answer.json()["next"]}
        expected = {one["currency"]: steps(one).get(match, (0, 0)) for one in found}
        for currency, sums in expected.items():
            amounts = [one["amount"] for one in listed if one["currency"] == currency]
            assert (len(amounts), sum(amounts)) == sums


async def test_amounts_of_several_currencies_are_compared_as_one(
    rows: Rows, api: httpx.AsyncClient
) -> None:
    await rows.run(
        "INSERT INTO exchange_rate (currency, valid_from, rate, updated_at) "
        "VALUES ('SEK', '2026-01-01', 0.1, now())"
    )
    await won(rows, 1_000, currency="SEK")
    await document(rows, 100)
    (bridge,) = await compared(api, currency="EUR")
    assert steps(bridge) == {"won_and_invoiced": (1, 0)}
    assert len(await compared(api)) == 2
