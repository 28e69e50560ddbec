"""Segments by what customers and contacts are classified as."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from services.mailing.handlers.evaluate_rule import warn_of_not_told
from tests.integration.mailing.rig import Rig, contact_saved, customer_saved, value_saved
from tests.integration.mailing.test_segments import make, members

EVERYBODY: dict[str, Any] = {"op": "all", "rules": []}


def has(list_name: str, *numbers: int, who: str = "customer") -> dict[str, Any]:
    return {"op": f"{who}_has", "list": list_name, "numbers": list(numbers)}


async def person_at(rig: Rig, *, name: str = "Oy", **held: list[int]) -> tuple[str, UUID]:
    """Make a customer that holds these values, and a contact there; return both ids."""
    customer_id = uuid4()
    await rig.hear(customer_saved(customer_id, name=name, **held))
    return str(await rig.contact(at=(customer_id,))), customer_id


@pytest.mark.requirement("VF-29", "VF-32", "VF-35", "LS-12")
@pytest.mark.parametrize(
    "list_name", ["customer_type", "industry", "headcount_class", "customer_kind", "category"]
)
async def test_a_segment_names_values_of_a_list(
    rig: Rig, api: httpx.AsyncClient, list_name: str
) -> None:
    await rig.hear(value_saved(list_name, 1), value_saved(list_name, 11))
    one, customer_id = await person_at(rig, **{list_name: [1]})
    eleven, _ = await person_at(rig, **{list_name: [11], "product": [1]})
    none, _ = await person_at(rig)
    assert await members(api, has(list_name, 1)) == {one}
    assert await members(api, has(list_name, 1, 11)) == {one, eleven}
    assert await members(api, {"op": "not", "rule": has(list_name, 1)}) == {eleven, none}
    await rig.hear(customer_saved(customer_id, 2, **{list_name: [11]}))
    assert await members(api, has(list_name, 1)) == set()


@pytest.mark.requirement("LS-01", "LS-06", "LS-A10")
async def test_a_node_has_its_subtree_and_a_move_of_it_moves_the_members(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.hear(
        value_saved("customer_group", 1),
        value_saved("customer_group", 2, parent=1),
        value_saved("customer_group", 3, parent=2),
        value_saved("customer_group", 4),
    )
    top, _ = await person_at(rig, customer_group=[1])
    leaf, _ = await person_at(rig, customer_group=[3])
    aside, _ = await person_at(rig, customer_group=[4])
    north, south = (
        await make(api, has("customer_group", 1)),
        await make(api, has("customer_group", 4)),
    )
    assert await members_of(api, north) == {top, leaf}
    assert await members_of(api, south) == {aside}
    await rig.hear(value_saved("customer_group", 2, 2, parent=4))
    assert await members_of(api, north) == {top}
    assert await members_of(api, south) == {aside, leaf}
    counts = (await api.get(f"/v1/segments/{south}/counts")).json()["email"]
    assert counts["members"] == 2


@pytest.mark.requirement("LS-13")
async def test_a_tracking_object_is_all_its_values(rig: Rig, api: httpx.AsyncClient) -> None:
    await rig.hear(
        value_saved("tracking_object", 1),
        value_saved("tracking_object", 2),
        value_saved("tracking_value", 1, parent=2),
        value_saved("tracking_value", 2, parent=1),
    )
    one, _ = await person_at(rig, tracking_value=[1])
    await person_at(rig, tracking_value=[2])
    assert await members(api, has("tracking_object", 2)) == {one}
    assert await members(api, has("tracking_value", 1)) == {one}


@pytest.mark.requirement("VF-20", "VF-23")
async def test_a_status_group_is_the_statuses_that_it_bundles_now(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.hear(
        *(value_saved("customer_status", number) for number in (1, 2, 3)),
        value_saved("status_group", 1, members=[1, 2]),
        value_saved("status_group", 2, members=[2]),
    )
    people = [(await person_at(rig, customer_status=[number]))[0] for number in (1, 2, 3)]
    segment = await make(api, has("status_group", 1))
    assert await members_of(api, segment) == set(people[:2])
    await rig.hear(value_saved("status_group", 1, 2, members=[2, 3]))
    assert await members_of(api, segment) == set(people[1:])
    assert await members(api, has("status_group", 1, 2)) == set(people[1:])


@pytest.mark.requirement("VF-14", "VF-A4")
async def test_ended_customers_are_members_unless_the_rule_says_otherwise(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.hear(
        value_saved("customer_status", 1, flags={"ended": False}),
        value_saved("customer_status", 4, flags={"ended": True}),
        value_saved("customer_type", 1),
    )
    live, _ = await person_at(rig, customer_status=[1], customer_type=[1])
    gone, customer_id = await person_at(rig, customer_status=[4], customer_type=[1])
    ended: dict[str, Any] = {"op": "customer_ended"}
    assert await members(api, EVERYBODY) == {live, gone}
    assert await members(api, has("customer_type", 1)) == {live, gone}
    assert await members(api, has("customer_status", 4)) == {gone}
    assert await members(api, ended) == {gone}
    assert await members(api, {"op": "not", "rule": ended}) == {live}
    late = {**ended, "from_day": "2026-02-01"}
    assert await members(api, late) == set(), "the day is not known"
    await rig.hear(customer_saved(customer_id, 2, ended_on=date(2026, 2, 1), customer_status=[4]))
    assert await members(api, late) == {gone}
    assert await members(api, {**ended, "before_day": "2026-02-01"}) == set()
    await rig.hear(value_saved("customer_status", 1, 2, flags={"ended": True}))
    assert await members(api, ended) == {live, gone}, "the flag decides, not the day"
    bad = {**ended, "from_day": "2026-02-01", "before_day": "2026-01-01"}
    assert (await api.post("/v1/segments", json={"name": "Bad", "rule": bad})).status_code == 422


@pytest.mark.requirement("TS-05", "LS-21", "LS-28")
async def test_contacts_hold_categories_and_attributes_themselves(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.hear(
        value_saved("category", 3),
        value_saved("contact_group", 1),
        value_saved("contact_attribute", 7, parent=1),
    )
    at_marked, _ = await person_at(rig, category=[3])
    marked = str(await rig.contact(held={"category": [3]}))
    sauna = str(await rig.contact(attributes=(7,)))
    assert await members(api, has("category", 3, who="contact")) == {marked}
    assert await members(api, has("category", 3)) == {at_marked}
    assert await members(api, has("contact_attribute", 7, who="contact")) == {sauna}
    assert await members(api, has("contact_group", 1, who="contact")) == {sauna}


async def test_each_node_is_met_by_any_customer_of_the_contact(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.hear(value_saved("customer_type", 1), value_saved("industry", 1))
    _, one = await person_at(rig, customer_type=[1])
    _, other = await person_at(rig, industry=[1])
    both = str(await rig.contact(at=(one, other)))
    rule = {"op": "all", "rules": [has("customer_type", 1), has("industry", 1)]}
    assert await members(api, rule) == {both}


async def test_a_rule_that_names_what_is_not_known_is_refused_with_its_place(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.hear(
        value_saved("customer_type", 1),
        value_saved("customer_type", 2, removed=True),
        value_saved("category", 1),
        value_saved("contact_attribute", 1),
        value_saved("customer_type", 3, archived=True),
    )

    async def refused(rule: dict[str, Any]) -> list[str]:
        answer = await api.post("/v1/segments", json={"name": "Bad", "rule": rule})
        assert (answer.status_code, answer.json()["slug"]) == (422, "unknown_values"), answer.text
        errors = answer.json()["errors"]
        assert all(one["reason"] and one["remedy"] for one in errors)
        return [one["field"] for one in errors]

    nested = {"op": "all", "rules": [EVERYBODY, {"op": "not", "rule": has("customer_type", 1, 9)}]}
    assert await refused(nested) == ["rule.rules.1.rule.numbers.1"]
    assert await refused(has("customer_type", 2)) == ["rule.numbers.0"]
    assert await refused(has("no_such_list", 1)) == ["rule.list"]
    assert await refused(has("contact_attribute", 1)) == ["rule.list"]
    assert await refused(has("customer_type", 1, who="contact")) == ["rule.list"]
    for shape in ({"numbers": []}, {"numbers": [1] * 201}, {"list": "x'y"}, {"numbers": [-1]}):
        bad = {**has("customer_type", 1), **shape}
        answer = await api.post("/v1/segments", json={"name": "Bad", "rule": bad})
        assert answer.status_code == 422, answer.text
    assert await members(api, has("customer_type", 3)) == set(), "archived values may be held"


async def test_a_value_that_goes_later_matches_nobody_and_is_told(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.hear(value_saved("customer_type", 1), value_saved("customer_type", 2))
    await rig.hear(value_saved("status_group", 1, members=[1]))
    person, customer_id = await person_at(rig, customer_type=[2], customer_status=[1])
    types = await make(api, has("customer_type", 1, 2))
    group = await make(api, has("status_group", 1))
    assert (await api.get(f"/v1/segments/{types}")).json()["unknown_values"] == []
    # As customers tells a merge of 2 into 5: the holders, then the value.
    await rig.hear(
        value_saved("customer_type", 5),
        customer_saved(customer_id, 2, customer_type=[5], customer_status=[1]),
        value_saved("customer_type", 2, 2, removed=True),
        value_saved("status_group", 1, 2, members=[1], removed=True),
    )
    told = [
        {"at": "rule.numbers.1", "list": "customer_type", "number": 2, "why": "removed"},
    ]
    shown = await api.get(f"/v1/segments/{types}")
    assert shown.json()["unknown_values"] == told
    assert await members_of(api, types) == await members_of(api, group) == set()
    for answer in (
        (await api.get(f"/v1/segments/{types}/members")).json(),
        (await api.get(f"/v1/segments/{types}/counts")).json()["sms"],
        (await api.get(f"/v1/segments/{types}/call-list?purpose=service")).json(),
        (await api.get("/v1/segments")).json()["items"][0],
    ):
        assert answer["unknown_values"] == told
    same = {"name": "Same", "rule": shown.json()["rule"]}
    url, match = f"/v1/segments/{types}", {"If-Match": '"1"'}
    assert (await api.put(url, json=same, headers=match)).status_code == 422
    heir = {"name": "Heir", "rule": has("customer_type", 5)}
    assert (await api.put(url, json=heir, headers=match)).json()["unknown_values"] == []
    assert await members_of(api, types) == {person}


async def test_rows_from_before_wait_for_their_classifications_and_close_what_asks(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    """`not` a competitor would let in every competitor whose status was never told."""
    await rig.hear(value_saved("customer_status", 3))
    rival, customer_id = await person_at(rig, customer_status=[3])
    told = customer_saved(customer_id, customer_status=[3])
    friends = await make(api, {"op": "not", "rule": has("customer_status", 3)})
    marked = await make(api, {"op": "any", "rules": [has("customer_status", 3)]})
    # As an older program, which knows neither column, leaves a customer and a contact.
    await rig.change("UPDATE customer SET version = 2, held = '{}'")
    for what in (
        "members",
        "counts",
        "call-list?purpose=service",
        "recipients?channel=post&purpose=service",
    ):
        answer = await api.get(f"/v1/segments/{friends}/{what}")
        assert answer.status_code == 503, what
        assert answer.json()["slug"] == "classifications_not_told"
        assert "republish" in answer.json()["remedy"]
    assert await members(api, EVERYBODY) == {rival}, "asks nothing of classifications"
    with capture_logs() as said:
        await warn_of_not_told(rig.service.units)
    assert [one["event"] for one in said] == ["classifications_not_told"]
    await rig.hear(told)
    assert (await api.get(f"/v1/segments/{friends}/members")).status_code == 503, "older"
    await rig.hear(told.model_copy(update={"version": 2}))
    with capture_logs() as said:
        await warn_of_not_told(rig.service.units)
    assert said == []
    assert await members_of(api, friends) == set()
    assert await members_of(api, marked) == {rival}
    await rig.hear(customer_saved(customer_id, 2))
    assert await members_of(api, marked) == {rival}, "of equals the first, once it was told"

    await rig.change("UPDATE contact SET version = 2, phone = NULL")
    assert await members_of(api, marked) == {rival}
    calls = f"/v1/segments/{marked}/call-list?purpose=service"
    assert (await api.get(calls)).status_code == 503
    await rig.hear(contact_saved(UUID(rival), 2, at=(customer_id,), phone="+35891234567"))
    assert [one["phone"] for one in (await api.get(calls)).json()["items"]] == ["+35891234567"]


async def members_of(api: httpx.AsyncClient, segment: str) -> set[str]:
    answer = await api.get(f"/v1/segments/{segment}/members")
    assert answer.status_code == 200, answer.text
    return {item["contact_id"] for item in answer.json()["items"]}
