"""What a service gets that has lists: shown by one that was made up, and knows no other."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.chassis.testing.servers import Postgres
from shared.lists.delete import delete_value
from shared.lists.events import ListValueRemoved, ListValueSaved
from shared.lists.install import fill_empty_lists
from shared.lists.save import SaveListValue, change_value, create_value, held_value
from shared.lists.seeds import read_profiles
from shared.lists.store import hold_list
from tests.integration.lists.things import DEFINITIONS, SEEDS, Things, things_on
from tests.integration.locks import waits


@pytest.fixture
async def things(postgres: Postgres) -> AsyncIterator[Things]:
    async with things_on(postgres) as service:
        yield service


async def test_the_overview_names_the_records_and_paths_of_the_service(things: Things) -> None:
    shown = {one["name"]: one for one in (await things.api.get("/v1/thing-lists")).json()}

    assert shown["thing_kind"] == {
        "name": "thing_kind",
        "path": "/v1/thing-kinds",
        "tree": False,
        "held_by_things": True,
        "own_tab": False,
        "version": 1,
    }
    assert not shown["thing_target"]["held_by_things"]
    unknown = await things.api.get("/v1/thing-lists/customer_status")
    assert (unknown.status_code, unknown.json()["slug"]) == (404, "list_not_found")
    assert unknown.json()["remedy"] == "List them: GET /v1/thing-lists."


async def test_values_are_kept_translated_ordered_counted_and_archived(things: Things) -> None:
    late = await things.add("thing-kinds", title="Late", order=5, titles={"fi": "Myöhä"})
    early = await things.add("thing-kinds", title="Early")
    await things.hold(await things.key("thing_kind", 1))

    listed = (await things.api.get("/v1/thing-kinds?language=fi")).json()
    assert [one["label"] for one in listed] == ["Early", "Myöhä"]
    usage = (await things.api.get("/v1/thing-kinds/usage")).json()
    assert usage == [{"number": 2, "things": 0}, {"number": 1, "things": 1}]
    assert (await things.put("thing-kinds", 2, title="Early", archived=True)).status_code == 200
    assert [one["number"] for one in (await things.api.get("/v1/thing-kinds")).json()] == [1]
    assert [(one.number, one.version) for one in things.told] == [(1, 1), (2, 1), (2, 2)]
    assert (late["number"], early["number"]) == (1, 2)


async def test_what_is_used_is_kept_moved_or_archived(things: Things) -> None:
    for title in ("A", "B", "C"):
        await things.add("thing-kinds", title=title)
    a, b, c = [await things.key("thing_kind", number) for number in (1, 2, 3)]
    live = await things.hold(a)
    await things.hold(c, deleted=True)

    refused = (await things.delete("thing-kinds", 1)).json()
    assert (refused["slug"], refused["held_by"], refused["count"]) == (
        "list_value_in_use",
        "thing",
        1,
    )
    assert refused["blockers"] == [str(live)]
    assert refused["detail"] == "'A' is held by 1 things."
    moved = await things.delete("thing-kinds", 1, move_to=2)
    assert moved.json() == {"archived": False, "moved_things": 1}
    assert (await things.held(live), things.lists.moved) == ([b], [live])
    archived = await things.delete("thing-kinds", 3)
    assert archived.json() == {"archived": True, "moved_things": 0}
    assert isinstance(things.told[-2], ListValueRemoved)


async def test_a_compulsory_list_has_exactly_one_default(things: Things) -> None:
    first = await things.add("thing-categories", title="A")
    await things.add("thing-categories", title="B", default=True)

    assert first["default"] is True
    assert (await things.fetch("thing-categories", 1))["default"] is False
    assert (await things.delete("thing-categories", 2)).json()["slug"] == "default_needed"


async def test_a_reference_is_shown_told_and_remembered_as_the_value_it_names(
    things: Things,
) -> None:
    await things.add("thing-targets", title="So that keys and numbers differ")
    await things.add("thing-kinds", title="Sales")
    await things.add("thing-kinds", title="Events")
    made = await things.add("thing-categories", title="Visit", kind=1)

    assert (made["kind"], made["other_kind"], made["size"]) == (1, None, "l")
    assert (await things.put("thing-categories", 1, title="Visit", kind=2, default=True)).json()[
        "kind"
    ] == 2
    saved = things.told[-1]
    assert isinstance(saved, ListValueSaved)
    assert saved.facts["kind"] == 2
    assert saved.flags == {"default": True, "allow_selection": False}
    assert saved.texts == {"kind": "2", "size": "l"}
    (entry, _) = (await things.api.get("/v1/thing-categories/1/history")).json()["items"]
    (change,) = entry["changes"]
    assert change["field"] == "facts"
    assert change["before"]["kind"] == {"list": "thing_kind", "number": 1, "title": "Sales"}
    assert change["after"]["kind"] == {"list": "thing_kind", "number": 2, "title": "Events"}


async def test_a_reference_names_a_live_value_or_is_refused(things: Things) -> None:
    unknown = await things.api.post("/v1/thing-categories", json={"title": "X", "kind": 7})
    assert unknown.status_code == 422
    assert unknown.json()["detail"] == "kind: there is no thing_kind 7"
    assert unknown.json()["remedy"] == "Create it first: POST /v1/thing-kinds."

    await things.add("thing-kinds", title="Sales")
    await things.add("thing-categories", title="Visit", kind=1)
    await things.put("thing-kinds", 1, title="Sales", archived=True)
    stays = await things.put("thing-categories", 1, title="Visits", kind=1, default=True)
    assert stays.status_code == 200
    other = await things.api.post("/v1/thing-categories", json={"title": "Call", "kind": 1})
    assert "archived" in other.json()["detail"]


async def test_what_is_referred_to_is_kept_or_moves_with_its_references(things: Things) -> None:
    for title in ("A", "B"):
        await things.add("thing-kinds", title=title)
    await things.add("thing-categories", title="Visit", kind=1, other_kind=1)
    await things.add("thing-categories", title="Call", kind=2, other_kind=1)

    refused = (await things.delete("thing-kinds", 1)).json()
    assert (refused["slug"], refused["count"]) == ("list_value_in_use", 2)
    assert refused["blockers"] == ["Visit", "Call"]
    assert (await things.delete("thing-kinds", 1, move_to=2)).status_code == 200
    for number in (1, 2):
        shown = await things.fetch("thing-categories", number)
        assert (shown["kind"], shown["other_kind"], shown["version"]) == (2, 2, 2)
    # Nothing refers to what a category brings no more.
    await things.put("thing-categories", 1, title="Visit", default=True)
    await things.put("thing-categories", 2, title="Call")
    assert (await things.delete("thing-kinds", 2)).status_code == 200


async def test_who_refers_to_a_value_while_it_goes_is_refused(things: Things) -> None:
    await things.add("thing-kinds", title="A")
    async with things.units() as unit:
        await delete_value(things.lists, "thing_kind", 1, unit, expected=1)
        adding = asyncio.create_task(
            things.api.post("/v1/thing-categories", json={"title": "Visit", "kind": 1})
        )
        await waits(things)

    assert (await adding).json()["detail"] == "kind: there is no thing_kind 1"


async def test_who_deletes_a_value_while_it_is_referred_to_is_refused(things: Things) -> None:
    await things.add("thing-kinds", title="A")
    async with things.units() as unit:
        command = SaveListValue("Visit", facts={"kind": 1})
        await create_value(things.lists, "thing_category", command, unit)
        deleting = asyncio.create_task(things.delete("thing-kinds", 1))
        await waits(things)

    assert (await deleting).json()["blockers"] == ["Visit"]


async def test_a_merge_and_who_edits_values_that_refer_to_it_do_not_wait_for_each_other(
    things: Things,
) -> None:
    for title in ("A", "B"):
        await things.add("thing-kinds", title=title)
    await things.add("thing-categories", title="Visit", kind=1)
    await things.add("thing-categories", title="Call", kind=1)
    async with things.units() as unit:
        # An edit that is half done: it has its own value, and next takes the default from another.
        await hold_list(unit.connection, "thing_category")
        await held_value("thing_category", 2, unit)
        merging = asyncio.create_task(things.delete("thing-kinds", 1, move_to=2))
        await waits(things)
        command = SaveListValue("Call", facts={"kind": 1, "default": True})
        await change_value(things.lists, "thing_category", 2, command, unit, expected=1)

    assert (await merging).status_code == 200
    shown = [await things.fetch("thing-categories", number) for number in (1, 2)]
    assert [(one["kind"], one["default"]) for one in shown] == [(2, False), (2, True)]


async def test_a_service_refuses_facts_that_do_not_go_together(things: Things) -> None:
    wrong = await things.api.post("/v1/thing-categories", json={"title": "X", "size": "s"})

    assert (wrong.status_code, wrong.json()["detail"]) == (422, "kind: is needed")
    none = await things.api.post("/v1/thing-categories", json={"title": "X", "size": "m"})
    assert none.status_code == 422


async def test_a_tree_has_no_ring(things: Things) -> None:
    await things.add("thing-targets", title="All")
    await things.add("thing-targets", title="Some", parent=1)

    ring = await things.put("thing-targets", 1, title="All", parent=2)

    assert ring.json()["detail"] == "parent: a value cannot be below itself"


async def test_empty_lists_are_filled_once_with_their_references(things: Things) -> None:
    defaults = read_profiles(SEEDS, DEFINITIONS)["defaults"]
    for _ in range(2):
        async with things.units() as unit:
            await fill_empty_lists(things.lists, defaults, unit)

    visit, call = (await things.api.get("/v1/thing-categories?language=sv")).json()
    assert (visit["label"], visit["kind"], visit["size"], visit["default"]) == (
        "Besök",
        1,
        "s",
        True,
    )
    assert (call["label"], call["kind"]) == ("Samtal", None)
    await things.delete("thing-categories", 2)
    again = await things.api.post("/v1/thing-profiles/defaults/apply")
    assert (again.json()["added"], again.json()["installed_before"]) == (0, 3)
