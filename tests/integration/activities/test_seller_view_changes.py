"""The stream of changes of a seller's view: heard from every process, bounded, left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from shared.chassis import notices
from shared.chassis.http.app import create_app
from shared.chassis.service import Service
from shared.chassis.testing.waiting import eventually
from tests.integration.activities.conftest import KEY
from tests.integration.activities.scattered import scattered
from tests.integration.activities.world import World
from tests.integration.streams import WITHIN, Stream, elsewhere, streaming

EVENT = 'event: changed\ndata: {"seller":"seller.0"}\n\n'


@pytest.fixture
async def app(activities: Service) -> AsyncIterator[FastAPI]:
    """The application of the service, which listens."""
    listening = [
        asyncio.create_task(loop()) for name, loop in activities.loops if name == "notices"
    ]
    yield create_app([activities], api_key=SecretStr(KEY), title="activities", version="0")
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)


def watching(app: FastAPI, query: str = "seller=seller.0") -> AbstractAsyncContextManager[Stream]:
    return streaming(app, "/v1/seller-view/changes", query, key=KEY)


OF_THE_FIRST = "UPDATE activity SET state = 'done', subject = 'Other' WHERE seller = 'seller.0'"
OF_THE_SECOND = "UPDATE activity SET state = 'done', subject = 'Other' WHERE seller = 'seller.1'"


@pytest.mark.requirement("LE-21")
async def test_a_change_in_another_process_is_told_to_who_watches_that_seller(
    app: FastAPI, activities: Service, world: World
) -> None:
    await scattered(activities, world, count=20, sellers=2)
    async with watching(app) as stream, watching(app, "seller=seller.1") as other:
        for one in (stream, other):
            start = await one.next()
            assert start["status"] == 200
            assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
            await one.text()
        await elsewhere(activities, OF_THE_FIRST)
        assert await stream.text() == EVENT
        await elsewhere(activities, OF_THE_SECOND)
        assert "seller.1" in await other.text()
        await elsewhere(activities, "UPDATE list_value SET position = 9 WHERE list = 'seller_card'")
        assert await stream.text() == EVENT
        assert "seller.1" in await other.text()


async def test_after_a_lost_connection_who_watches_looks_again(
    app: FastAPI, activities: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "AGAIN_SECONDS", 0.01)
    await world.seller("seller.0")
    async with watching(app) as stream:
        await stream.next()
        assert await stream.text() == EVENT
        await elsewhere(
            activities,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'activities-notices' AND datname = current_database()",
        )
        assert await stream.text() == EVENT
        await elsewhere(activities, "UPDATE seller SET name = 'Anna'")
        assert await stream.text() == EVENT


async def test_a_stream_ends_by_itself_and_gives_signs_of_life(
    app: FastAPI, activities: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "ALIVE_SECONDS", 0.1)
    await world.seller("seller.0")
    async with watching(app, "seller=seller.0&seconds=1") as stream:
        await stream.next()
        assert await stream.text() == EVENT
        assert await stream.text() == ": alive\n\n"
        async with asyncio.timeout(WITHIN):
            await stream.task


async def test_watchers_are_bounded_and_who_leaves_makes_room(
    app: FastAPI, activities: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "MOST_WATCHERS", 1)
    await world.seller("seller.0")

    async def answered() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://suhde",
            headers={"Authorization": f"Bearer {KEY}"},
        ) as client:
            asked = {"seller": "seller.0", "seconds": 1}
            return await client.get("/v1/seller-view/changes", params=asked)

    async with watching(app) as stream:
        await stream.next()
        await stream.text()
        refused = await answered()
        assert (refused.status_code, refused.json()["slug"]) == (503, "too_many_listeners")
        stream.leave()
        await eventually(stream.task.done)
    assert (await answered()).status_code == 200


async def test_only_known_sellers_are_watched(app: FastAPI, world: World) -> None:
    async with watching(app, "seller=nobody") as stream:
        assert (await stream.next())["status"] == 404
