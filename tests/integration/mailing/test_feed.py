"""Feeds of segments: resumed anywhere, they tell every move once and in order."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.mailing.api import feed
from shared.chassis import notices
from shared.chassis.http.app import create_app
from tests.integration.mailing.rig import KEY, Rig
from tests.integration.streams import WITHIN, Stream, elsewhere, streaming

RULE: dict[str, Any] = {"op": "has_attribute", "number": 7}


@pytest.fixture
async def app(rig: Rig) -> AsyncIterator[FastAPI]:
    """The application of the service, which listens."""
    listening = asyncio.create_task(dict(rig.service.loops)["notices"]())
    yield create_app([rig.service], api_key=SecretStr(KEY), title="mailing", version="0")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
async def segment(api: httpx.AsyncClient) -> str:
    answer = await api.post("/v1/segments", json={"name": "Sauna", "rule": RULE})
    return str(answer.json()["segment_id"])


def reading(
    app: FastAPI, segment: str, query: str = "", last: int | None = None
) -> AbstractAsyncContextManager[Stream]:
    headers = {} if last is None else {"last-event-id": str(last)}
    return streaming(app, f"/v1/segments/{segment}/feed", query, key=KEY, headers=headers)


async def events(stream: Stream, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Return the next so many events, each with its data, and check their ids."""
    found: list[tuple[str, dict[str, Any]]] = []
    while len(found) < count:
        said = await stream.next()
        for one in bytes(said.get("body", b"")).decode().split("\n\n"):
            told = dict(line.split(": ", 1) for line in one.splitlines())
            if "event" in told:
                data = json.loads(told["data"])
                assert told["event"] == "removed" or int(told["id"]) == data["position"]
                found.append((told["event"], data))
    assert len(found) == count
    return found


async def came_and_left(rig: Rig, count: int) -> list[tuple[str, bool]]:
    """Let contacts come, and every second one leave; return the moves."""
    moved = []
    for number in range(count):
        contact = await rig.contact(attributes=(7,))
        moved.append((str(contact), True))
        if number % 2:
            await rig.contact(contact_id=contact, version=2)
            moved.append((str(contact), False))
    return moved


def told(found: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, bool]]:
    assert {name for name, _ in found} <= {"moved"}
    return [(data["contact_id"], data["entered"]) for _, data in found]


async def test_a_new_reader_is_told_to_read_the_members_and_then_every_move(
    rig: Rig, app: FastAPI, segment: str
) -> None:
    await came_and_left(rig, 2)
    last = await rig.one("SELECT max(position) FROM member_change")
    async with reading(app, segment) as stream:
        start = await stream.next()
        assert start["status"] == 200
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        ((name, data),) = await events(stream, 1)
        assert (name, data["position"]) == ("replaced", last)
        moved = await came_and_left(rig, 3)
        assert told(await events(stream, len(moved))) == moved


@pytest.mark.parametrize("page", [1, 2, 500])
async def test_resumed_after_any_move_nothing_is_missing_and_nothing_comes_twice(
    rig: Rig,
    app: FastAPI,
    api: httpx.AsyncClient,
    segment: str,
    page: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "MAX_PAGE", page)
    moved = await came_and_left(rig, 4)
    # Moves of another segment lie between.
    other = await api.post("/v1/segments", json={"name": "All", "rule": {"op": "all", "rules": []}})
    assert other.status_code == 201
    moved += await came_and_left(rig, 2)
    async with reading(app, segment, "after=0") as stream:
        await stream.next()
        first = await events(stream, len(moved))
    assert told(first) == moved
    places = [data["position"] for _, data in first]
    assert places == sorted(set(places))
    for number, place in enumerate(places[:-1], 1):
        # What a browser sends goes before the address it connects to again.
        async with reading(app, segment, "after=0", last=place) as stream:
            await stream.next()
            assert told(await events(stream, len(moved) - number)) == moved[number:]


async def test_pages_are_the_same_as_the_feed(
    rig: Rig, api: httpx.AsyncClient, segment: str
) -> None:
    url = f"/v1/segments/{segment}/moves"
    start = (await api.get(url)).json()
    assert (start["items"], start["replaced"]) == ([], True)
    moved = await came_and_left(rig, 5)
    found: list[tuple[str, bool]] = []
    page = start
    while True:
        page = (await api.get(url, params={"after": page["position"], "limit": 2})).json()
        assert not page["replaced"]
        found += [(one["contact_id"], one["entered"]) for one in page["items"]]
        if not page["more"]:
            break
    assert found == moved
    ahead = (await api.get(url, params={"after": page["position"] + 1})).json()
    assert (ahead["replaced"], ahead["position"]) == (True, page["position"])
    assert (await api.get(f"/v1/segments/{uuid4()}/moves")).status_code == 404


async def test_who_is_too_far_behind_reads_the_members_instead(
    rig: Rig, app: FastAPI, segment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = await came_and_left(rig, 4)
    last = await rig.one("SELECT max(position) FROM member_change")
    for most, name in ((len(moved) - 1, "replaced"), (len(moved), "moved")):
        monkeypatch.setattr(feed, "MOST_BEHIND", most)
        async with reading(app, segment, "after=0") as stream:
            await stream.next()
            found = await events(stream, 1 if name == "replaced" else len(moved))
            assert found[0][0] == name
            assert found[-1][1]["position"] == last


async def test_what_another_process_commits_is_told_at_once(
    rig: Rig, app: FastAPI, segment: str
) -> None:
    contact = uuid4()
    async with reading(app, segment) as stream:
        await stream.next()
        await events(stream, 1)
        await elsewhere(
            rig.service,
            "WITH moved AS (INSERT INTO member_change (segment_id, contact_id, entered, at, cause) "  # noqa: S608
            f"VALUES ('{UUID(segment)}', '{contact}', true, now(), 'event')) "
            f"SELECT pg_notify('member_moves', '{UUID(segment)}')",
        )
        assert told(await events(stream, 1)) == [(str(contact), True)]


async def test_a_rule_that_takes_over_and_a_removed_segment_are_told(
    rig: Rig, app: FastAPI, api: httpx.AsyncClient, segment: str
) -> None:
    contact = str(await rig.contact(attributes=(8,)))
    url = f"/v1/segments/{segment}"
    async with reading(app, segment) as stream:
        await stream.next()
        await events(stream, 1)
        rule = {"op": "has_attribute", "number": 8}
        changed = await api.put(
            url, json={"name": "Other", "rule": rule}, headers={"If-Match": '"1"'}
        )
        assert changed.status_code == 200
        assert told(await events(stream, 1)) == [(contact, True)]
        gone = await api.delete(url, headers={"If-Match": '"2"'})
        assert gone.status_code == 200
        assert [name for name, _ in await events(stream, 1)] == ["removed"]
        async with asyncio.timeout(WITHIN):
            await stream.task


async def test_a_quiet_feed_gives_signs_of_life_and_ends_by_itself(
    app: FastAPI, segment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "ALIVE_SECONDS", 0.1)
    async with reading(app, segment, "seconds=1") as stream:
        await stream.next()
        await events(stream, 1)
        assert await stream.text() == ": alive\n\n"
        async with asyncio.timeout(WITHIN):
            await stream.task


async def test_readers_are_bounded(
    app: FastAPI, segment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "MOST_WATCHERS", 1)
    async with reading(app, segment) as stream:
        await stream.next()
        async with reading(app, segment) as refused:
            assert (await refused.next())["status"] == 503
    async with reading(app, str(uuid4())) as unknown:
        assert (await unknown.next())["status"] == 404
