"""A customer that is picked for a project against a rule: recorded as that, never dropped."""

from datetime import datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.customers.domain.projects import ProjectState
from services.customers.handlers.republish import republish
from services.customers.persistence.documents import resolve_customers
from services.customers.persistence.projects import ProjectMeanwhile, insert_projects
from shared.chassis.clock import system_clock
from shared.chassis.database import is_transient
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import delete, made, url
from tests.integration.customers.erp import customer, parked, project, send, told, work_off
from tests.integration.customers.importing import customer_by, mapped, ran
from tests.integration.customers.test_history import changes, history
from tests.integration.customers.test_lists import classify, put_value
from tests.integration.customers.test_merges import erp_customer, merged
from tests.integration.customers.test_undo import undo

RECORDED = "customers.project-recorded.v1"
LIVE, POTENTIAL = {"customer_status": [1]}, {"customer_status": [2]}


async def violations(api: httpx.AsyncClient, **asked: Any) -> list[dict[str, Any]]:
    answer = await api.get("/v1/rule-violations", params=asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def refs(api: httpx.AsyncClient, **asked: Any) -> list[str]:
    return [one["project"]["ref"] for one in await violations(api, **asked)]


async def projects(customers: Service) -> dict[str, tuple[int, str, str]]:
    """Return version, name and customer's reference of every project."""
    async with customers.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT project_ref, version, name, ref FROM erp_project "
                "JOIN customer_reference USING (source, customer_id)"
            )
        )
        return {row.project_ref: (row.version, row.name, row.ref) for row in rows}


async def newest_told(customers: Service) -> dict[str, dict[str, Any]]:
    """Return the newest word on each project, and check that a later word is a newer one."""
    newest: dict[str, dict[str, Any]] = {}
    for event in await told(customers, RECORDED):
        ref = event["project_ref"]
        assert ref not in newest or event["version"] > newest[ref]["version"]
        newest[ref] = event
    return newest


async def firm(
    customers: Service, api: httpx.AsyncClient, ref: str, classifications: dict[str, list[int]]
) -> dict[str, Any]:
    found = await erp_customer(customers, api, ref)
    assert (await classify(api, found, classifications=classifications)).status_code == 200
    return found


@pytest.mark.requirement("VF-11", "VF-12", "VF-A6")
async def test_a_project_against_the_rule_is_recorded_with_the_rule_that_it_breaks(
    customers: Service, api: httpx.AsyncClient
) -> None:
    one = await firm(customers, api, "A", POTENTIAL)
    sent = project("P", "A", version=1, time="2026-03-02T09:15:00Z")

    answer = await api.post("/v1/erp/events", json=sent)
    await work_off(customers)

    assert answer.json()["results"][0]["status"] == "accepted"
    assert await projects(customers) == {"P": (1, "Project P", "A")}
    assert await parked(customers) == {}
    (shown,) = await violations(api)
    recorded_at = shown.pop("recorded_at")
    status = {"number": 2, "title": "Potential customer"}
    assert shown == {
        "customer_id": one["customer_id"],
        "purpose": "project",
        "rule": "selectable_in_project",
        "status": status,
        "project": {"source": "/erp/test", "ref": "P", "name": "Project P", "active": True},
        "event_id": sent["id"],
        "said_at": "2026-03-02T09:15:00Z",
    }
    (event,) = await told(customers, "customers.rule-violated.v1")
    assert event == {
        "customer_id": one["customer_id"],
        "purpose": "project",
        "rule": "selectable_in_project",
        "status_number": 2,
        "status_title": "Potential customer",
        "project_source": "/erp/test",
        "project_ref": "P",
        "said_at": "2026-03-02T09:15:00Z",
    }
    entry = (await history(api, url(one)))[0]
    assert (entry["what"], entry["actor"]) == ("rule_violated", "/erp/test")
    assert entry["at"] == recorded_at
    fact = {
        "purpose": "project",
        "rule": "selectable_in_project",
        "status": status,
        "project": {"source": "/erp/test", "ref": "P"},
    }
    assert changes(entry) == {"rule_violated": (None, fact)}
    assert (await api.get(url(one))).json()["version"] == one["version"] + 1, (
        "nothing of it changed"
    )


@pytest.mark.requirement("VF-11", "VF-A5")
async def test_flags_and_statuses_bind_new_picks_only(
    customers: Service, api: httpx.AsyncClient
) -> None:
    allowing = {"title": "Trial", "selectable_in_project": True}
    trial = (await made(api, "/v1/customer-statuses", **allowing))["number"]
    one = await firm(customers, api, "A", {"customer_status": [trial]})
    await send(customers, [project("1", "A", version=1)])

    changed = await put_value(api, "customer-statuses", trial, title="Trial")
    assert changed.status_code == 200, changed.text
    await send(customers, [project("1", "A", version=2, name="Renamed", active=False)])

    assert await projects(customers) == {"1": (2, "Renamed", "A")}
    assert await violations(api) == []

    await send(customers, [project("2", "A", version=1)])
    await put_value(api, "customer-statuses", trial, **{**allowing, "title": "Buyer"})
    await classify(api, one, classifications=POTENTIAL)

    (found,) = await violations(api)
    assert (found["project"]["ref"], found["status"]) == ("2", {"number": trial, "title": "Trial"})


@pytest.mark.requirement("VF-11", "VF-A6")
async def test_a_project_that_comes_to_another_customer_is_a_new_pick(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await firm(customers, api, "A", LIVE)
    ended = await firm(customers, api, "B", POTENTIAL)
    await send(customers, [project("P", "A", version=1)])
    assert await violations(api) == []

    await send(customers, [project("P", "B", version=2)])

    (found,) = await violations(api)
    assert found["customer_id"] == ended["customer_id"]

    # In one batch and yet each by itself: away and back again is two picks, of which one is bad.
    await send(customers, [project("P", "A", version=3), project("P", "B", version=4)])
    assert await projects(customers) == {"P": (4, "Project P", "B")}
    assert await refs(api) == ["P", "P"]
    await send(customers, [project("P", "A", version=5)])
    assert await refs(api) == ["P", "P"], "what was violated stays recorded"


@pytest.mark.requirement("VF-A5", "VF-A6")
async def test_every_recorded_state_is_told_with_the_rule_that_its_pick_broke(
    customers: Service, api: httpx.AsyncClient
) -> None:
    bad = await firm(customers, api, "A", POTENTIAL)
    good = await firm(customers, api, "B", LIVE)
    first = project("P", "A", version=1, time="2026-03-02T09:15:00Z")
    await send(customers, [first, project("Q", "B", time="2026-03-03T09:15:00Z", active=False)])

    events = {event["project_ref"]: event for event in await told(customers, RECORDED)}
    assert all(event.pop("version") >= 1 for event in events.values())
    assert events == {
        "P": {
            "customer_id": bad["customer_id"],
            "project_source": "/erp/test",
            "project_ref": "P",
            "project_version": 1,
            "said_at": "2026-03-02T09:15:00Z",
            "name": "Project P",
            "active": True,
            "violated_rule": "selectable_in_project",
        },
        "Q": {
            "customer_id": good["customer_id"],
            "project_source": "/erp/test",
            "project_ref": "Q",
            "project_version": None,
            "said_at": "2026-03-03T09:15:00Z",
            "name": "Project Q",
            "active": False,
            "violated_rule": None,
        },
    }

    async def now() -> tuple[int, str, int, str | None]:
        count = len(await told(customers, RECORDED))
        newest = (await newest_told(customers))["P"]
        rule = newest["violated_rule"]
        return count, newest["customer_id"], newest["project_version"], rule

    # A renamed project is no new pick, whatever became of the status meanwhile.
    await classify(api, bad, classifications=LIVE)
    await send(customers, [project("P", "A", version=2, name="Renamed")])
    assert await now() == (3, bad["customer_id"], 2, "selectable_in_project")

    await send(customers, [first, project("P", "A", version=2, name="Renamed")])
    assert (await now())[0] == 3, "the older and the repeated are told to nobody"

    await send(customers, [project("P", "B", version=3), project("P", "B", version=4)])
    assert await now() == (4, good["customer_id"], 4, None)
    await send(customers, [project("P", "A", version=5)])
    assert await now() == (5, bad["customer_id"], 5, None), "picked again, and rightly now"


@pytest.mark.requirement("VF-A6")
@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
async def test_a_republish_tells_every_project_as_it_was_recorded(
    customers: Service, api: httpx.AsyncClient, chunk: int
) -> None:
    loser = await firm(customers, api, "L", POTENTIAL)
    into = await firm(customers, api, "S", LIVE)
    await send(
        customers,
        [project("1", "L", version=7), project("2", "S"), project("3", "S", active=False)],
    )
    await send(customers, [project("1", "L", version=8, name="Renamed")])
    before = await newest_told(customers)
    operation = (await merged(api, into, loser))["operation_id"]
    seen: list[tuple[int, int]] = []

    await republish(customers.units, lambda *of: seen.append(of), chunk=chunk)

    after = await newest_told(customers)
    assert [after[ref]["version"] > before[ref]["version"] for ref in "123"] == [True] * 3
    unversioned = [
        {ref: {**event, "version": 0} for ref, event in found.items()} for found in (before, after)
    ]
    assert unversioned[0] == unversioned[1]
    assert after["1"]["violated_rule"] == "selectable_in_project"
    assert after["1"]["customer_id"] == loser["customer_id"], "listeners follow the merge"
    assert seen[-1] == (5, 5), "two customers and three projects"

    # The survivor's project now; undoing the merge needs no word about the others.
    await send(customers, [project("1", "L", version=9)])
    assert (await newest_told(customers))["1"]["customer_id"] == into["customer_id"]
    await undo(api, operation)
    await republish(customers.units, lambda *_: None, chunk=chunk)
    again = await newest_told(customers)
    assert [again[ref]["customer_id"] for ref in "123"] == [into["customer_id"]] * 3


@pytest.mark.requirement("VF-A6")
async def test_the_customer_is_found_as_for_documents_or_waited_for(
    customers: Service, api: httpx.AsyncClient
) -> None:
    gone = await firm(customers, api, "A", POTENTIAL)
    await delete(api, gone)
    numbered = await made(api, "/v1/customers", name="N", classifications=POTENTIAL)
    await send(
        customers,
        [
            project("deleted", "A"),
            project("number", {"customer_number": numbered["number"]}),
            project("business id", {"business_id": "02017244"}),
            project("unknown", "U"),
        ],
    )
    assert await refs(api) == ["number", "deleted"]
    assert await parked(customers) == {}

    await made(api, "/v1/customers", name="I", business_id="0201724-4", classifications=POTENTIAL)
    await send(customers, [customer("U")])

    assert await refs(api) == ["business id", "number", "deleted"]
    assert (await projects(customers))["unknown"] == (0, "Project unknown", "U")


async def test_the_older_and_the_repeated_change_nothing(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await firm(customers, api, "A", LIVE)
    await firm(customers, api, "B", POTENTIAL)
    early, late = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"
    await send(
        customers,
        [project("V", "A", version=2, time=early), project("T", "A", time=late)],
    )

    await send(
        customers,
        [
            project("V", "B", version=1, time=late),
            project("V", "A", version=2, time=late),
            project("T", "B", time=early),
            project("T", "A", time=late),
        ],
    )

    assert await projects(customers) == {"V": (2, "Project V", "A"), "T": (0, "Project T", "A")}
    async with customers.engine.connect() as connection:
        said = "SELECT said_at FROM erp_project WHERE project_ref = 'V'"
        said_at = (await connection.execute(text(said))).scalar_one()
    assert said_at == datetime.fromisoformat(early)
    assert await violations(api) == []
    assert await parked(customers) == {}

    await send(customers, [project("V", "B", version=2, time=late)])

    assert list(await parked(customers)) == ["project_version_reused"]
    assert (await projects(customers))["V"] == (2, "Project V", "A")


STORY = [
    project("V", "A", version=1, time="2026-01-04T00:00:00Z"),
    project("V", "B", version=2, time="2026-01-03T00:00:00Z"),
    project("V", "A", version=3, time="2026-01-02T00:00:00Z"),
    project("V", "A", version=4, time="2026-01-01T00:00:00Z", name="Last"),
    project("T", "A", time="2026-01-01T00:00:00Z"),
    project("T", "B", time="2026-01-02T00:00:00Z"),
    project("T", "A", time="2026-01-03T00:00:00Z", name="Last"),
]
AGAIN = [{**one, "id": f"again {one['id']}"} for one in STORY]


def expected(order: list[dict[str, Any]]) -> list[str]:
    """Return the events that pick A, to whom no project may go, as they come in this order."""
    at: dict[str, tuple[int, str, str]] = {}
    found = []
    for one in order:
        data = one["data"]
        ref, version = data["project_ref"], data.get("version", 0)
        now = (version, "" if version else one["time"], data["customer"]["erp_ref"])
        before = at.get(ref, (-1, "", ""))
        if now[:2] > before[:2]:
            at[ref] = now
            if now[2] != before[2] and now[2] == "A":
                found.append(one["id"])
    return found


@pytest.mark.requirement("VF-A6")
@given(order=st.permutations(STORY + AGAIN), cut=st.integers(0, 2 * len(STORY)))
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_any_order_with_duplicates_ends_in_the_same_projects_and_judges_each_pick_once(
    customers: Service, api: httpx.AsyncClient, order: list[dict[str, Any]], cut: int
) -> None:
    async with customers.engine.begin() as connection:
        await connection.execute(
            text("TRUNCATE inbox, outbox, history, customer RESTART IDENTITY CASCADE")
        )
    await firm(customers, api, "A", POTENTIAL)
    await firm(customers, api, "B", LIVE)

    await send(customers, order[:cut])
    await send(customers, order[cut:])

    assert await projects(customers) == {"V": (4, "Last", "A"), "T": (0, "Last", "A")}
    assert [one["event_id"] for one in reversed(await violations(api))] == expected(order)
    assert len(await told(customers, "customers.rule-violated.v1")) == len(expected(order))
    newest = await newest_told(customers)
    assert {ref: (one["project_version"], one["name"]) for ref, one in newest.items()} == {
        "V": (4, "Last"),
        "T": (None, "Last"),
    }
    assert await parked(customers) == {}


@pytest.mark.requirement("VF-A5", "VF-A6")
async def test_a_merge_is_no_new_pick_and_the_survivor_inherits_the_violations(
    customers: Service, api: httpx.AsyncClient
) -> None:
    loser = await firm(customers, api, "L", POTENTIAL)
    into = await firm(customers, api, "S", POTENTIAL)
    other = await firm(customers, api, "O", POTENTIAL)
    await send(customers, [project("P", "L", version=1), project("Q", "O", version=1)])
    operation = (await merged(api, into, loser))["operation_id"]

    await send(
        customers,
        [
            project("P", "L", version=1),
            project("P", {"customer_number": loser["number"]}, version=2, name="Renamed"),
        ],
    )

    (found,) = await violations(api, customer_id=into["customer_id"])
    assert found["customer_id"] == into["customer_id"]
    assert (found["project"]["ref"], found["project"]["name"]) == ("P", "Renamed")
    assert await refs(api, customer_id=other["customer_id"]) == ["Q"]
    assert await refs(api) == ["Q", "P"]
    assert await parked(customers) == {}

    await undo(api, operation)

    assert await refs(api, customer_id=into["customer_id"]) == []
    (found,) = await violations(api, customer_id=loser["customer_id"])
    assert found["customer_id"] == loser["customer_id"]


async def test_an_imported_customer_with_a_project_stays_when_the_import_is_undone(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await run_import(api)
    picked, unused = [await customer_by(api, name) for name in ("picked", "unused")]
    await send(customers, [project("P", {"customer_number": picked["number"]})])

    (operation, *_) = (await api.get("/v1/operations")).json()["items"]
    undone = await undo(api, operation["operation_id"])

    assert (undone["deleted"], undone["changed_since"]) == (1, 1)
    assert (await api.get(url(picked))).status_code == 200
    assert (await api.get(url(unused))).status_code == 404


async def run_import(api: httpx.AsyncClient) -> None:
    mapping = {"ref": "customer.ref", "name": "customer.name"}
    where = await mapped(api, "ref,name\nK,Picked\nL,Unused\n", mapping)
    assert await ran(api, where) == {"created": 2}


async def test_violations_come_in_bounded_pages_the_newest_first(
    customers: Service, api: httpx.AsyncClient
) -> None:
    one = await firm(customers, api, "A", POTENTIAL)
    await firm(customers, api, "B", POTENTIAL)
    await send(customers, [project(str(n), "AB"[n % 2]) for n in range(6)])

    async def walk(**asked: Any) -> list[str]:
        seen: list[str] = []
        while True:
            answer = (await api.get("/v1/rule-violations", params={"limit": 2, **asked})).json()
            assert len(answer["items"]) <= 2
            seen += [item["project"]["ref"] for item in answer["items"]]
            if answer["next"] is None:
                return seen
            asked["cursor"] = answer["next"]

    assert await walk() == ["5", "4", "3", "2", "1", "0"]
    assert await walk(customer_id=one["customer_id"]) == ["4", "2", "0"]
    foreign = await api.get("/v1/rule-violations", params={"cursor": "WyJhIl0"})
    assert (foreign.status_code, foreign.json()["slug"]) == (422, "bad_cursor")


async def test_a_worker_that_was_overtaken_does_its_batch_again(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await firm(customers, api, "A", LIVE)
    await send(customers, [project("P", "A", version=1)])
    named = ("erp_ref", "/erp/test", "A")

    async with customers.engine.begin() as connection:
        customer_id = (await resolve_customers(connection, [named]))[named]
        assert customer_id is not None
        late = ProjectState("/erp/test", "P", 2, system_clock(), customer_id, "Late", True)
        with pytest.raises(ProjectMeanwhile) as raised:
            await insert_projects(connection, [late])

    assert is_transient(raised.value)
    assert await projects(customers) == {"P": (1, "Project P", "A")}
