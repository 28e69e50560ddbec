"""Columns give attributes their values and contacts their categories, row by row, by the law."""

from typing import Any

import httpx
import pytest

from services.customers.handlers.republish import republish
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import made
from tests.integration.customers.attributes import attribute, choice, holding, outlaws
from tests.integration.customers.importing import fates, mapped, ran, rehearsed
from tests.integration.customers.test_imports_told import newest

TYPES = ("tick", "text", "number", "date", "list")
KEYS = {"ref": "customer.ref", "name": "customer.name"}
PEOPLE = {"person": "contact.ref", "last": "contact.last_name"}


async def attributes(api: httpx.AsyncClient, of: str) -> tuple[dict[str, int], list[int]]:
    """Create an attribute of each type and two choices of the last; return their numbers."""
    numbers = {kind: await attribute(api, f"Any {kind}", kind, of=of) for kind in TYPES}
    return numbers, [await choice(api, one, numbers["list"], of=of) for one in ("Red", "Blue")]


def mapping(numbers: dict[str, int], of: str) -> dict[str, str]:
    """Return the mapping of a column for each type."""
    field = "customer.customer_attribute" if of == "customer" else "contact.attribute"
    return {
        **KEYS,
        **(PEOPLE if of == "contact" else {}),
        **{kind: f"{field}.{number}" for kind, number in numbers.items()},
    }


def content(of: str, *rows: tuple[str, str]) -> str:
    """Return a file of records by key, each with its five cells."""
    header = "ref;name;person;last;" if of == "contact" else "ref;name;"
    lines = (
        f"K{key};Firm {key};P{key};Person {key};{cells}"
        if of == "contact"
        else f"{key};Firm {key};{cells}"
        for key, cells in rows
    )
    return "\n".join((header + ";".join(TYPES), *lines))


async def records(api: httpx.AsyncClient, url: str, of: str) -> list[Any]:
    """Return what the record of each row holds."""
    rows = await fates(api, url)
    return [await holding(api, {f"{of}_id": row[f"{of}_id"]}) for row in rows]


@pytest.mark.requirement("LS-A11")
@pytest.mark.parametrize("of", ["customer", "contact"])
async def test_columns_give_attributes_their_values(
    customers: Service, api: httpx.AsyncClient, of: str
) -> None:
    numbers, (red, blue) = await attributes(api, of)
    tick, words, number, day, chosen = numbers.values()
    first = content(
        of,
        ("A", "x; free  text ;1 234,50;31.1.2026;red"),
        ("B", ";;-7;2026-02-28;" + str(blue)),
        ("C", ";;;;"),
    )
    url = await mapped(api, first, mapping(numbers, of))
    rehearsal = await rehearsed(api, url)
    planned = await fates(api, url)
    assert await ran(api, url) == rehearsal == {"created": 3}
    # Where a contact belongs is told by the id of the customer, which a rehearsal makes up.
    assert [{**one["changes"], "contact.customer": None} for one in planned] == [
        {**one["changes"], "contact.customer": None} for one in await fates(api, url)
    ]

    assert await records(api, url, of) == [
        (
            [tick, words, number, day, chosen],
            [red],
            {str(words): "free  text", str(number): 1234.5, str(day): "2026-01-31"},
        ),
        ([number, day, chosen], [blue], {str(number): -7, str(day): "2026-02-28"}),
        ([], [], {}),
    ]
    assert await ran(api, await mapped(api, first, mapping(numbers, of))) == {"unchanged": 3}

    second = content(of, ("A", "no;;1.234,75;;Blue"), ("B", ";New;;;"), ("C", "yes;;0,5;;"))
    changing = await mapped(api, second, mapping(numbers, of))
    rehearsal = await rehearsed(api, changing)
    assert await ran(api, changing) == rehearsal == {"changed": 3}
    held = await records(api, changing, of)
    assert held == [
        (
            [words, number, day, chosen],
            [blue],
            {str(words): "free  text", str(number): 1234.75, str(day): "2026-01-31"},
        ),
        (
            [words, number, day, chosen],
            [blue],
            {str(words): "New", str(number): -7, str(day): "2026-02-28"},
        ),
        ([tick, number], [], {str(number): 0.5}),
    ]
    assert await outlaws(customers) == []
    told = await newest(customers)
    await republish(customers.units, lambda done, total: None)
    assert await newest(customers) == told

    undone = await api.post(f"{changing}/undo")
    assert undone.status_code == 200, undone.text
    assert (await records(api, changing, of))[2] == ([], [], {})
    assert await outlaws(customers) == []


@pytest.mark.requirement("LS-A11")
@pytest.mark.parametrize("of", ["customer", "contact"])
async def test_a_value_that_is_not_of_the_type_refuses_its_row_and_no_other(
    api: httpx.AsyncClient, customers: Service, of: str
) -> None:
    numbers, _ = await attributes(api, of)
    bad = {
        "tick": "perhaps",
        "text": "x" * 501,
        "number": "12,3 kg",
        "date": "31.2.2026",
        "list": "Green",
    }
    rows = [
        (str(place), ";".join(value if one == kind else "" for one in TYPES))
        for place, (kind, value) in enumerate(bad.items())
    ]
    url = await mapped(
        api, content(of, *rows, ("good", "yes;word;1;1.1.2026;Red")), mapping(numbers, of)
    )

    assert await rehearsed(api, url) == await ran(api, url) == {"refused": 5, "created": 1}

    refused = await fates(api, url, fate="refused")
    assert [row["problems"][0]["column"] for row in refused] == list(bad)
    assert all(row["problems"][0]["reason"] and row["problems"][0]["remedy"] for row in refused)
    assert await outlaws(customers) == []


@pytest.mark.requirement("TS-04")
async def test_contacts_get_categories_by_title_number_and_tick(
    customers: Service, api: httpx.AsyncClient
) -> None:
    kept = await made(api, "/v1/categories", title="Fairs", scope="contact")
    both = await made(api, "/v1/categories", title="Guests", scope="both")
    await made(api, "/v1/categories", title="Large", scope="customer")
    fields = {
        **KEYS,
        **PEOPLE,
        "categories": "contact.category",
        "guests": f"contact.category.{both['number']}",
    }
    lines = (
        f"A,Firm,1,One,fairs;{both['number']},",
        "A,,2,Two,Large,",
        "A,,3,Three,Unheard,x",
        "A,,4,Four,,yes",
    )
    text = "\n".join((",".join(fields), *lines))
    url = await mapped(api, text, fields)
    assert await rehearsed(api, url) == await ran(api, url) == {"created": 2, "refused": 2}
    rows = await fates(api, url)
    assert [row["problems"][0]["column"] for row in rows if row["problems"]] == ["categories"] * 2

    async def categories(row: dict[str, Any]) -> list[int]:
        return list((await api.get(f"/v1/contacts/{row['contact_id']}")).json()["categories"])

    assert await categories(rows[0]) == [kept["number"], both["number"]]
    assert await categories(rows[3]) == [both["number"]]

    more = f"{','.join(fields)}\nA,,1,,Unheard,no\nA,,4,,,yes"
    again = await mapped(api, more, fields, create_missing=("contact.category",))
    expected = {"changed": 1, "unchanged": 1}
    assert await rehearsed(api, again) == await ran(api, again) == expected
    unheard = [one for one in (await api.get("/v1/categories")).json() if one["title"] == "Unheard"]
    assert await categories(rows[0]) == [kept["number"], unheard[0]["number"]]
    assert await outlaws(customers) == []
    told = await newest(customers)
    await republish(customers.units, lambda done, total: None)
    assert await newest(customers) == told


async def test_what_is_archived_is_given_to_nobody_and_stays_where_it_is(
    customers: Service, api: httpx.AsyncClient
) -> None:
    numbers, _ = await attributes(api, "contact")
    fields = mapping(numbers, "contact")
    holder = await mapped(api, content("contact", ("A", "x;word;1;;Red")), fields)
    assert await ran(api, holder) == {"created": 1}
    for path in (f"contact-attributes/{numbers['text']}", "contact-attribute-choices/1"):
        value = await api.get(f"/v1/{path}")
        kept = ("title", "parent", "value_type")
        body = {one: value.json()[one] for one in kept if one in value.json()} | {"archived": True}
        archived = await api.put(
            f"/v1/{path}", json=body, headers={"If-Match": value.headers["etag"]}
        )
        assert archived.status_code == 200, archived.text

    rows = (("A", ";other;;;Red"), ("B", ";word;;;"), ("C", ";;;;Red"), ("D", ";;2;;"))
    url = await mapped(api, content("contact", *rows), fields)
    expected = {"changed": 1, "refused": 2, "created": 1}
    assert await rehearsed(api, url) == await ran(api, url) == expected
    refused = await fates(api, url, fate="refused")
    assert [row["problems"][0]["column"] for row in refused] == ["text", "list"]


async def test_the_fields_are_listed(api: httpx.AsyncClient) -> None:
    listed = {one["field"]: one["headers"] for one in (await api.get("/v1/import-fields")).json()}
    assert {"customer.contact_origin", "contact.category", "contact.category.<number>"} <= set(
        listed
    )
    assert "contact.attribute.<number>" in listed and "customer.<list>.<number>" in listed
    assert "contact category" in listed["contact.category"]
