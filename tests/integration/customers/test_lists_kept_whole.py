"""What holds whatever is merged, moved or changed at once: statuses, endings, trees, totals."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.customers.domain.search import CustomerFilter, Sort
from services.customers.handlers.customer_lists import CUSTOMER_LISTS
from services.customers.handlers.search_customers import export_customers
from services.customers.persistence import search as search_store
from shared.chassis.service import Service
from shared.lists.delete import delete_value
from shared.lists.save import SaveListValue, change_value
from tests.integration.customers.api_helpers import STANDING, contact_at, made
from tests.integration.customers.test_lists import classify, delete, put_value, value
from tests.integration.locks import waits


@pytest.mark.requirement("VF-02", "VF-A10")
async def test_a_customer_created_while_the_default_goes_gets_the_new_one(
    customers: Service, api: httpx.AsyncClient
) -> None:
    async with customers.units() as unit:
        status = (await value(api, "customer-statuses", 2))["version"]
        await change_value(
            CUSTOMER_LISTS,
            "customer_status",
            2,
            SaveListValue("Potential", facts={"default": True}),
            unit,
            expected=status,
        )
        await delete_value(CUSTOMER_LISTS, "customer_status", 1, unit, expected=2)
        creating = asyncio.create_task(api.post("/v1/customers", json={"name": "F"}))
        await waits(customers)

    made_ = (await creating).json()
    assert made_["classifications"] == {**STANDING, "customer_status": [2]}


@pytest.mark.requirement("VF-A1", "VF-07")
async def test_a_status_is_not_merged_into_one_that_ends_relationships(
    api: httpx.AsyncClient,
) -> None:
    lead = await made(api, "/v1/customer-statuses", title="Lead")
    firm = await made(
        api, "/v1/customers", name="F", classifications={"customer_status": [lead["number"]]}
    )

    merged = await delete(api, "customer-statuses", lead["number"], move_to=5)

    assert merged.status_code == 422, merged.text
    assert "/v1/customer-moves" in merged.json()["remedy"]
    now = (await api.get(f"/v1/customers/{firm['customer_id']}")).json()
    assert (now["ended_on"], now["classifications"]["customer_status"]) == (None, [lead["number"]])


@pytest.mark.requirement("LS-13")
async def test_a_merge_leaves_one_value_per_tracking_object(api: httpx.AsyncClient) -> None:
    region, size = [
        (await made(api, "/v1/tracking-objects", title=t))["number"] for t in ("Region", "Size")
    ]
    north = (await made(api, "/v1/tracking-values", title="North", parent=region))["number"]
    south = (await made(api, "/v1/tracking-values", title="South", parent=region))["number"]
    small = (await made(api, "/v1/tracking-values", title="Small", parent=size))["number"]
    firm = await made(
        api, "/v1/customers", name="F", classifications={"tracking_value": [north, small]}
    )

    one_by_one = await delete(api, "tracking-values", small, move_to=south)
    together = await delete(api, "tracking-objects", size, move_to=region)
    put = await put_value(api, "tracking-values", small, title="Small", parent=region)

    for refused in (one_by_one, together, put):
        assert refused.status_code in (409, 422), refused.text
    now = (await api.get(f"/v1/customers/{firm['customer_id']}")).json()
    assert now["classifications"]["tracking_value"] == sorted([north, small])


@pytest.mark.requirement("TS-04")
async def test_customers_are_not_merged_into_a_category_for_contacts(
    api: httpx.AsyncClient,
) -> None:
    both = await made(api, "/v1/categories", title="Fair")
    narrow = await made(api, "/v1/categories", title="Speaker", scope="contact")

    refused = await delete(api, "categories", both["number"], move_to=narrow["number"])

    assert refused.status_code == 422, refused.text


async def test_groups_with_children_of_one_title_are_not_merged(api: httpx.AsyncClient) -> None:
    one, other = [await made(api, "/v1/customer-groups", title=t) for t in ("A", "B")]
    for group in (one, other):
        await made(api, "/v1/customer-groups", title="North", parent=group["number"])

    refused = await delete(api, "customer-groups", one["number"], move_to=other["number"])

    assert (refused.status_code, refused.json()["slug"]) == (409, "list_title_taken")


@pytest.mark.requirement("LS-A10")
async def test_a_merge_makes_no_tree_deeper_than_a_tree_may_be(api: httpx.AsyncClient) -> None:
    deep: list[int] = []
    for depth in range(20):
        body = {"parent": deep[-1]} if deep else {}
        deep.append((await made(api, "/v1/customer-groups", title=f"L{depth}", **body))["number"])
    top = await made(api, "/v1/customer-groups", title="Top")
    await made(api, "/v1/customer-groups", title="Below", parent=top["number"])

    refused = await delete(api, "customer-groups", top["number"], move_to=deep[-1])

    assert refused.status_code == 422, refused.text


async def test_titles_that_only_the_database_folds_alike_are_refused(
    api: httpx.AsyncClient,
) -> None:
    await made(api, "/v1/products", title="ΟΔΟΣ")

    twice = await api.post("/v1/products", json={"title": "οδοσ"})

    assert (twice.status_code, twice.json()["slug"]) == (409, "list_title_taken")


@pytest.mark.requirement("VF-02")
@pytest.mark.parametrize(
    "change",
    [
        {"put": {"customer_status": [2]}, "add": {"customer_status": [3]}},
        {"put": {"customer_type": [1]}, "add": {"customer_type": [2]}},
    ],
)
async def test_what_is_put_is_not_added_to(api: httpx.AsyncClient, change: dict[str, Any]) -> None:
    firm = await made(api, "/v1/customers", name="F")

    answer = await api.post(
        "/v1/customer-changes", json={"filter": {}, "everybody": True, **change}
    )

    assert answer.status_code == 422, answer.text
    now = (await api.get(f"/v1/customers/{firm['customer_id']}")).json()
    assert now["classifications"] == STANDING


async def test_an_added_reason_is_told_with_the_end(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await made(api, "/v1/customers", name="F")

    await api.post(
        "/v1/customer-changes",
        json={
            "filter": {},
            "everybody": True,
            "put": {"customer_status": [5]},
            "add": {"end_reason": [1]},
        },
    )

    async with customers.engine.connect() as connection:
        told = await connection.execute(
            text(
                "SELECT convert_from(body, 'UTF8')::jsonb ->> 'reason' FROM outbox "
                "WHERE type = 'customers.relationship-ended.v1'"
            )
        )
        assert told.scalars().all() == [(await value(api, "end-reasons", 1))["title"]]


async def test_a_change_that_nobody_matches_is_checked_all_the_same(
    api: httpx.AsyncClient,
) -> None:
    answer = await api.post(
        "/v1/customer-changes",
        json={"filter": {"fragment": "nobody"}, "put": {"nonsense": [1]}},
    )

    assert answer.status_code == 422


@pytest.mark.requirement("TS-19")
async def test_who_leaves_the_source_while_a_move_begins_is_not_moved(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="F", classifications={"customer_type": [1]})
    async with customers.engine.begin() as connection:
        await connection.execute(
            text(
                """
                UPDATE customer
                SET updated_at = now(),
                    classifications = array_replace(classifications, one.key, three.key)
                FROM list_value AS one, list_value AS three
                WHERE (one.list, one.number) = ('customer_type', 1)
                  AND (three.list, three.number) = ('customer_type', 3)
                """
            )
        )
        moving = asyncio.create_task(
            api.post(
                "/v1/customer-moves",
                json={"list": "customer_type", "from_number": 1, "to_number": 2},
            )
        )
        await waits(customers)

    assert (await moving).json()["customers"] == 0
    now = (await api.get(f"/v1/customers/{firm['customer_id']}")).json()
    assert now["classifications"]["customer_type"] == [3]


async def test_an_undo_counts_the_deleted_apart(customers: Service, api: httpx.AsyncClient) -> None:
    firms = [
        await made(api, "/v1/customers", name=n, classifications={"customer_type": [1]})
        for n in "AB"
    ]
    async with customers.engine.begin() as connection:
        await connection.execute(
            text("UPDATE customer SET deleted_at = now() WHERE customer_id = :id"),
            {"id": firms[1]["customer_id"]},
        )
    body = {"list": "customer_type", "from_number": 1, "to_number": 2}
    done = (await api.post("/v1/customer-moves", json=body)).json()

    undone = (await api.post(f"/v1/operations/{done['operation_id']}/undo")).json()

    assert undone["reverted"] == 2
    kept = (await api.get(f"/v1/operations/{undone['operation_id']}")).json()
    assert (kept["customers"], kept["deleted"]) == (1, 1)


async def test_changing_a_customer_and_merging_what_it_holds_do_not_deadlock(
    customers: Service, api: httpx.AsyncClient
) -> None:
    for _ in range(15):
        one = await made(api, "/v1/products", title="Old")
        firm = await made(
            api, "/v1/customers", name="F", classifications={"product": [one["number"]]}
        )
        other = await made(api, "/v1/products", title="New")
        numbers = [one["number"], other["number"]]
        changed, merged, both = await asyncio.gather(
            classify(api, firm, classifications={"product": numbers}),
            delete(api, "products", one["number"], move_to=other["number"]),
            api.post("/v1/customers", json={"name": "G", "classifications": {"product": numbers}}),
        )
        assert {changed.status_code, merged.status_code, both.status_code} <= {
            200,
            201,
            412,
            422,
        }, (changed.text, merged.text, both.text)
        left = await delete(api, "products", other["number"])
        if left.status_code == 409:
            last = await made(api, "/v1/products", title="Rest")
            await delete(api, "products", other["number"], move_to=last["number"])
            await put_value(
                api, "products", last["number"], title=f"Rest {last['number']}", archived=True
            )


async def test_two_searches_that_want_one_title_at_once(api: httpx.AsyncClient) -> None:
    saved = [await made(api, "/v1/saved-searches", title=title, search={}) for title in "ABCD"]

    answers = await asyncio.gather(
        *(
            api.put(
                f"/v1/saved-searches/{one['search_id']}",
                json={"title": "Same", "search": {}},
                headers={"If-Match": '"1"'},
            )
            for one in saved
        )
    )

    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]


async def test_many_contacts_of_one_customer_do_not_hide_the_others(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_store, "FEW_HITS", 3)
    large, small = [await made(api, "/v1/customers", name=n) for n in ("Large", "Small")]
    for place in range(6):
        await contact_at(api, large, f"P{place}", last_name="Korhonen")
    await contact_at(api, small, "Last", last_name="Korhonen")

    found = await api.post("/v1/customers/search", json={"filter": {"fragment": "korhonen"}})

    assert [one["name"] for one in found.json()["items"]] == ["Large", "Small"]


async def test_a_fragment_is_folded_as_names_are(api: httpx.AsyncClient) -> None:
    for name in ("ΟΔΟΣ", "İSTANBUL"):
        await made(api, "/v1/customers", name=name)
        for fragment in (name, name[:2]):
            body = {"filter": {"fragment": fragment}}
            found = (await api.post("/v1/customers/search", json=body)).json()
            assert [one["name"] for one in found["items"]] == [name], fragment


@pytest.mark.parametrize(("side", "count"), [("having", 0), ("lacking", 1)])
async def test_a_filter_by_no_numbers(api: httpx.AsyncClient, side: str, count: int) -> None:
    await made(api, "/v1/customers", name="F")

    found = await api.post("/v1/customers/search", json={"filter": {side: {"customer_type": []}}})

    assert found.status_code == 200, found.text
    assert found.json()["total"] == count, "one of none is nobody; lacking none is everybody"


@pytest.mark.parametrize(
    "query",
    [{"q": "a\x00b"}, {"status": 0}, {"status": -1}, {"status": 2**31}, {"status": [1, 2**70]}],
)
async def test_a_list_of_customers_refuses_odd_parameters(
    api: httpx.AsyncClient, query: dict[str, Any]
) -> None:
    answer = await api.get("/v1/customers", params=query)

    assert answer.status_code == 422


async def test_an_export_goes_on_when_values_are_made_meanwhile(
    customers: Service, api: httpx.AsyncClient
) -> None:
    for name in "AB":
        await made(api, "/v1/customers", name=name)
    stream = await export_customers(
        CustomerFilter(), customers.units, sort=Sort.NAME, format="csv", chunk=1
    )
    lines = [await anext(stream), await anext(stream)]
    late = await made(api, "/v1/products", title="Late")
    await api.post(
        "/v1/customer-changes",
        json={"filter": {}, "everybody": True, "add": {"product": [late["number"]]}},
    )

    lines += [line async for line in stream]

    assert b"Late" in lines[-1]


async def test_an_export_writes_numbers_as_the_search_does(api: httpx.AsyncClient) -> None:
    await made(api, "/v1/customers", name="F", headcount=0)

    lines = await api.post("/v1/customers/export", params={"format": "ndjson"}, json={})

    assert lines.json()["headcount"] == 0


async def test_pages_go_on_after_the_longest_name(
    customers: Service, api: httpx.AsyncClient
) -> None:
    for name in "AB":
        await made(api, "/v1/customers", name=name)
    async with customers.engine.begin() as connection:
        await connection.execute(
            text("UPDATE customer SET updated_at = now(), name = :name"), {"name": "😀" * 500}
        )
    first = (await api.post("/v1/customers/search", json={"limit": 1})).json()

    second = await api.post("/v1/customers/search", json={"limit": 1, "cursor": first["next"]})

    assert second.status_code == 200, second.text


async def test_every_model_of_a_list_has_a_name_of_its_own(api: httpx.AsyncClient) -> None:
    names = list((await api.get("/openapi.json")).json()["components"]["schemas"])

    assert [name for name in names if "__" in name] == []


async def test_an_operation_is_undone_once_by_however_many_at_once(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await made(api, "/v1/customers", name="F", classifications={"customer_type": [1]})
    body = {"list": "customer_type", "from_number": 1, "to_number": 2}
    done = (await api.post("/v1/customer-moves", json=body)).json()
    url = f"/v1/operations/{done['operation_id']}/undo"
    async with customers.engine.begin() as connection:
        await connection.execute(text("SELECT FROM operation FOR UPDATE"))
        undoing = [asyncio.create_task(api.post(url)) for _ in range(2)]
        # The other one is not begun: it waits for its turn.
        await waits(customers, 1)

    assert sorted([(await one).status_code for one in undoing]) == [200, 409]
