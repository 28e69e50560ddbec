"""Calendar feeds: an address that is a secret, kept as a hash, revoked at once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from services.activities.api.calendar_feeds import MOST_A_MINUTE
from services.activities.domain.calendar import MOST_EVENTS
from services.activities.handlers.keep_calendar_feeds import MOST_FEEDS
from shared.chassis.service import Service
from tests.integration.activities.conftest import client_of
from tests.integration.activities.test_recording import recorded
from tests.integration.activities.world import World

FEEDS = "/v1/sellers/{seller}/calendar-feeds"


async def given(api: httpx.AsyncClient, seller: str = "anna.k") -> dict[str, Any]:
    """Give out a feed; return it with its address."""
    answer = await api.post(FEEDS.format(seller=seller), json={"title": "Phone"})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


@pytest.fixture
async def stranger(activities: Service, api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the same application without a key."""
    client = httpx.AsyncClient(transport=api._transport, base_url="http://suhde")
    return client


async def test_the_address_alone_shows_what_is_his(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, world: World
) -> None:
    anna, ville = await world.seller("anna.k"), await world.seller("ville.s")
    said: dict[str, Any] = {"customer_id": str(await world.customer("Kala; Oy")), "category": 4}
    now = datetime.now(UTC)
    mine = await recorded(api, **said, memo="Mine\nand a secret", seller=anna)
    await recorded(api, **said, memo="Together", seller=ville, participants=[anna])
    await recorded(api, **said, memo="Not mine", seller=ville)
    await recorded(
        api,
        **said,
        memo="Planned",
        seller=anna,
        state="open",
        starts_at=(now + timedelta(days=300)).isoformat(),
    )
    for days in (-31, 367):
        await recorded(
            api,
            **said,
            memo="Too far",
            seller=anna,
            state="open",
            starts_at=(now + timedelta(days=days)).isoformat(),
        )
    feed = await given(api)
    answer = await stranger.get(feed["address"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"].startswith("private")
    assert answer.text.count("BEGIN:VEVENT") == 3
    for told in (r"SUMMARY:Kala\; Oy: Mine", "Together", "Planned", "X-WR-CALNAME:Phone"):
        assert told in answer.text
    for untold in ("secret", "Not mine", "Too far"):
        assert untold not in answer.text

    etag = answer.headers["etag"]
    same = await stranger.get(feed["address"], headers={"If-None-Match": f'"x", W/{etag}'})
    assert (same.status_code, same.content) == (304, b"")
    deleted = await api.delete(f"/v1/activities/{mine['activity_id']}", headers={"If-Match": '"1"'})
    assert deleted.status_code == 200
    changed = await stranger.get(feed["address"], headers={"If-None-Match": etag})
    assert (changed.status_code, changed.text.count("BEGIN:VEVENT")) == (200, 2)


async def test_only_the_hash_of_the_secret_is_kept(
    activities: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.seller()
    address = FEEDS.format(seller="anna.k")
    answer = await api.post(address, json={}, headers={"Idempotency-Key": "once"})
    secret = answer.json()["address"].removeprefix("/calendar/").removesuffix(".ics")
    assert len(secret) == 43, "256 bits"
    async with activities.engine.connect() as connection:
        tables = await connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        for name in tables.scalars().all():
            for told in (secret, secret.encode().hex()):
                found = await connection.execute(
                    text(f'SELECT count(*) FROM "{name}" AS t WHERE t::text LIKE :told'),  # noqa: S608
                    {"told": f"%{told}%"},
                )
                assert found.scalar_one() == 0, name
    assert secret not in (await api.get(address)).text


async def test_a_revoked_feed_and_a_guess_lead_nowhere(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, world: World
) -> None:
    await world.seller()
    first, second = await given(api), await given(api)
    path = f"{FEEDS.format(seller='anna.k')}/{first['feed_id']}"
    assert (await stranger.delete(path)).status_code == 401
    assert (await api.delete(path)).json() == {"revoked": first["feed_id"]}
    gone = await stranger.get(first["address"])
    assert (gone.status_code, gone.json()["slug"]) == (404, "calendar_feed_not_found")
    assert first["address"].split("/")[-1][:20] not in gone.text
    assert (await stranger.get(second["address"])).status_code == 200
    assert (await api.delete(path)).status_code == 404
    for guess in ("x", "é" * 50, "%00", first["feed_id"]):
        assert (await stranger.get(f"/calendar/{guess}.ics")).status_code == 404
    for locked in (FEEDS.format(seller="anna.k"), "/v1/activities/1", "/calendar"):
        assert (await stranger.get(locked)).status_code in (401, 404)
    left = (await api.get(FEEDS.format(seller="anna.k"))).json()
    assert [one["feed_id"] for one in left] == [second["feed_id"]]


async def test_who_left_keeps_what_he_had(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, world: World
) -> None:
    await world.seller()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    await recorded(
        api,
        customer_id=str(await world.customer()),
        category=1,
        memo="Had",
        seller="anna.k",
        starts_at=yesterday.isoformat(),
    )
    feed = await given(api)
    await world.seller(left_on=date.today() - timedelta(days=1))
    assert (await stranger.get(feed["address"])).text.count("BEGIN:VEVENT") == 1


async def test_feeds_events_and_requests_are_bounded(
    activities: Service, api: httpx.AsyncClient, stranger: httpx.AsyncClient, world: World
) -> None:
    await world.seller()
    customer_id = await world.customer()
    async with activities.units() as unit:
        await unit.connection.execute(
            text(
                """
                INSERT INTO activity (activity_id, version, customer_id, category, kind, type,
                                      seller, state, starts_at, day, subject, created_at,
                                      updated_at)
                SELECT gen_random_uuid(), 1, :customer, facts.key, facts.kind, facts.type, 'anna.k',
                       'done', now() - make_interval(mins => n), current_date, 'Call ' || n, now(),
                       now()
                FROM generate_series(1, 2500) AS n, (
                    SELECT key, CAST(facts ->> 'kind' AS int) AS kind,
                           CAST(facts ->> 'type' AS int) AS type
                    FROM list_value WHERE list = 'activity_category' AND number = 1) AS facts
                """
            ),
            {"customer": customer_id},
        )
    feed = await given(api)
    answer = await stranger.get(feed["address"])
    assert answer.text.count("BEGIN:VEVENT") == MOST_EVENTS
    assert "Call 1\r" in answer.text and "Call 2500" not in answer.text
    for _ in range(MOST_A_MINUTE - 1):
        assert (await stranger.get(feed["address"])).status_code == 200
    busy = await stranger.get(feed["address"])
    assert (busy.status_code, busy.json()["slug"]) == (503, "calendar_busy")
    assert busy.headers["retry-after"]
    for _ in range(MOST_FEEDS - 1):
        other = await given(api)
    assert (await stranger.get(other["address"])).status_code == 200
    full = await api.post(FEEDS.format(seller="anna.k"), json={})
    assert (full.status_code, full.json()["slug"]) == (409, "too_many_calendar_feeds")
    assert (await api.post(FEEDS.format(seller="nobody"), json={})).status_code == 404


async def test_a_failure_names_the_route_and_not_the_secret(
    activities: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("services.activities.api.calendar_feeds.feed_calendar", broken)
    with capture_logs() as logged:
        async with client_of(activities) as client:
            answer = await client.get("/calendar/the-secret-itself.ics")
    assert answer.status_code == 500
    assert [one["path"] for one in logged] == ["/calendar/{secret}.ics"]
    assert "the-secret-itself" not in str(logged) + answer.text
