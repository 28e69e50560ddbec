"""An undo gives back only what a record could be given today (LS-A11)."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from services.customers.domain.contact_data import Place
from services.customers.handlers.save_contact import SaveContact, change_contact
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import contact_at, made
from tests.integration.customers.attributes import (
    PATHS,
    attribute,
    choice,
    give,
    holding,
    outlaws,
    record,
)
from tests.integration.customers.test_attribute_values import change
from tests.integration.customers.test_lists import classify, put_value
from tests.integration.customers.test_lists import delete as delete_value
from tests.integration.customers.test_undo import HERE, operation, present, undo


async def many(
    customers: Service, api: httpx.AsyncClient, which: dict[str, Any], **asked: Any
) -> str:
    """Change attributes, choices and values of a record as an operation; return its id."""
    if "customer_id" in which:
        done = await change(api, **_as_change(**asked))
        assert done.status_code == 200, done.text
        return str(done.json()["operation_id"])
    now = await present(api, which)
    places = tuple(Place(UUID(one["customer_id"]), one["role"]) for one in now["customers"])
    async with operation(customers) as changing:
        await change_contact(
            UUID(which["contact_id"]),
            SaveContact(first_name="Ann", customers=places, **asked),
            changing.unit,
            expected=now["version"],
            region=HERE.region,
        )
    return str(changing.id)


def _as_change(
    attributes: frozenset[int] | None = None, attribute_values: dict[int, Any] | None = None
) -> dict[str, Any]:
    put = {} if attributes is None else {"put": {"customer_attribute": sorted(attributes)}}
    return put | ({"put_values": attribute_values} if attribute_values else {})


@pytest.mark.requirement("LS-A11")
@pytest.mark.parametrize("of", PATHS)
@pytest.mark.parametrize("between", ["type", "type and back", "home", "removed", "number again"])
async def test_what_has_become_another_thing_is_not_given_back(
    customers: Service, api: httpx.AsyncClient, of: str, between: str
) -> None:
    path, choices = PATHS[of]
    tick, level = await attribute(api, "A", "tick", of=of), await attribute(api, "L", "text", of=of)
    region, area = [await attribute(api, title, "list", of=of) for title in ("R", "S")]
    north = await choice(api, "North", region, of=of)
    who = await record(api, of)
    held: dict[str, Any] = {"attributes": [tick]}
    if between.startswith("type"):
        held = {"values": {str(level): "2024-01-01"}}
    elif between == "home":
        held = {"choices": [north]}
    assert (await give(api, who, **held)).status_code == 200
    done = await many(customers, api, who, attributes=frozenset())
    match between:
        case "home":
            answer = await put_value(api, choices, north, title="North", parent=area)
        case "removed" | "number again":
            answer = await delete_value(api, path, tick)
        case _:
            answer = await put_value(api, path, level, title="L", value_type="date")
    assert answer.status_code == 200, answer.text
    if between == "number again":
        await made(api, f"/v1/{path}", title="New", number=tick)
    if between == "type and back":
        await put_value(api, path, level, title="L", value_type="text")

    undone = await undo(api, done)

    assert (undone["reverted"], undone["changed_since"]) == (0, 1)
    (left,) = undone["first_changed_since"]
    assert set(left["fields"].values()) == {"gone"}
    assert await holding(api, who) == ([], [], {})
    assert await outlaws(customers) == []


@pytest.mark.requirement("LS-A11")
@pytest.mark.parametrize("of", PATHS)
async def test_a_former_value_is_not_given_to_what_an_attribute_has_become(
    customers: Service, api: httpx.AsyncClient, of: str
) -> None:
    """The value alone was changed, and what is held now is that attribute, of another type."""
    level = await attribute(api, "Level", "text", of=of)
    who = await record(api, of)
    await give(api, who, values={str(level): "gold"})
    first = await many(customers, api, who, attribute_values={level: "2024-01-01"})
    taken = await many(customers, api, who, attributes=frozenset())
    retyped = await put_value(api, PATHS[of][0], level, title="Level", value_type="date")
    assert retyped.status_code == 200, retyped.text
    assert (await undo(api, taken))["reverted"] == 0
    given = await many(customers, api, who, attribute_values={level: "2024-01-01"})
    back = await undo(api, given)
    await undo(api, back["operation_id"])
    assert await holding(api, who) == ([level], [], {str(level): "2024-01-01"})

    undone = await undo(api, first)

    assert (undone["reverted"], undone["changed_since"]) == (0, 1)
    assert await holding(api, who) == ([level], [], {str(level): "2024-01-01"})
    assert await outlaws(customers) == []


@pytest.mark.requirement("LS-A11")
@pytest.mark.parametrize("of", PATHS)
async def test_what_is_as_it_was_is_given_back(
    customers: Service, api: httpx.AsyncClient, of: str
) -> None:
    level, region = [await attribute(api, type_, type_, of=of) for type_ in ("number", "list")]
    north = await choice(api, "North", region, of=of)
    who = await record(api, of)
    await give(api, who, values={str(level): 7}, choices=[north])
    done = await many(customers, api, who, attributes=frozenset())
    # Another title, or another attribute of another type, makes these no other things.
    await put_value(api, PATHS[of][0], level, title="Renamed", value_type="number")
    other = await attribute(api, "Other", "text", of=of)
    await put_value(api, PATHS[of][0], other, title="Other", value_type="date")

    assert (await undo(api, done))["reverted"] == 1

    assert await holding(api, who) == (sorted([level, region]), [north], {str(level): 7})


@pytest.mark.requirement("LS-13")
async def test_two_values_that_moved_into_one_tracking_object_are_not_given_back(
    api: httpx.AsyncClient,
) -> None:
    one, other = [
        (await made(api, "/v1/tracking-objects", title=title))["number"] for title in ("A", "B")
    ]
    first, second = [
        (await made(api, "/v1/tracking-values", title=f"V{home}", parent=home))["number"]
        for home in (one, other)
    ]
    firm = await made(
        api, "/v1/customers", name="F", classifications={"tracking_value": [first, second]}
    )
    done = (await change(api, remove={"tracking_value": [first, second]})).json()
    moved = await put_value(api, "tracking-values", second, title="V", parent=one)
    assert moved.status_code == 200, moved.text

    undone = await undo(api, done["operation_id"])

    assert (undone["reverted"], undone["changed_since"]) == (0, 1)
    assert "tracking_value" not in (await present(api, firm))["classifications"]


@pytest.mark.requirement("VF-02", "LS-08")
@pytest.mark.parametrize("was", ["without a kind", "in two groups"])
async def test_what_was_lawful_before_an_upgrade_only_is_not_given_back(
    customers: Service, api: httpx.AsyncClient, was: str
) -> None:
    groups = [
        (await made(api, "/v1/customer-groups", title=title))["number"] for title in ("A", "B")
    ]
    firm = await made(
        api, "/v1/customers", name="F", classifications={"customer_group": groups[:1]}
    )
    done = (await change(api, put={"customer_group": []})).json()
    async with customers.engine.begin() as connection:
        changed = await connection.execute(
            text(
                """
                UPDATE history SET before = before || jsonb_build_object('classifications', (
                    SELECT jsonb_agg(key) FROM list_value
                    WHERE (list, number) IN (('customer_status', 1), ('customer_group', :group))
                       OR (list, number) = ('customer_kind', 1) AND :kind
                       OR (list, number) = ('customer_group', :other) AND :kind))
                WHERE operation_id = :id
                """
            ),
            {
                "id": done["operation_id"],
                "group": groups[0],
                "other": groups[1],
                "kind": was == "in two groups",
            },
        )
        assert changed.rowcount == 1

    undone = await undo(api, done["operation_id"])

    assert (undone["reverted"], undone["changed_since"]) == (0, 1)
    assert "customer_group" not in (await present(api, firm))["classifications"]
    assert await outlaws(customers) == []


@pytest.mark.requirement("TS-A10")
async def test_a_category_is_not_given_back_to_whom_its_scope_leaves_out(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="F")
    fair = (await made(api, "/v1/categories", title="Fair"))["number"]
    ann = await contact_at(api, firm, "Ann", categories=[fair])
    await classify(api, firm, classifications={"category": [fair]})
    done = await many(customers, api, ann, categories=frozenset())
    taken = (await change(api, remove={"category": [fair]})).json()["operation_id"]
    narrowed = await put_value(api, "categories", fair, title="Fair", scope="customer")
    assert narrowed.status_code == 200, narrowed.text

    assert (await undo(api, done))["reverted"] == 0
    assert (await undo(api, taken))["reverted"] == 1

    assert (await present(api, ann))["categories"] == []
    assert (await present(api, firm))["classifications"]["category"] == [fair]
    assert await outlaws(customers) == []
