"""Why somebody is in a segment or why not, as the evaluator sees it, and what would change it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.chassis.testing.servers import Postgres
from shared.contracts.customers import ContactDeleted
from tests.integration.mailing.conftest import client_of
from tests.integration.mailing.rig import (
    Rig,
    bans_changed,
    contact_saved,
    customer_saved,
    open_rig,
    value_saved,
)
from tests.integration.mailing.test_projection_facts import activity, document
from tests.integration.mailing.test_segments import make

STATUS: dict[str, Any] = {"op": "customer_has", "list": "customer_status", "numbers": [1]}
SAUNA: dict[str, Any] = {"op": "has_attribute", "number": 7}


class Clock:
    """A clock that stands until it is moved on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def next(self) -> datetime:
        """Go on by an hour; return the moment that has passed."""
        passed, self.now = self.now, self.now + timedelta(hours=1)
        return passed


async def explained(
    api: httpx.AsyncClient, segment: str, contact: UUID, **asked: Any
) -> dict[str, Any]:
    answer = await api.get(f"/v1/segments/{segment}/explanations/{contact}", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def words(found: dict[str, Any]) -> list[str]:
    return [one["words"] for one in found["flip"]["changes"]]


async def test_a_tree_shows_each_answer_with_the_facts_and_who_told_them(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    firm, calls = uuid4(), [uuid4() for _ in range(2)]
    await rig.hear(
        value_saved("customer_status", 1),
        customer_saved(firm, number="12", name="Oy Ab", customer_status=[1]),
        *(activity(firm, activity_id=one) for one in calls),
    )
    person = await rig.contact(at=(firm,))
    called = {"op": "activities", "categories": [3], "at_least": 3}
    segment = await make(
        api, {"op": "all", "rules": [STATUS, {"op": "not", "rule": called}, SAUNA]}
    )
    found = await explained(api, segment, person)
    assert (found["member"], found["judged"], found["since"]) == (False, False, None)
    status, less, sauna = found["tree"]["rules"]
    assert [one["holds"] for one in (found["tree"], status, less, sauna)] == [
        False,
        True,
        True,
        False,
    ]
    (at,) = status["customers"]
    assert (at["number"], at["name"], at["holds"]) == ("12", "Oy Ab", True)
    ((told_by,),) = await rig.rows("SELECT told_by FROM customer")
    (fact,) = at["facts"]
    assert fact["told_at"] is not None
    assert {**fact, "told_at": None} == {
        "name": "held",
        "value": "customer_status/1",
        "title": "customer_status 1",
        "told_type": "customers.customer-saved.v1",
        "told_by": told_by,
        "told_at": None,
    }
    (at,) = less["rules"][0]["customers"]
    assert (at["holds"], at["count"]) == (False, 2)
    assert {one["value"]["activity_id"] for one in at["facts"]} == set(map(str, calls))
    assert sauna["found"]["facts"] == []
    assert words(found) == ["the contact gets contact_attribute/7"]
    assert found["reachability"]["reason"] == "no_address"


async def test_of_a_past_moment_the_rule_the_facts_the_lists_and_the_pin_of_then_count(
    postgres: Postgres,
) -> None:
    clock = Clock()
    async with open_rig(postgres, clock=clock) as rig, client_of(rig) as api:
        firm, person = uuid4(), uuid4()
        group = {"op": "customer_has", "list": "customer_group", "numbers": [1]}
        await rig.hear(
            value_saved("customer_group", 1),
            value_saved("customer_group", 2, parent=1),
            customer_saved(firm, number="7", name="Old", customer_group=[2]),
            contact_saved(person, at=(firm,), first_name="Old"),
        )
        segment = await make(api, group)
        url = f"/v1/segments/{segment}"
        first = clock.next()
        # The list, the customer, the contact, the rule and a pin change, each at a time of its own.
        await rig.hear(value_saved("customer_group", 2, 2))
        second = clock.next()
        assert (await api.put(f"{url}/pins/{person}", json={"inside": True})).status_code == 200
        third = clock.next()
        assert (await api.delete(f"{url}/pins/{person}")).status_code == 200
        fourth = clock.next()
        await rig.hear(
            customer_saved(firm, 2, number="7", name="New", customer_group=[1]),
            contact_saved(person, 2, at=(firm,), first_name="New"),
        )
        body = {"name": "Some", "rule": {"op": "not", "rule": group}}
        put = await api.put(url, json=body, headers={"If-Match": '"1"'})
        assert put.status_code == 200, put.text
        await rig.hear(ContactDeleted(contact_id=person, version=3))

        for at, member, cause, name in (
            (first, True, "rule", "Old"),
            (second, False, "event", "Old"),
            (third, True, "pin", "Old"),
            (fourth, False, "pin", "Old"),
        ):
            found = await explained(api, segment, person, at=at.isoformat())
            assert (found["member"], found["judged"]) == (member, member), at
            assert (found["since"]["cause"], found["first_name"]) == (cause, name)
            assert found["rule"]["version"] == 1
            assert found["reachability"] is None
            assert (found["pin"] is None) is (cause != "pin" or not member)
            (shown,) = found["tree"]["customers"]
            assert (shown["name"], shown["facts"][0]["value"]) == ("Old", "customer_group/2")
        found = await explained(api, segment, person)
        assert (found["deleted"], found["member"], found["flip"]["found"]) == (True, False, False)
        assert found["rule"]["version"] == 2

        listed = {}
        for at in (first, second, third, fourth):
            page = (await api.get(f"{url}/members", params={"at": at.isoformat()})).json()
            listed[at] = [one["contact_id"] for one in page["items"]]
        assert list(listed.values()) == [[str(person)], [], [str(person)], []]


async def test_moments_of_which_nothing_is_known_are_refused(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    person = await rig.contact()
    segment = await make(api, SAUNA)
    url = f"/v1/segments/{segment}/explanations"
    for at in ("2199-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"):
        answer = await api.get(f"{url}/{person}", params={"at": at})
        assert (answer.status_code, answer.json()["slug"]) == (422, "moment_not_known"), answer.text
    assert (await api.get(f"{url}/{uuid4()}")).json()["slug"] == "contact_not_found"
    nobody = await api.get(f"/v1/segments/{uuid4()}/explanations/{person}")
    assert nobody.json()["slug"] == "segment_not_found"


async def test_a_pin_goes_before_the_rule_and_is_named_when_nothing_else_can(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    person = await rig.contact(attributes=(7,))
    segment = await make(api, SAUNA)
    pin = f"/v1/segments/{segment}/pins/{person}"
    assert (await api.put(pin, json={"inside": False, "note": "Asked"})).status_code == 200
    found = await explained(api, segment, person)
    assert (found["tree"]["holds"], found["judged"], found["member"]) == (True, False, False)
    assert (found["pin"]["inside"], found["pin"]["note"]) == (False, "Asked")
    assert words(found) == ["the pin is removed"]

    # Nothing that could be told makes both true.
    status = {"op": "customer_field", "field": "city"}
    never = {"op": "same_customer", "rule": {"op": "all", "rules": [
        {**status, "is_one_of": ["Turku"]}, {**status, "is_one_of": ["Oulu"]},
    ]}}  # fmt: skip
    found = await explained(api, await make(api, never), person)
    assert words(found) == ["the contact is pinned in"]
    assert {one["path"] for one in found["flip"]["wanted"]} == {
        "rule.rule.rules.0",
        "rule.rule.rules.1",
    }


async def test_what_passing_time_will_change_is_named_with_its_day(postgres: Postgres) -> None:
    clock = Clock()
    async with open_rig(postgres, clock=clock) as rig, client_of(rig) as api:
        firm = uuid4()
        await rig.hear(customer_saved(firm), activity(firm, starts_at=clock.now))
        person = await rig.contact(at=(firm,))
        segment = await make(api, {"op": "activities", "last_days": 10})
        day = clock.now.date() + timedelta(10)
        found = await explained(api, segment, person)
        assert (found["member"], found["changes_on"]) == (True, day.isoformat())
        (at,) = found["tree"]["customers"]
        assert at["changes_on"] == day.isoformat()
        clock.now += timedelta(10)
        await rig.settle()
        found = await explained(api, segment, person)
        assert (found["member"], found["since"]["cause"]) == (False, "day")
        assert words(found) == [f"1 more activity with customer 1 Oy, dated {clock.now.date()}"]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (STATUS, ['customer 12 Oy gets customer_status/1 "customer_status 1" instead of '
                  'customer_status/2 "customer_status 2"']),
        ({"op": "not", "rule": {**STATUS, "numbers": [2]}},
         ['customer 12 Oy gets customer_status/1 "customer_status 1" instead of '
          'customer_status/2 "customer_status 2"']),
        ({"op": "turnover", "currency": "EUR", "at_least": "25"},
         ["one more invoice of 15.0000 EUR to customer 12 Oy, dated 2026-06-01"]),
        ({"op": "turnover", "currency": "EUR", "below": "4"},
         ["one more credit note of 6.0100 EUR to customer 12 Oy, dated 2026-06-01"]),
        ({"op": "documents", "at_least": 3},
         ["2 more invoices with customer 12 Oy, dated 2026-06-01"]),
        ({"op": "not", "rule": {"op": "documents"}},
         ["1 invoice with customer 12 Oy fewer: 1"]),
        ({"op": "all", "rules": [{"op": "contact_field", "field": "city", "is_set": True},
                                 {"op": "contact_field", "field": "city", "starts_with": "Tu"}]},
         ['the contact: city "Tu"']),
        ({"op": "same_customer", "rule": {"op": "not", "rule": {"op": "documents"}}},
         ["1 invoice with customer 12 Oy fewer: 1"]),
    ],
)  # fmt: skip
async def test_the_smallest_change_is_named(
    postgres: Postgres, rule: dict[str, Any], wanted: list[str]
) -> None:
    async with open_rig(postgres, clock=Clock()) as rig, client_of(rig) as api:
        firm = uuid4()
        await rig.hear(
            value_saved("customer_status", 1),
            value_saved("customer_status", 2),
            customer_saved(firm, number="12", customer_status=[2]),
            document(firm),
        )
        person = await rig.contact(at=(firm,))
        found = await explained(api, await make(api, rule), person)
        assert (found["judged"], words(found)) == (False, wanted)


async def test_who_is_at_no_customer_may_come_to_one(rig: Rig, api: httpx.AsyncClient) -> None:
    await rig.hear(value_saved("customer_status", 1))
    person = await rig.contact()
    other = {"op": "same_customer", "rule": {"op": "not", "rule": STATUS}}
    found = await explained(api, await make(api, other), person)
    assert words(found) == ["the contact comes to another customer"]
    found = await explained(api, await make(api, STATUS), person)
    assert words(found) == [
        "the contact comes to another customer",
        'another customer gets customer_status/1 "customer_status 1"',
    ]


async def test_the_gate_is_told_beside_and_a_ban_is_never_lifted(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    person = await rig.contact(email="aino@example.fi", attributes=(7,))
    segment = await make(api, SAUNA)
    found = await explained(api, segment, person)
    assert (found["member"], found["reachability"]["reachable"]) == (True, True)
    await rig.hear(bans_changed(1, contact=person))
    await rig.refresh(1)
    found = await explained(api, segment, person)
    assert (found["member"], found["reachability"]["reason"]) == (True, "banned")
    assert found["reachability"]["bans"][0]["by"] == [f"contact:{person}"]
    assert words(found) == ["the contact loses contact_attribute/7"]
