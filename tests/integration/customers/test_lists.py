"""The classification lists: what all share, and what holding a value means."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from services.customers.domain.lists import CUSTOMER, LISTS
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import STANDING, made


async def value(api: httpx.AsyncClient, path: str, number: int) -> dict[str, Any]:
    return dict((await api.get(f"/v1/{path}/{number}")).json())


async def put_value(api: httpx.AsyncClient, path: str, number: int, **body: Any) -> httpx.Response:
    version = (await value(api, path, number))["version"]
    return await api.put(f"/v1/{path}/{number}", json=body, headers={"If-Match": f'"{version}"'})


async def delete(
    api: httpx.AsyncClient, path: str, number: int, *, move_to: int | None = None
) -> httpx.Response:
    version = (await value(api, path, number))["version"]
    return await api.delete(
        f"/v1/{path}/{number}",
        params={} if move_to is None else {"move_to": move_to},
        headers={"If-Match": f'"{version}"'},
    )


async def classify(api: httpx.AsyncClient, customer: dict[str, Any], **body: Any) -> httpx.Response:
    url = f"/v1/customers/{customer['customer_id']}"
    present = (await api.get(url)).json()
    return await api.put(
        url,
        json={"name": present["name"], **body},
        headers={"If-Match": f'"{present["version"]}"'},
    )


async def titles(api: httpx.AsyncClient, path: str) -> list[str]:
    return [one["title"] for one in (await api.get(f"/v1/{path}")).json()]


@pytest.mark.requirement("VF-01", "VF-03", "VF-06", "VF-16", "VF-A10")
async def test_statuses_are_installed_and_more_are_added_at_any_time(
    api: httpx.AsyncClient,
) -> None:
    assert await titles(api, "customer-statuses") == [
        "Customer",
        "Potential customer",
        "Partner",
        "Competitor",
        "Former customer",
    ]
    firm = await made(api, "/v1/customers", name="Firm")
    assert firm["classifications"] == STANDING

    lead = await made(api, "/v1/customer-statuses", title="Lead", colour="#0a0b0c")

    assert lead["colour"] == "#0A0B0C"
    prospect = await made(
        api, "/v1/customers", name="P", classifications={"customer_status": [lead["number"]]}
    )
    assert prospect["classifications"]["customer_status"] == [lead["number"]]


@pytest.mark.requirement("VF-A10")
async def test_there_is_always_exactly_one_default_status(api: httpx.AsyncClient) -> None:
    gone = await put_value(api, "customer-statuses", 1, title="Customer")
    assert (gone.status_code, gone.json()["slug"]) == (409, "default_needed")
    archived = await put_value(
        api, "customer-statuses", 1, title="Customer", default=True, archived=True
    )
    assert archived.json()["slug"] == "default_needed"

    moved = await put_value(api, "customer-statuses", 2, title="Potential", default=True)

    assert moved.status_code == 200
    marks = [one["default"] for one in (await api.get("/v1/customer-statuses")).json()]
    assert marks.count(True) == 1
    assert (await delete(api, "customer-statuses", 2)).json()["slug"] == "default_needed"


@pytest.mark.requirement("VF-07", "VF-A2", "LE-A9")
async def test_a_value_in_use_is_not_deleted_from_under_its_holders(
    api: httpx.AsyncClient,
) -> None:
    firms = [
        await made(api, "/v1/customers", name=f"F{n}", classifications={"customer_type": [1]})
        for n in range(3)
    ]

    refused = await delete(api, "customer-types", 1)

    assert refused.status_code == 409
    body = refused.json()
    assert (body["slug"], body["count"]) == ("list_value_in_use", 3)
    assert sorted(body["blockers"]) == sorted(one["customer_id"] for one in firms)
    assert "move_to" in body["remedy"]

    moved = await delete(api, "customer-types", 1, move_to=2)
    assert moved.json() == {"archived": False, "moved_customers": 3, "moved_contacts": 0}
    assert (await api.get("/v1/customer-types/1")).status_code == 404
    now = (await api.get(f"/v1/customers/{firms[0]['customer_id']}")).json()
    assert now["classifications"]["customer_type"] == [2]
    assert now["version"] > firms[0]["version"]


@pytest.mark.requirement("VF-24", "VF-25", "VF-A3")
async def test_groups_come_after_all_statuses_whatever_their_order(api: httpx.AsyncClient) -> None:
    await made(api, "/v1/status-groups", title="Early group", order=-100, members=[1])
    await made(api, "/v1/customer-statuses", title="Late status", order=1000)

    choices = (await api.get("/v1/customer-status-choices", params={"language": "fi"})).json()

    lists = [one["list"] for one in choices]
    assert lists == sorted(lists), "customer_status before status_group"
    assert [one["label"] for one in choices if one["list"] == "customer_status"][::5] == [
        "Asiakas",
        "Late status",
    ]
    groups = [one["label"] for one in choices if one["list"] == "status_group"]
    assert groups[0] == "Early group"


@pytest.mark.requirement("VF-08", "VF-24", "VF-A3")
async def test_order_decides_then_title(api: httpx.AsyncClient) -> None:
    for title, order in (("Zebra", 5), ("Ant", 5), ("First", 1)):
        await made(api, "/v1/products", title=title, order=order)

    assert await titles(api, "products") == ["First", "Ant", "Zebra"]


@pytest.mark.requirement("VF-10", "VF-A7")
@pytest.mark.parametrize(
    "colour",
    ["red", "#12345", "#GGGGGG", "#0000FF ", "0000FF", "#\u0660\u0660\u0660\u0660\u0660\u0660"],
)
async def test_a_colour_is_a_hex_code(api: httpx.AsyncClient, colour: str) -> None:
    refused = await api.post("/v1/customer-statuses", json={"title": "X", "colour": colour})

    assert refused.status_code == 422
    assert "colour" in refused.json()["detail"]


@pytest.mark.requirement("VF-33", "VF-34", "VF-A8")
async def test_a_raw_headcount_finds_its_class_and_bands_do_not_overlap(
    api: httpx.AsyncClient,
) -> None:
    firm = await made(api, "/v1/customers", name="Firm", headcount=49)
    assert firm["classifications"]["headcount_class"] == [2]
    larger = await classify(api, firm, headcount=50)
    assert larger.json()["classifications"]["headcount_class"] == [3]

    for bounds in ({"min": 5, "max": 12}, {"min": 300}, {"max": 3}, {"min": 9, "max": 8}):
        refused = await api.post("/v1/headcount-classes", json={"title": "Mine", **bounds})
        assert refused.status_code == 422, bounds
    fits = await api.post("/v1/headcount-classes", json={"title": "Nobody", "min": 0, "max": 0})
    assert fits.status_code == 201


@pytest.mark.requirement("VF-05", "VF-36", "VF-37", "VF-A1")
async def test_a_reason_belongs_to_an_ended_status_and_leaves_with_it(
    api: httpx.AsyncClient,
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    refused = await classify(api, firm, classifications={"end_reason": [1]})
    assert refused.status_code == 422
    assert "end_reason" in refused.json()["detail"]

    ended = await classify(
        api,
        firm,
        classifications={"customer_status": [5], "end_reason": [1]},
        ended_on="2026-03-01",
    )
    assert ended.json()["ended_on"] == "2026-03-01"
    assert ended.json()["classifications"]["end_reason"] == [1]

    back = await classify(api, firm, classifications={"customer_status": [1]})
    assert back.json()["ended_on"] is None
    assert "end_reason" not in back.json()["classifications"]


@pytest.mark.requirement("VF-19", "VF-20", "VF-24", "VF-26")
async def test_a_status_group_bundles_statuses_freely(api: httpx.AsyncClient) -> None:
    group = await made(api, "/v1/status-groups", title="Warm", order=1, members=[1, 2, 2])
    assert group["members"] == [1, 2]
    unknown = await api.post("/v1/status-groups", json={"title": "X", "members": [99]})
    assert unknown.status_code == 422

    lead = await made(api, "/v1/customer-statuses", title="Lead")
    attached = await put_value(
        api, "status-groups", group["number"], title="Warm", members=[1, lead["number"]]
    )
    assert attached.json()["members"] == [1, lead["number"]]
    await delete(api, "customer-statuses", lead["number"])
    assert (await value(api, "status-groups", group["number"]))["members"] == [1]


@pytest.mark.requirement("LS-01", "LS-02", "LS-03", "LS-A10")
async def test_groups_are_a_tree_without_cycles(api: httpx.AsyncClient) -> None:
    numbers: list[int] = []
    for depth in range(20):
        body = {"parent": numbers[-1]} if numbers else {}
        group = await made(api, "/v1/customer-groups", title=f"Level {depth}", **body)
        numbers.append(group["number"])
    deeper = await api.post("/v1/customer-groups", json={"title": "Deep", "parent": numbers[-1]})
    assert deeper.status_code == 422

    for below in (numbers[0], numbers[7], numbers[19]):
        cycle = await put_value(api, "customer-groups", numbers[0], title="Level 0", parent=below)
        assert cycle.status_code == 422
        assert "below itself" in cycle.json()["detail"]
    used = await delete(api, "customer-groups", numbers[3])
    assert (used.status_code, used.json()["count"]) == (409, 1)


@pytest.mark.requirement("LS-13", "LS-14")
async def test_one_value_per_tracking_object(api: httpx.AsyncClient) -> None:
    region = await made(api, "/v1/tracking-objects", title="Region")
    north, south = [
        (await made(api, "/v1/tracking-values", title=t, parent=region["number"]))["number"]
        for t in ("North", "South")
    ]
    firm = await made(api, "/v1/customers", name="F", classifications={"tracking_value": [north]})

    both = await classify(api, firm, classifications={"tracking_value": [north, south]})

    assert both.status_code == 422
    moved = await classify(api, firm, classifications={"tracking_value": [south]})
    assert moved.json()["classifications"]["tracking_value"] == [south]


@pytest.mark.requirement("LS-15", "LS-16", "LS-17", "LS-08", "LS-10", "VF-27", "VF-28", "VF-30")
@pytest.mark.requirement("TS-01", "TS-03", "TS-05", "TS-06", "TS-07", "TS-16", "TS-17", "TS-18")
@pytest.mark.parametrize(
    "name", sorted(name for name, one in LISTS.items() if CUSTOMER in one.held_by)
)
async def test_every_list_is_kept_and_given_in_the_same_way(
    api: httpx.AsyncClient, name: str
) -> None:
    path = LISTS[name].path
    bounds = {"min": 0, "max": 0} if name == "headcount_class" else {}
    if name == "customer_attribute_choice":
        region = await made(api, "/v1/customer-attributes", title="Region", value_type="list")
        bounds = {"parent": region["number"]}
    one = await made(
        api, f"/v1/{path}", title="Mine", titles={"fi": "Minun", "sv": "Min"}, **bounds
    )
    twice = await api.post(f"/v1/{path}", json={"title": "mine", **bounds})
    assert (twice.status_code, twice.json()["slug"]) == (409, "list_title_taken")
    finnish = await api.get(f"/v1/{path}/{one['number']}", params={"language": "fi"})
    assert finnish.json()["label"] == "Minun"

    chosen = {name: [one["number"]]}
    if name == "end_reason":
        chosen["customer_status"] = [5]
    firm = await made(api, "/v1/customers", name="Firm", classifications=chosen)
    assert firm["classifications"][name] == [one["number"]]
    usage = {row["number"]: row for row in (await api.get(f"/v1/{path}/usage")).json()}
    assert usage[one["number"]]["customers"] == 1

    body = {"title": "Mine", **bounds}
    archived = await put_value(api, path, one["number"], **body, archived=True)
    assert archived.status_code == 200, archived.text
    assert "Mine" not in await titles(api, path)
    other = await api.post("/v1/customers", json={"name": "Other", "classifications": chosen})
    assert other.status_code == 422
    assert "archived" in other.json()["detail"]
    kept = await classify(api, firm, classifications=chosen)
    assert kept.status_code == 200, "who holds it may keep it"


@pytest.mark.requirement("TS-04")
async def test_a_category_for_contacts_is_not_given_to_customers(api: httpx.AsyncClient) -> None:
    category = await made(api, "/v1/categories", title="Speaker", scope="contact")

    refused = await api.post(
        "/v1/customers",
        json={"name": "F", "classifications": {"category": [category["number"]]}},
    )

    assert refused.status_code == 422


@pytest.mark.requirement("TS-04", "TS-06")
async def test_several_categories_are_ticked_on_a_contact(api: httpx.AsyncClient) -> None:
    both, people, firms = [
        (await made(api, "/v1/categories", title=scope, scope=scope))["number"]
        for scope in ("both", "contact", "customer")
    ]
    refused = await api.post("/v1/contacts", json={"first_name": "A", "categories": [firms]})
    assert refused.status_code == 422
    ann = await made(api, "/v1/contacts", first_name="Ann", categories=[people, both])
    assert ann["categories"] == sorted([both, people])

    url = f"/v1/contacts/{ann['contact_id']}"
    kept = await api.put(
        url, json={"first_name": "Anna"}, headers={"If-Match": f'"{ann["version"]}"'}
    )
    assert kept.json()["categories"] == sorted([both, people])
    used = await delete(api, "categories", people)
    assert (used.status_code, used.json()["held_by"]) == (409, "contact")
    merged = await delete(api, "categories", people, move_to=both)
    assert merged.json()["moved_contacts"] == 1
    assert (await api.get(url)).json()["categories"] == [both]


async def test_a_name_of_blanks_is_none(api: httpx.AsyncClient) -> None:
    assert (await api.post("/v1/customers", json={"name": "  "})).status_code == 422
    trimmed = await made(api, "/v1/customers", name="  Firm ")
    assert trimmed["name"] == "Firm"


async def test_unknown_lists_and_numbers_are_named(api: httpx.AsyncClient) -> None:
    for wanted, hint in (
        ({"customer_types": [1]}, "customer_type"),
        ({"customer_type": [99]}, "GET /v1/customer-types"),
        ({"customer_type": [1, 2]}, "one number"),
        ({"customer_status": []}, "one number"),
        ({"status_group": [1]}, "customer_status"),
    ):
        refused = await api.post("/v1/customers", json={"name": "F", "classifications": wanted})
        assert refused.status_code == 422
        assert hint in refused.json()["remedy"], wanted


async def test_a_list_value_goes_by_its_version(api: httpx.AsyncClient) -> None:
    url = "/v1/customer-types/1"
    assert (await api.put(url, json={"title": "AA"})).status_code == 428
    stale = await api.put(url, json={"title": "AA"}, headers={"If-Match": '"9"'})
    assert stale.status_code == 412


@pytest.mark.requirement("LS-27")
async def test_an_attribute_that_a_setting_names_stays(api: httpx.AsyncClient) -> None:
    number = (await api.get("/v1/settings/NO_EMAIL")).json()["value"]

    refused = await delete(api, "contact-attributes", number)

    assert refused.status_code == 409
    assert refused.json()["blockers"] == ["NO_EMAIL"]


async def test_who_is_moved_onto_a_ban_is_banned_from_then_on(
    customers: Service, api: httpx.AsyncClient
) -> None:
    ban = (await api.get("/v1/settings/NO_EMAIL")).json()["value"]
    plain = await made(api, "/v1/contact-attributes", title="Do not disturb")
    contact = await made(
        api, "/v1/contacts", first_name="A", email="a@example.com", attributes=[plain["number"]]
    )

    moved = await delete(api, "contact-attributes", plain["number"], move_to=ban)

    assert moved.json()["moved_contacts"] == 1
    async with customers.engine.connect() as connection:
        told = await connection.execute(
            text(
                "SELECT convert_from(body, 'UTF8')::jsonb AS body FROM outbox "
                "WHERE type = 'customers.bans-changed.v1' ORDER BY seq DESC LIMIT 1"
            )
        )
        body = told.scalar_one()
    assert body["contact_id"] == contact["contact_id"]
    assert body["bans"] == {"email": True, "sms": False, "post": False}


@pytest.mark.requirement("VF-07")
async def test_giving_and_deleting_a_value_at_once_strands_nobody(api: httpx.AsyncClient) -> None:
    for round_ in range(20):
        value_ = await made(api, "/v1/customer-types", title=f"T{round_} {uuid4()}")
        chosen = {"customer_type": [value_["number"]]}
        given, deleted = await asyncio.gather(
            api.post("/v1/customers", json={"name": "F", "classifications": chosen}),
            delete(api, "customer-types", value_["number"]),
        )
        assert sorted((given.status_code, deleted.status_code)) in ([200, 422], [201, 409])
