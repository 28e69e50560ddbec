"""The search by values of attributes, and by where a customer is."""

from typing import Any

import httpx
import pytest

from services.customers.persistence import search_lookups
from tests.integration.customers.api_helpers import contact_at, delete, made
from tests.integration.customers.attributes import attribute, choice
from tests.integration.customers.test_search import names, search

PLACES = {
    "Anna": ("Oulu", "90100"),
    "Bertta": ("OULU", "90500"),
    "Cecilia": ("Oulunsalo", "90460"),
    "Disa": ("Helsinki", "00100"),
}


@pytest.fixture(params=[2000, 0], ids=["few hits", "many hits"])
def bound(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether hits are looked up first or the sort order is walked: both find the same."""
    monkeypatch.setattr(search_lookups, "FEW_HITS", request.param)


@pytest.fixture
async def filled(api: httpx.AsyncClient, bound: None) -> dict[str, int]:
    """Three customers with values, a contact of the third one too; return the attributes."""
    types = {"level": "text", "score": "number", "since": "date"}
    own = {name: await attribute(api, name, type_) for name, type_ in types.items()}
    theirs = {
        f"contact {name}": await attribute(api, name, type_, of="contact")
        for name, type_ in types.items()
    }
    for name, level, score, since in (
        ("A", "Gold", 2, "2024-01-31"),
        ("B", "golden 50%", 10, "2024-02-01"),
        ("C", "Silver", -0.5, "1999-12-31"),
    ):
        values = dict(zip((str(one) for one in own.values()), (level, score, since), strict=True))
        firm = await made(api, "/v1/customers", name=name, attribute_values=values)
        await contact_at(
            api,
            firm,
            f"Contact of {name}",
            attribute_values=dict(
                zip(map(str, theirs.values()), (level, score, since), strict=True)
            ),
        )
    await made(api, "/v1/customers", name="D")
    return own | theirs


@pytest.mark.requirement("LS-A11", "LS-15")
@pytest.mark.parametrize("scope", ["customer", "contact"])
@pytest.mark.parametrize(
    ("name", "comparison", "expected"),
    [
        ("level", {"equals": "GOLD"}, ["A"]),
        ("level", {"contains": "gold"}, ["A", "B"]),
        ("level", {"contains": "50%"}, ["B"]),
        ("level", {"contains": "g%d"}, []),
        ("level", {"contains": "L"}, ["A", "B", "C"]),
        ("score", {"equals": 10}, ["B"]),
        ("score", {"equals": "10.0"}, ["B"]),
        ("score", {"at_least": 2}, ["A", "B"]),
        ("score", {"at_most": 9.5}, ["A", "C"]),
        ("score", {"at_least": -1, "at_most": 2}, ["A", "C"]),
        ("since", {"equals": "2024-01-31"}, ["A"]),
        ("since", {"at_least": "2024-02-01"}, ["B"]),
        ("since", {"at_least": "1999-12-31", "at_most": "2024-01-31"}, ["A", "C"]),
    ],
)
async def test_values_are_compared_by_their_type(
    api: httpx.AsyncClient,
    filled: dict[str, int],
    scope: str,
    name: str,
    comparison: dict[str, Any],
    expected: list[str],
) -> None:
    number = filled[name if scope == "customer" else f"contact {name}"]
    wanted = {"attribute": number, "scope": scope, **comparison}

    assert await names(api, attribute_values=[wanted]) == expected
    also = {"attribute": filled["level"], "contains": "silver"}
    assert await names(api, attribute_values=[wanted, also]) == [
        one for one in expected if one == "C"
    ]
    assert (await search(api, filter={"attribute_values": [wanted]}))["total"] == len(expected)


async def test_a_deleted_contact_and_a_removed_value_are_not_found(
    api: httpx.AsyncClient, filled: dict[str, int]
) -> None:
    wanted = {"attribute": filled["contact level"], "scope": "contact", "equals": "Silver"}
    (ann,) = [
        one
        for one in (await api.get("/v1/contacts")).json()["items"]
        if one["first_name"] == "Contact of C"
    ]
    assert await names(api, attribute_values=[wanted]) == ["C"]

    await delete(api, ann)

    assert await names(api, attribute_values=[wanted]) == []


@pytest.mark.parametrize(
    ("type_", "comparison"),
    [
        ("text", {"at_least": "a"}),
        ("text", {"equals": 7}),
        ("text", {}),
        ("number", {"contains": "1"}),
        ("number", {"equals": "one"}),
        ("number", {"at_most": 1e300}),
        ("date", {"equals": "yesterday"}),
        ("date", {"contains": "2024"}),
        ("tick", {"equals": "yes"}),
        ("list", {"equals": "North"}),
    ],
)
async def test_a_comparison_fits_the_type(
    api: httpx.AsyncClient, type_: str, comparison: dict[str, Any]
) -> None:
    number = await attribute(api, "Typed", type_)

    refused = await api.post(
        "/v1/customers/search",
        json={"filter": {"attribute_values": [{"attribute": number, **comparison}]}},
    )

    assert refused.status_code == 422, refused.text
    assert "attribute_values.0" in refused.json()["detail"]
    assert refused.json()["remedy"]


async def test_values_asked_for_are_bounded_and_known(api: httpx.AsyncClient) -> None:
    number = await attribute(api, "Typed", "text")
    for wanted in (
        [{"attribute": number, "equals": "x"}] * 11,
        [{"attribute": number + 1, "equals": "x"}],
        [{"attribute": number, "scope": "contact", "equals": "x"}],
        [{"attribute": number, "equals": "a\x00"}],
        [{"attribute": number, "equals": "x" * 501}],
        [{"attribute": 0, "equals": "x"}],
    ):
        answer = await api.post(
            "/v1/customers/search", json={"filter": {"attribute_values": wanted}}
        )
        assert answer.status_code == 422, wanted


@pytest.mark.requirement("LS-A11", "LS-15")
async def test_choices_are_searched_counted_and_saved_like_any_list(
    api: httpx.AsyncClient,
) -> None:
    region = await attribute(api, "Region", "list")
    north, south = [await choice(api, title, region) for title in ("North", "South")]
    level = await attribute(api, "Level", "text")
    for name, held in (("A", north), ("B", south), ("C", south)):
        await made(
            api,
            "/v1/customers",
            name=name,
            classifications={"customer_attribute_choice": [held]},
            attribute_values={str(level): name},
        )

    found = await search(
        api,
        filter={"having": {"customer_attribute_choice": [south]}},
        facets=["customer_attribute_choice", "customer_attribute"],
    )

    assert [one["name"] for one in found["items"]] == ["B", "C"]
    assert found["facets"] == {
        "customer_attribute_choice": [{"number": south, "customers": 2}],
        "customer_attribute": [
            {"number": region, "customers": 2},
            {"number": level, "customers": 2},
        ],
    }
    saved = await made(
        api,
        "/v1/saved-searches",
        title="Level A",
        search={"filter": {"attribute_values": [{"attribute": level, "equals": "a"}]}},
    )
    again = await search(api, **saved["search"])
    assert [one["name"] for one in again["items"]] == ["A"]


@pytest.mark.requirement("LS-06")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"city": "oulu"}, ["Anna", "Bertta"]),
        ({"city": "oul"}, []),
        ({"postal_code": "90"}, ["Anna", "Bertta", "Cecilia"]),
        ({"postal_code": "9_"}, []),
        ({"postal_code": "00100", "city": "Helsinki"}, ["Disa"]),
        ({"postal_code": "00100", "city": "Oulu"}, []),
    ],
)
async def test_customers_are_found_by_city_and_beginning_of_the_postal_code(
    api: httpx.AsyncClient, wanted: dict[str, str], expected: list[str]
) -> None:
    for name, (city, code) in PLACES.items():
        await made(api, "/v1/customers", name=name, address={"city": city, "postal_code": code})
    await made(api, "/v1/customers", name="Nowhere")

    assert await names(api, **wanted) == expected
