"""Unsubscribe links: a POST bans at once and for sure, and nothing else changes anything."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from itertools import count
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs

from services.mailing.api.unsubscribe import MAX_BODY, MOST_A_MINUTE
from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.unsubscribe_tokens import write_token
from services.mailing.handlers.hand_off import HandOff, Release, Released, hand_off
from services.mailing.handlers.loops import fence_all
from services.mailing.handlers.unsubscribe import unsubscribe
from services.mailing.persistence import gate
from shared.chassis.http.app import create_app
from tests.integration.mailing.rig import KEY, LINK_KEY, PUBLIC_URL, Rig

RACES = int(os.environ.get("SUHDE_RACES", "60"))
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
KEYS = LinkKeys([LINK_KEY])
BANS = "SELECT count(*) FROM ban_address"
TOLD = "SELECT count(*) FROM outbox WHERE type = 'mailing.contact-unsubscribed.v1'"


@pytest.fixture
async def stranger(api: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the same application without a key."""
    async with httpx.AsyncClient(transport=api._transport, base_url=PUBLIC_URL) as client:
        yield client


async def handed_off(rig: Rig, api: httpx.AsyncClient, **said: Any) -> dict[str, Any]:
    """Hand off one contact of marketing e-mail; return what was released."""
    await rig.refresh()
    contact_id = await rig.contact(email=f"{uuid4().hex}@example.fi", mobile="+358401234567")
    body = {"channel": "email", "purpose": "marketing", "campaign": "spring"} | said
    answer = await api.post("/v1/hand-offs", json={"contact_ids": [str(contact_id)], **body})
    assert answer.status_code == 200, answer.text
    (outcome,) = answer.json()["outcomes"]
    return {"contact_id": contact_id, **outcome["released"]}


async def again(rig: Rig, contact_id: UUID, purpose: Purpose = Purpose.MARKETING) -> str:
    await rig.refresh()
    (outcome,) = await rig.hand_off(contact_id, purpose=purpose)
    return outcome


async def test_marketing_mail_is_handed_off_with_its_link(rig: Rig, api: httpx.AsyncClient) -> None:
    mail = await handed_off(rig, api)
    assert mail["unsubscribe_url"].startswith(f"{PUBLIC_URL}/u/")
    assert mail["mail_headers"] == {
        "List-Unsubscribe": f"<{mail['unsubscribe_url']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert mail["address"] not in mail["unsubscribe_url"]
    for said in ({"purpose": "service"}, {"channel": "sms"}):
        other = await handed_off(rig, api, **said)
        assert (other["unsubscribe_url"], other["mail_headers"]) == (None, {})


async def test_a_repeated_hand_off_gives_the_same_link(rig: Rig, api: httpx.AsyncClient) -> None:
    await rig.refresh()
    contact_id = await rig.contact(email="a@example.fi")
    asked = {
        "contact_ids": [str(contact_id)],
        "channel": "email",
        "purpose": "marketing",
        "campaign": "spring",
    }
    headers = {"Idempotency-Key": "once"}
    first, second = [await api.post("/v1/hand-offs", json=asked, headers=headers) for _ in "12"]
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json() == second.json()


async def test_looking_changes_nothing_however_often(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mail = await handed_off(rig, api)
    url = mail["unsubscribe_url"]
    for method in ("GET", "HEAD"):
        for query in ({}, {"lang": "fi"}, ONE_CLICK):
            answer = await stranger.request(method, url, params=query)
            assert answer.status_code == 200
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert (await stranger.request(method, url)).status_code == 405
    assert await rig.one(BANS) == 0
    assert await again(rig, mail["contact_id"]) == "released"


@pytest.mark.requirement("LS-26")
@pytest.mark.parametrize(
    "as_form",
    [lambda: {"data": ONE_CLICK}, lambda: {"files": {"List-Unsubscribe": (None, "One-Click")}}],
)
async def test_one_click_bans_at_once_without_key_cookie_or_redirect(
    rig: Rig,
    api: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    as_form: Callable[[], dict[str, Any]],
) -> None:
    mail = await handed_off(rig, api)
    answer = await stranger.post(mail["unsubscribe_url"], **as_form())
    assert answer.status_code == 200, answer.text
    assert not answer.history and "set-cookie" not in answer.headers
    assert await again(rig, mail["contact_id"]) == "banned"
    assert await again(rig, mail["contact_id"], Purpose.SERVICE) == "released"
    assert (
        await rig.one(
            "SELECT convert_from(body, 'UTF8')::jsonb ->> 'address' FROM outbox "
            "WHERE type = 'mailing.contact-unsubscribed.v1'"
        )
        == mail["address"]
    )


async def test_the_same_link_bans_once_until_the_ban_is_lifted(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mail = await handed_off(rig, api)
    answers = await asyncio.gather(
        *[stranger.post(mail["unsubscribe_url"], data=ONE_CLICK) for _ in range(5)]
    )
    assert {one.status_code for one in answers} == {200}
    assert (await rig.one(BANS), await rig.one(TOLD)) == (1, 1)
    lifted = await api.delete(f"/v1/bans/{mail['hand_off_id']}")
    assert lifted.status_code == 200, lifted.text
    assert await again(rig, mail["contact_id"]) == "released"
    await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
    assert await again(rig, mail["contact_id"]) == "banned"
    assert await rig.one(TOLD) == 2


async def test_a_held_gate_makes_the_ban_wait_and_not_the_recipient(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mail = await handed_off(rig, api)
    held = {("email", f"address:{mail['address']}")}
    async with rig.service.engine.begin() as connection:
        await gate.lock_shared(connection, held)
        for _ in "12":
            answer = await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
            assert answer.status_code == 200
        assert await rig.one("SELECT count(*) FROM pending_ban") == 1
        assert await again(rig, mail["contact_id"]) == "banned"
    await fence_all(rig.service.units)
    await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
    assert (await rig.one(BANS), await rig.one(TOLD)) == (1, 1)
    assert await rig.one("SELECT count(*) FROM pending_ban") == 0
    async with rig.service.engine.begin() as connection:
        await gate.lock_shared(connection, held)
        await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
    assert await rig.one("SELECT count(*) FROM pending_ban") == 0, "it is fenced already"


async def test_what_waits_for_its_fence_is_told_once_when_the_link_comes_again(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mail = await handed_off(rig, api)
    async with rig.service.engine.begin() as connection:
        await gate.lock_shared(connection, {("email", f"address:{mail['address']}")})
        await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
    await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
    assert (await rig.one(BANS), await rig.one(TOLD)) == (1, 1)
    assert await rig.one("SELECT count(*) FROM pending_ban") == 0


async def test_what_is_not_signed_by_us_is_a_plain_404(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mail = await handed_off(rig, api)
    token = mail["unsubscribe_url"].rpartition("/")[2]
    gone = LinkKeys(["a-key-that-was-removed-from-the-list-since"])
    unknown = write_token(uuid4(), KEYS)
    for other in (
        token[:-1],
        token + "A",
        token.swapcase(),
        "x",
        "%00",
        "ä" * 48,
        "A" * 5000,
        write_token(UUID(mail["hand_off_id"]), gone),
    ):
        for answer in (
            await stranger.get(f"/u/{other}"),
            await stranger.post(f"/u/{other}", data=ONE_CLICK),
        ):
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert "This link is not valid" in answer.text
    answer = await stranger.post(f"/u/{unknown}", data=ONE_CLICK)
    assert (answer.status_code, "not valid" in answer.text) == (404, True)
    assert (await stranger.get("/u/")).status_code == 404
    assert await rig.one(BANS) == 0
    assert await again(rig, mail["contact_id"]) == "released"


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"data": {"List-Unsubscribe": "Two-Click"}},
        {"data": {"list-unsubscribe": "One-Click"}},
        {"json": ONE_CLICK},
        {"content": b"List-Unsubscribe=One-Click", "headers": {"Content-Type": "text/plain"}},
        {"content": b"\xff", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"--x", "headers": {"Content-Type": "multipart/form-data; " + "a" * 300}},
        {"files": {"other": (None, "One-Click")}},
    ],
)
async def test_a_post_that_does_not_say_it_changes_nothing(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient, sent: dict[str, Any]
) -> None:
    mail = await handed_off(rig, api)
    answer = await stranger.post(mail["unsubscribe_url"], **sent)
    assert answer.status_code == 400
    assert "<button>" in answer.text
    assert await rig.one(BANS) == 0


async def test_the_page_is_plain_closed_and_in_the_readers_language(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mail = await handed_off(rig, api)
    url = mail["unsubscribe_url"]
    for accepted, asked, shown in (
        ("fi", None, "fi"),
        ("de, sv-FI;q=0.8, en;q=0.5", None, "sv"),
        ("en;q=0.2, hu", None, "hu"),
        ("de", None, "en"),
        ("", None, "en"),
        ("fi;q=0, en;q=x, *", None, "en"),
        ("fi", "hu", "hu"),
        ("fi", "xx", "fi"),
    ):
        answer = await stranger.get(
            url, params={"lang": asked} if asked else {}, headers={"Accept-Language": accepted}
        )
        assert f'<html lang="{shown}">' in answer.text
        assert answer.headers["content-language"] == shown
    page = answer.text
    assert not re.search(r"<script|<img|<link|style|src=|http", page), "nothing from outside"
    assert re.findall(r'href="(.*?)"', page) == ["?lang=sv", "?lang=hu", "?lang=en"]
    assert mail["address"] not in page and mail["hand_off_id"] not in page
    done = await stranger.post(url, data=ONE_CLICK, params={"lang": "sv"})
    assert "<h1>Klart</h1>" in done.text
    for one in (answer, done, await stranger.get("/u/x")):
        policy = one.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; form-action 'self'")
        assert one.headers["x-robots-tag"] == "noindex, nofollow"
        assert one.headers["referrer-policy"] == "no-referrer"
        assert one.headers["cache-control"] == "no-store"


async def test_of_an_erased_person_nothing_is_written(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mail = await handed_off(rig, api)
    await rig.change("UPDATE contact SET erased = true, deleted = true, email_key = NULL")
    answer = await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
    assert answer.status_code == 200
    assert (await rig.one(BANS), await rig.one(TOLD)) == (0, 0)


async def test_one_link_and_a_large_body_are_bounded(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mail, other = await handed_off(rig, api), await handed_off(rig, api)
    large = await stranger.post(mail["unsubscribe_url"], data={"x": "x" * MAX_BODY})
    assert large.status_code == 413
    answers = [
        await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
        for _ in range(MOST_A_MINUTE + 1)
    ]
    assert [one.status_code for one in answers] == [200] * MOST_A_MINUTE + [503]
    assert answers[-1].headers["retry-after"] and "Please try again" in answers[-1].text
    assert (await stranger.post(other["unsubscribe_url"], data=ONE_CLICK)).status_code == 200


async def test_without_its_database_nothing_is_promised(
    rig: Rig, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = await handed_off(rig, api)
    service = rig.service
    app = create_app([service], api_key=SecretStr(KEY), title="mailing", version="0")
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as stranger:

        async def away(*_: Any, **__: Any) -> None:
            raise ConnectionRefusedError

        with monkeypatch.context() as broken:
            # The commit of the ban does not reach the store.
            broken.setattr(service.units, "finish", away)
            answer = await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert await rig.one(BANS) == 0
        answer = await stranger.post(mail["unsubscribe_url"], data=ONE_CLICK)
        assert (answer.status_code, await rig.one(BANS)) == (200, 1)


@pytest.mark.requirement("LS-26")
async def test_nothing_is_released_after_a_link_was_answered(rig: Rig) -> None:
    dice, ticks = Random(11), count()
    await rig.refresh()
    await rig.change("UPDATE consent_position SET confirmed_probe_at = clock_timestamp()")
    released = 0

    async def pause() -> None:
        async with rig.service.engine.connect() as connection:
            await connection.execute(text("SELECT pg_sleep(:s)"), {"s": dice.uniform(0, 0.02)})

    for _ in range(RACES):
        contact_id = await rig.contact(email=f"{uuid4().hex}@example.fi")
        (receipt,) = await hand_off_once(rig, contact_id, "first")
        sent: list[int] = []

        async def send(_: Released, sent: list[int] = sent) -> None:
            # Sending takes its time, in which the ban must wait.
            await pause()
            sent.append(next(ticks))

        async def say_no(receipt: Released = receipt) -> int:
            await pause()
            await unsubscribe(receipt.hand_off_id, rig.service.units)
            return next(ticks)

        async def release(contact_id: UUID = contact_id, send: Release = send) -> None:
            await pause()
            await hand_off_once(rig, contact_id, "second", release=send)

        answered, _ = await asyncio.gather(say_no(), release())
        assert all(tick < answered for tick in sent)
        released += len(sent)
    assert 0 < released < RACES, "both came first at times"


async def hand_off_once(
    rig: Rig, contact_id: UUID, campaign: str, release: Release | None = None
) -> list[Released]:
    command = HandOff((contact_id,), Channel.EMAIL, Purpose.MARKETING, campaign)
    async with rig.service.units() as uow:
        found = await hand_off(command, uow, limit_seconds=3600, release=release)
    return [one for one in found if isinstance(one, Released)]


async def test_neither_link_nor_address_is_logged(
    rig: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mail = await handed_off(rig, api)
    url = mail["unsubscribe_url"]
    with capture_logs() as logs:
        await stranger.get(url)
        for _ in range(MOST_A_MINUTE + 1):
            await stranger.post(url, data=ONE_CLICK)
        await stranger.post(f"/u/{write_token(uuid4(), KEYS)}", data=ONE_CLICK)
    assert [one["event"] for one in logs] == ["unsubscribe_of_unknown_hand_off"]
    assert mail["address"] not in str(logs) and url.rpartition("/")[2] not in str(logs)
