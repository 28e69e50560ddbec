"""The search for opportunities: everything given must hold, in any order, page by page."""

from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from shared.chassis.ids import new_id
from shared.chassis.service import Service
from tests.integration.pipeline.selling import PATH, done, recorded
from tests.integration.pipeline.world import ERP, World


async def found(api: httpx.AsyncClient, **asked: Any) -> list[str]:
    """Return the names of those that match, through all pages of two."""
    names: list[str] = []
    cursor = None
    while True:
        page = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        answer = await api.get(PATH, params={**asked, **page})
        assert answer.status_code == 200, answer.text
        names += [one["name"] for one in answer.json()["items"]]
        cursor = answer.json()["next"]
        if cursor is None:
            assert answer.json()["total"] == len(names) and answer.json()["total_is_exact"]
            return names


@pytest.fixture
async def known(api: httpx.AsyncClient, world: World) -> dict[str, UUID]:
    """Four opportunities of two customers; one won, one lost."""
    kauppa, other = await world.customer("Kauppa"), await world.customer("Satama")
    merged = await world.customer("Vanha")
    aino = await world.contact("Aino")
    ref = await world.project(other)
    anna, bo = (
        [{"seller": "anna.k"}],
        [{"seller": "bo.l", "weight": 60}, {"seller": "anna.k", "weight": 40}],
    )
    await recorded(
        api,
        customer_id=str(kauppa),
        name="Crane 50%_x",
        expected_close="2099-01-01",
        value=300,
        sellers=anna,
        type=1,
    )
    await recorded(
        api,
        customer_id=str(merged),
        name="boat",
        expected_close="2099-02-01",
        value=100,
        probability=80,
        stage=3,
        contacts=[str(aino)],
        source=1,
    )
    await world.customer_is_deleted(merged, merged_into=kauppa)
    dock = await recorded(
        api,
        project_source=ERP,
        project_ref=ref,
        name="Dock",
        expected_close="2099-03-01",
        value=200,
        sellers=bo,
        currency="SEK",
    )
    await done(api, dock, "win", closed_on="2026-01-10")
    anchor = await recorded(
        api, customer_id=str(other), name="Anchor", expected_close="2099-03-01", value=100
    )
    await done(api, anchor, "loss", rejection=1, closed_on="2026-02-10")
    return {"kauppa": kauppa, "other": other, "aino": aino}


ASKED: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["Crane 50%_x", "boat", "Dock", "Anchor"]),
    ({"text": "OA"}, ["boat"]),
    ({"text": "0%_"}, ["Crane 50%_x"]),
    ({"text": "_%"}, []),
    ({"customer_id": "kauppa"}, ["Crane 50%_x", "boat"]),
    ({"contact_id": "aino"}, ["boat"]),
    ({"project_source": ERP, "project_ref": "P-1"}, ["Dock"]),
    ({"project_ref": "P-2"}, []),
    ({"pipeline": 1, "stage": [3, 4]}, ["boat", "Dock"]),
    ({"pipeline": 99}, []),
    ({"outcome": "open"}, ["Crane 50%_x", "boat"]),
    ({"outcome": ["won", "lost"]}, ["Dock", "Anchor"]),
    ({"closed": True}, ["Anchor"]),
    ({"type": 1}, ["Crane 50%_x"]),
    ({"source": 1}, ["boat"]),
    ({"rejection": 1}, ["Anchor"]),
    ({"rejection": 2}, []),
    ({"seller": "anna.k"}, ["Crane 50%_x", "Dock"]),
    ({"seller": "bo.l", "outcome": "won"}, ["Dock"]),
    ({"currency": "SEK"}, ["Dock"]),
    ({"value_from": 200, "value_to": 300}, ["Crane 50%_x", "Dock"]),
    ({"probability_from": 1, "probability_to": 80}, ["Crane 50%_x", "boat"]),
    ({"expected_from": "2099-02-01", "expected_to": "2099-02-28"}, ["boat"]),
    ({"closed_from": "2026-01-10", "closed_to": "2026-01-31"}, ["Dock"]),
    ({"stale": True}, []),
    ({"stale": False, "outcome": "open"}, ["Crane 50%_x", "boat"]),
    ({"sort": "value"}, ["boat", "Anchor", "Dock", "Crane 50%_x"]),
    ({"sort": "value", "descending": True}, ["Crane 50%_x", "Dock", "Anchor", "boat"]),
    ({"sort": "name"}, ["Anchor", "boat", "Crane 50%_x", "Dock"]),
    ({"sort": "created", "descending": True}, ["Anchor", "Dock", "boat", "Crane 50%_x"]),
    ({"sort": "updated"}, ["Crane 50%_x", "boat", "Dock", "Anchor"]),
    ({"sort": "expected_close", "descending": True}, ["Anchor", "Dock", "boat", "Crane 50%_x"]),
]


@pytest.mark.requirement("TS-31", "TS-32", "TS-33")
async def test_everything_given_must_hold(api: httpx.AsyncClient, known: dict[str, UUID]) -> None:
    for asked, names in ASKED:
        named = {
            field: known.get(value, value) if isinstance(value, str) else value
            for field, value in asked.items()
        }
        assert await found(api, **named) == names, asked


@pytest.mark.requirement("TS-30", "TS-A6")
async def test_a_group_is_all_below_it_on_the_day_on_which_it_closed(
    api: httpx.AsyncClient, pipeline: Service, known: dict[str, UUID]
) -> None:
    top, below = new_id(), new_id()
    members = [
        # Gone when the dock was won; there today.
        (below, "bo.l", date(2026, 1, 11), None),
        (top, "anna.k", date(2000, 1, 1), date(2026, 1, 10)),
    ]
    async with pipeline.engine.begin() as connection:
        for group, parent in ((top, None), (below, top)):
            await connection.execute(
                text(
                    "INSERT INTO user_group (group_id, version, title, kind, parent_id, "
                    "created_at, updated_at) VALUES (:id, 1, 'G', 'sales', :parent, now(), now())"
                ),
                {"id": group, "parent": parent},
            )
        for group, seller, since, until in members:
            await connection.execute(
                text("INSERT INTO user_group_member VALUES (:group, :seller, :since, :until)"),
                {"group": group, "seller": seller, "since": since, "until": until},
            )
    assert await found(api, group_id=below) == [], "he came a day after it was won"
    assert await found(api, group_id=top) == ["Dock"], "she left on the day on which it was won"
    made = await recorded(
        api, customer_id=str(known["kauppa"]), name="New", sellers=[{"seller": "bo.l"}]
    )
    assert await found(api, group_id=top) == ["Dock", made["name"]]
    assert await found(api, group_id=below) == ["New"]
    board = (await api.get("/v1/opportunity-board", params={"group_id": str(top)})).json()
    assert [one["opportunities"] for one in board["stages"]] == [1, 0, 0, 1, 0, 0]
    assert await found(api, group_id=new_id()) == []


async def test_a_cursor_is_of_one_order_only(
    api: httpx.AsyncClient, known: dict[str, UUID]
) -> None:
    page = (await api.get(PATH, params={"limit": 1, "sort": "value"})).json()
    for other in ({"sort": "name"}, {"sort": "value", "descending": True}, {"deleted": True}):
        refused = await api.get(PATH, params={**other, "cursor": page["next"]})
        assert (refused.status_code, refused.json()["slug"]) == (422, "bad_cursor")
    for cursor in ("WyJ2YWx1ZSB1cCIsICJ4IiwgIngiXQ", "nonsense", "IiI"):
        refused = await api.get(PATH, params={"sort": "value", "cursor": cursor})
        assert refused.json()["slug"] == "bad_cursor"
        refused = await api.get("/v1/opportunity-board/1", params={"cursor": cursor})
        assert refused.json()["slug"] == "bad_cursor"


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("aAbB"), st.integers(1, 3)), max_size=9
    ),
    sort=st.sampled_from(["expected_close", "value", "name", "created", "updated"]),
    descending=st.booleans(),
)
async def test_pages_show_each_once_in_order(
    api: httpx.AsyncClient,
    world: World,
    pipeline: Service,
    rows: list[tuple[int, str, int]],
    sort: str,
    descending: bool,
) -> None:
    async with pipeline.engine.begin() as connection:
        await connection.execute(text("TRUNCATE opportunity CASCADE"))
    customer = str(await world.customer())
    made = [
        await recorded(
            api, customer_id=customer, value=value, name=name, expected_close=f"2099-01-0{day}"
        )
        for value, name, day in rows
    ]
    asked: dict[str, Any] = {"sort": sort, "descending": descending, "limit": 2}
    shown: list[dict[str, Any]] = []
    while True:
        page = (await api.get(PATH, params=asked)).json()
        shown += page["items"]
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]

    def key(one: dict[str, Any]) -> Any:
        by = {"name": one["name"].lower(), "created": "", "updated": one["updated_at"]}
        return by.get(sort, one.get(sort)), one["opportunity_id"]

    expected = sorted(made, key=key, reverse=descending)
    assert [one["opportunity_id"] for one in shown] == [one["opportunity_id"] for one in expected]
