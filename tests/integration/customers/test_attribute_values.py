"""Attributes with values: a text, a number, a day or a choice of a list (LS-A11)."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import (
    contact_at,
    delete,
    made,
    put_setting,
    restore,
    setting,
    url,
)
from tests.integration.customers.attributes import (
    PATHS,
    attribute,
    choice,
    give,
    holding,
    outlaws,
    record,
)
from tests.integration.customers.erp import told
from tests.integration.customers.test_lists import delete as delete_value
from tests.integration.customers.test_lists import put_value

BOTH = pytest.mark.parametrize("of", ["customer", "contact"])


async def change(api: httpx.AsyncClient, *, dry_run: bool = False, **body: Any) -> httpx.Response:
    url = f"/v1/customer-changes?dry_run={str(dry_run).lower()}"
    return await api.post(url, json={"filter": {}, "everybody": True, **body})


def detail(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["detail"])


@BOTH
@pytest.mark.requirement("LS-A11")
async def test_attributes_are_ticks_unless_they_say_otherwise(
    api: httpx.AsyncClient, of: str
) -> None:
    plain = await made(api, f"/v1/{PATHS[of][0]}", title="Plain")
    assert plain["value_type"] == "tick"
    who = await record(api, of)

    ticked = await give(api, who, attributes=[plain["number"]])

    assert ticked.status_code == 200, ticked.text
    assert await holding(api, who) == ([plain["number"]], [], {})
    refused = await give(api, who, values={str(plain["number"]): "x"})
    assert f"attribute_values.{plain['number']}" in detail(refused)


@BOTH
@pytest.mark.requirement("LS-A11")
@pytest.mark.parametrize(
    ("type_", "value", "kept"),
    [
        ("text", "  gold ", "gold"),
        ("text", "x" * 500, "x" * 500),
        ("number", 0, 0),
        ("number", -12.5, -12.5),
        ("number", "0.000001", 0.000001),
        ("number", "123456789.123456", 123456789.123456),
        ("number", 999_999_999_999_999, 999_999_999_999_999),
        ("number", 7.0, 7),
        ("date", "2024-02-29", "2024-02-29"),
    ],
)
async def test_a_value_gives_its_attribute_and_is_kept_exactly(
    customers: Service, api: httpx.AsyncClient, of: str, type_: str, value: Any, kept: Any
) -> None:
    number = await attribute(api, "Typed", type_, of=of)
    who = await record(api, of)

    given = await give(api, who, values={str(number): value})

    assert given.status_code == 200, given.text
    assert given.json()["attribute_values"] == {str(number): kept}
    assert await holding(api, who) == ([number], [], {str(number): kept})
    saved = (await told(customers, f"customers.{of}-saved.v1"))[-1]
    assert saved["attribute_values"] == {str(number): kept}
    assert saved["version"] == given.json()["version"]
    again = await give(api, who)
    assert await holding(api, who) == ([number], [], {str(number): kept}), "left out, it stays"
    assert again.status_code == 200
    gone = await give(api, who, values={str(number): None})
    assert gone.status_code == 200, gone.text
    assert await holding(api, who) == ([], [], {})


@BOTH
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("text", ""),
        ("text", "   "),
        ("text", "a\x00b"),
        ("text", "x" * 501),
        ("text", 7),
        ("number", "seven"),
        ("number", "NaN"),
        ("number", "-Infinity"),
        ("number", 10**15),
        ("number", "1e999999"),
        ("number", "0.0000001"),
        ("number", "123456789012345.5"),
        ("date", "2023-02-29"),
        ("date", "29.2.2024"),
        ("date", "20240229"),
        ("date", "1899-12-31"),
        ("date", 20240229),
        ("list", "North"),
        ("tick", "yes"),
    ],
)
async def test_a_value_that_is_not_of_the_type_is_refused_by_its_field(
    api: httpx.AsyncClient, of: str, type_: str, value: Any
) -> None:
    number = await attribute(api, "Typed", type_, of=of)
    who = await record(api, of)

    refused = await give(api, who, values={str(number): value})

    assert f"attribute_values.{number}" in detail(refused)
    assert refused.json()["remedy"]
    assert await holding(api, who) == ([], [], {})


@BOTH
@pytest.mark.parametrize(
    "body", [{"0": "a"}, {"x": "a"}, {str(2**31): "a"}, {"1": True}, {"1": []}]
)
async def test_odd_values_are_refused(api: httpx.AsyncClient, of: str, body: Any) -> None:
    who = await record(api, of)

    assert (await give(api, who, values=body)).status_code == 422
    assert (await give(api, who, values={"77": "nobody knows it"})).status_code == 422


@BOTH
@pytest.mark.requirement("LS-A11")
async def test_what_contradicts_itself_or_lacks_a_value_is_refused(
    customers: Service, api: httpx.AsyncClient, of: str
) -> None:
    level, region = [
        await attribute(api, title, type_, of=of)
        for title, type_ in (("Level", "text"), ("Region", "list"))
    ]
    north = await choice(api, "North", region, of=of)
    who = await record(api, of)

    for asked in (
        {"attributes": [level]},
        {"attributes": [region]},
        {"attributes": [], "values": {str(level): "gold"}},
        {"attributes": [], "choices": [north]},
        {"attributes": [level], "values": {str(level): None}},
        {"choices": [north], "values": {str(region): None}},
        {"attributes": [region], "choices": []},
    ):
        refused = await give(api, who, **asked)
        assert refused.status_code == 422, asked
        assert refused.json()["remedy"]
    assert await holding(api, who) == ([], [], {})
    assert await outlaws(customers) == []


@BOTH
@pytest.mark.requirement("LS-A11")
async def test_a_choice_and_its_attribute_never_disagree(
    customers: Service, api: httpx.AsyncClient, of: str
) -> None:
    region = await attribute(api, "Region", "list", of=of)
    size = await attribute(api, "Size", "list", of=of)
    north, south = [await choice(api, title, region, of=of) for title in ("North", "South")]
    small = await choice(api, "Small", size, of=of)
    who = await record(api, of)

    assert (await give(api, who, choices=[north, small])).status_code == 200
    assert await holding(api, who) == ([region, size], [north, small], {})
    assert (await give(api, who, choices=[south, north])).status_code == 422
    assert (await give(api, who, choices=[south])).status_code == 200
    assert await holding(api, who) == ([region], [south], {}), "size went with its choice"
    assert (await give(api, who, attributes=[region])).status_code == 200
    assert await holding(api, who) == ([region], [south], {})
    assert (await give(api, who, attributes=[])).status_code == 200
    assert await holding(api, who) == ([], [], {})
    assert await outlaws(customers) == []


@BOTH
@pytest.mark.requirement("LS-A11")
async def test_choices_sit_in_an_attribute_of_type_list(api: httpx.AsyncClient, of: str) -> None:
    attributes, choices = PATHS[of]
    region, other = [await attribute(api, t, "list", of=of) for t in ("Region", "Other")]
    level = await attribute(api, "Level", "text", of=of)
    north = await choice(api, "North", region, of=of)

    for body in ({"title": "X"}, {"title": "X", "parent": level}, {"title": "X", "parent": 99}):
        assert "parent" in detail(await api.post(f"/v1/{choices}", json=body))
    plain = await put_value(api, attributes, region, title="Region", value_type="tick")
    assert (plain.status_code, plain.json()["blockers"]) == (409, ["North"])

    who = await record(api, of)
    await give(api, who, choices=[north])
    moved = await put_value(api, choices, north, title="North", parent=other)
    assert (moved.status_code, moved.json()["slug"]) == (409, "list_value_in_use")
    elsewhere = await choice(api, "Elsewhere", other, of=of)
    assert "move_to" in detail(await delete_value(api, choices, north, move_to=elsewhere))
    used = (await api.get(f"/v1/{choices}/usage")).json()
    assert {one["number"]: one[f"{of}s"] for one in used} == {north: 1, elsewhere: 0}


@BOTH
@pytest.mark.requirement("LS-A11", "VF-A2")
async def test_the_type_of_an_attribute_that_somebody_holds_stays(
    api: httpx.AsyncClient, restoring: httpx.AsyncClient, of: str
) -> None:
    path = PATHS[of][0]
    number = await attribute(api, "Level", "text", of=of)
    who = await record(api, of)
    await give(api, who, values={str(number): "gold"})

    live = await put_value(api, path, number, title="Level", value_type="number")
    assert (live.status_code, live.json()["slug"], live.json()["count"]) == (
        409,
        "list_value_in_use",
        1,
    )
    assert live.json()["blockers"] == [who[f"{of}_id"]]
    renamed = await put_value(api, path, number, title="Rank", value_type="text")
    assert renamed.status_code == 200, renamed.text

    await delete(api, who)
    gone = await put_value(api, path, number, title="Level")
    assert (gone.status_code, gone.json()["count"]) == (409, 1)
    assert (await restore(restoring, who)).status_code == 200
    assert await holding(api, who) == ([number], [], {str(number): "gold"})

    await give(api, who, values={str(number): None})
    assert (await put_value(api, path, number, title="L", value_type="date")).status_code == 200


@BOTH
@pytest.mark.requirement("LS-A11", "VF-07")
async def test_merging_attributes_moves_their_values(
    customers: Service, restoring: httpx.AsyncClient, of: str
) -> None:
    api = restoring
    path = PATHS[of][0]
    old, new = [await attribute(api, title, "text", of=of) for title in ("Old", "New")]
    amount = await attribute(api, "Amount", "number", of=of)
    one, both, gone = [await record(api, of) for _ in range(3)]
    await give(api, one, values={str(old): "from old"})
    await give(api, both, values={str(old): "from old", str(new): "from new"})
    await give(api, gone, values={str(old): "deleted"})
    await delete(api, gone)

    assert "same type" in (await delete_value(api, path, old, move_to=amount)).json()["remedy"]
    merged = await delete_value(api, path, old, move_to=new)

    assert merged.json()[f"moved_{of}s"] == 3, merged.text
    await restore(api, gone)
    assert await holding(api, one) == ([new], [], {str(new): "from old"})
    assert await holding(api, both) == ([new], [], {str(new): "from new"})
    assert await holding(api, gone) == ([new], [], {str(new): "deleted"})
    assert await outlaws(customers) == []


@BOTH
@pytest.mark.requirement("LS-A11")
async def test_merging_attributes_of_type_list_keeps_one_choice_each(
    customers: Service, api: httpx.AsyncClient, of: str
) -> None:
    path, choices = PATHS[of]
    region, area = [await attribute(api, t, "list", of=of) for t in ("Region", "Area")]
    north, east = await choice(api, "North", region, of=of), await choice(api, "East", area, of=of)
    who = await record(api, of)
    await give(api, who, choices=[north, east])

    refused = await delete_value(api, path, region, move_to=area)
    assert (refused.status_code, refused.json()["slug"]) == (409, "second_value")

    await give(api, who, choices=[north])
    merged = await delete_value(api, path, region, move_to=area)
    assert merged.status_code == 200, merged.text
    assert await holding(api, who) == ([area], [north], {})
    west = await choice(api, "West", area, of=of)
    assert (await delete_value(api, choices, north, move_to=west)).status_code == 200
    assert await holding(api, who) == ([area], [west], {})
    assert await outlaws(customers) == []


@BOTH
@pytest.mark.requirement("LS-A11", "LE-A9")
async def test_an_archived_attribute_is_kept_and_newly_given_to_nobody(
    api: httpx.AsyncClient, of: str
) -> None:
    path, choices = PATHS[of]
    number = await attribute(api, "Level", "text", of=of)
    tick = await attribute(api, "Tick", "tick", of=of)
    region = await attribute(api, "Region", "list", of=of)
    north, south = [await choice(api, t, region, of=of) for t in ("North", "South")]
    keeper, other = [await record(api, of) for _ in range(2)]
    await give(api, keeper, attributes=[tick], choices=None)
    await give(api, keeper, values={str(number): "gold"}, choices=[north])
    for one, title, type_ in (
        (number, "Level", "text"),
        (tick, "Tick", "tick"),
        (region, "Region", "list"),
    ):
        answer = await put_value(api, path, one, title=title, value_type=type_, archived=True)
        assert answer.status_code == 200, answer.text
    await put_value(api, choices, south, title="South", parent=region, archived=True)

    for asked in (
        {"attributes": [tick]},
        {"values": {str(number): "gold"}},
        {"choices": [north]},
        {"choices": [south]},
    ):
        assert "archived" in detail(await give(api, other, **asked))
    kept = await give(
        api, keeper, values={str(number): "silver"}, attributes=[number, tick, region]
    )
    assert kept.status_code == 200, kept.text
    assert await holding(api, keeper) == (
        sorted([number, tick, region]),
        [north],
        {str(number): "silver"},
    )
    assert "archived" in detail(await give(api, keeper, choices=[south]))


@pytest.mark.requirement("LS-27", "LS-A11", "LS-A5")
@pytest.mark.parametrize("name", ["NO_EMAIL", "NO_SMS", "NO_MARKETING", "CONTACT_SALES"])
async def test_an_attribute_that_a_setting_names_stays_a_live_tick(
    api: httpx.AsyncClient, name: str
) -> None:
    number = (await setting(api, name))["value"]
    if number is None:
        number = await attribute(api, "Sales", "tick", of="contact")
        assert (await put_setting(api, name, number)).status_code == 200
    plain = await attribute(api, "Plain", "tick", of="contact")

    for refused in (
        await put_value(api, "contact-attributes", number, title="N", value_type="text"),
        await put_value(api, "contact-attributes", number, title="N", value_type="list"),
        await put_value(api, "contact-attributes", number, title="N", archived=True),
        await delete_value(api, "contact-attributes", number),
        await delete_value(api, "contact-attributes", number, move_to=plain),
    ):
        assert (refused.status_code, refused.json()["blockers"]) == (409, [name])
    typed = await attribute(api, "Typed", "text", of="contact")
    archived = await attribute(api, "Archived", "tick", of="contact")
    await put_value(api, "contact-attributes", archived, title="Archived", archived=True)
    for other in (typed, archived):
        assert "value" in detail(await put_setting(api, name, other))


@pytest.mark.requirement("LS-A11")
async def test_many_customers_are_given_values_and_they_are_taken_back(
    customers: Service, api: httpx.AsyncClient
) -> None:
    level = await attribute(api, "Level", "text")
    region = await attribute(api, "Region", "list")
    north = await choice(api, "North", region)
    firms = [await made(api, "/v1/customers", name=f"F{n}") for n in range(3)]
    await give(api, firms[0], values={str(level): "iron"})

    rehearsed = await change(api, dry_run=True, put_values={str(level): "gold"})
    done = (
        await change(
            api, put_values={str(level): "gold"}, add={"customer_attribute_choice": [north]}
        )
    ).json()

    assert rehearsed.json()["customers"] == 3
    for firm in firms:
        assert await holding(api, firm) == ([level, region], [north], {str(level): "gold"})
    await give(api, firms[2], values={str(level): "mine"})
    undone = (await api.post(f"/v1/operations/{done['operation_id']}/undo")).json()
    assert (undone["reverted"], undone["changed_since"]) == (2, 1)
    assert await holding(api, firms[0]) == ([level], [], {str(level): "iron"})
    assert await holding(api, firms[1]) == ([], [], {})
    removed = await change(api, remove={"customer_attribute": [level, region]})
    assert removed.status_code == 200, removed.text
    assert [await holding(api, firm) for firm in firms] == [([], [], {})] * 3
    assert await outlaws(customers) == []
    refused = await change(api, add={"customer_attribute": [level]})
    assert f"attribute_values.{level}" in detail(refused)


@pytest.mark.requirement("LS-A11")
@pytest.mark.parametrize("between", ["type", "home"])
async def test_an_undo_gives_back_nothing_that_has_become_another_thing(
    customers: Service, api: httpx.AsyncClient, between: str
) -> None:
    level, region, area = [
        await attribute(api, title, type_)
        for title, type_ in (("Level", "text"), ("Region", "list"), ("Area", "list"))
    ]
    north = await choice(api, "North", region)
    firm = await made(api, "/v1/customers", name="F")
    held: dict[str, Any] = {"values": {str(level): "2024-01-01"}}
    if between == "home":
        held = {"choices": [north]}
    await give(api, firm, **held)
    done = (await change(api, put={"customer_attribute": []})).json()
    changed = (
        await put_value(api, "customer-attributes", level, title="Level", value_type="date")
        if between == "type"
        else await put_value(api, "customer-attribute-choices", north, title="North", parent=area)
    )
    assert changed.status_code == 200, changed.text

    undone = (await api.post(f"/v1/operations/{done['operation_id']}/undo")).json()

    assert (undone["reverted"], undone["changed_since"]) == (0, 1)
    assert await holding(api, firm) == ([], [], {})
    assert await outlaws(customers) == []


@BOTH
@pytest.mark.requirement("LS-A11")
async def test_history_names_the_attribute_of_a_value(api: httpx.AsyncClient, of: str) -> None:
    number = await attribute(api, "Loyalty", "text", of=of)
    who = await record(api, of)
    await give(api, who, values={str(number): "gold"})
    await give(api, who, values={str(number): "silver"})

    entries = (await api.get(f"{url(who)}/history")).json()["items"]

    (only,) = [one for one in entries[0]["changes"] if one["field"] == "attribute_values"] or [
        one for one in entries[1]["changes"] if one["field"] == "attribute_values"
    ]
    named = {"list": f"{of}_attribute", "number": number, "title": "Loyalty"}
    assert (only["before"], only["after"]) == (
        [{**named, "value": "gold"}],
        [{**named, "value": "silver"}],
    )


@pytest.mark.requirement("LS-A11")
async def test_the_type_is_told_and_exported(customers: Service, api: httpx.AsyncClient) -> None:
    level, tick = await attribute(api, "Level", "number"), await attribute(api, "Tick", "tick")
    firm = await made(api, "/v1/customers", name="F", attribute_values={str(level): "12.5"})
    assert firm["attribute_values"] == {str(level): 12.5}

    told_types = {
        one["number"]: one["facts"]["value_type"]
        for one in await told(customers, "customers.classification-saved.v1")
        if one["list_name"] == "customer_attribute"
    }
    csv = (await api.post("/v1/customers/export", json={})).text.splitlines()
    line = await api.post("/v1/customers/export", params={"format": "ndjson"}, json={})

    assert told_types == {level: "number", tick: "tick"}
    assert csv[0].endswith(f",attribute_values.{level}")
    assert csv[1].endswith(",12.5")
    assert line.json()["attribute_values"] == {str(level): 12.5}


async def test_a_contact_of_a_ban_keeps_it_beside_values(
    customers: Service, api: httpx.AsyncClient
) -> None:
    number = await attribute(api, "Level", "text", of="contact")
    firm = await made(api, "/v1/customers", name="F")
    ann = await contact_at(api, firm, "Ann", attribute_values={str(number): "gold"})
    assert ann["attributes"] == [number]
    category = await made(api, "/v1/categories", title="Fair")

    await api.put(f"{url(ann)}/bans", json={"email": True})
    ban = (await setting(api, "NO_EMAIL"))["value"]
    present = (await api.get(url(ann))).json()
    changed = await api.put(
        url(ann),
        json={
            "first_name": "Ann",
            "categories": [category["number"]],
            "attribute_values": {str(number): None},
        },
        headers={"If-Match": f'"{present["version"]}"'},
    )

    assert changed.json()["attributes"] == [ban]
    assert changed.json()["categories"] == [category["number"]]
    async with customers.engine.connect() as connection:
        stored = await connection.execute(text("SELECT attribute_values FROM contact"))
        assert stored.scalar_one() == {}
