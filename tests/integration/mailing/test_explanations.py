"""Why somebody is in a segment or why not, as the evaluator sees it, and what would change it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.contracts.customers import ContactDeleted
from tests.integration.mailing.rig import (
    Rig,
    bans_changed,
    contact_saved,
    customer_saved,
    value_saved,
)
from tests.integration.mailing.test_projection_facts import activity, document
from tests.integration.mailing.test_segments import make

STATUS: dict[str, Any] = {"op": "customer_has", "list": "customer_status", "numbers": [1]}
SAUNA: dict[str, Any] = {"op": "has_attribute", "number": 7}


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
