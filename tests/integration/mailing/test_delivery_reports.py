"""Delivery reports: each does once what it does, forged ones nothing, and no person comes back."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from services.mailing.domain.channels import Purpose
from services.mailing.domain.report_secrets import sign
from services.mailing.handlers.keep_report_providers import MOST_SECRETS
from services.mailing.persistence import gate
from services.mailing.persistence.report_secrets import OUTDATED
from tests.integration.mailing.rig import PUBLIC_URL, Rig

MAILS = Path(__file__).parents[2] / "unit/mailing/notices"
REPORTS, HOOK = "/v1/delivery-reports", "/hooks/delivery-reports/mailhouse"
BANS = "SELECT count(*) FROM ban_address"
RULE_DAYS = 5


def mail(name: str, link: str = "") -> bytes:
    raw = (MAILS / f"{name}.eml").read_bytes()
    now = format_datetime(datetime.now(UTC)).encode()
    raw = re.sub(rb"^Date: .*$", b"Date: " + now, raw, count=1, flags=re.MULTILINE)
    return raw.replace(b"https://mail.example.fi/u/TOKEN", link.encode())


async def mailed(rig: Rig, api: httpx.AsyncClient, email: str | None = None) -> dict[str, Any]:
    """Hand off one contact of marketing e-mail; return what was released."""
    await rig.refresh()
    contact_id = await rig.contact(email=email or f"{uuid4().hex}@example.fi")
    answer = await api.post(
        "/v1/hand-offs",
        json={
            "contact_ids": [str(contact_id)],
            "channel": "email",
            "purpose": "marketing",
            "campaign": str(uuid4()),
        },
    )
    return {"contact_id": contact_id, **answer.json()["outcomes"][0]["released"]}


def said(kind: str, days_ago: float = 0, **about: Any) -> dict[str, Any]:
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    report = {"report_id": uuid4().hex, "kind": kind, "reported_at": moment.isoformat()}
    return report | {name: str(value) for name, value in about.items()}


async def report(api: httpx.AsyncClient, *reports: dict[str, Any]) -> list[str]:
    body = {"provider": "mailhouse", "reports": list(reports)}
    answer = await api.post(REPORTS, json=body)
    assert answer.status_code == 200, answer.text
    return effects_of(answer)


def effects_of(answer: httpx.Response) -> list[str]:
    return [one["effect"] for one in answer.json()["outcomes"]]


async def outcome(rig: Rig, contact_id: UUID, purpose: Purpose = Purpose.MARKETING) -> str:
    await rig.refresh()
    (found,) = await rig.hand_off(contact_id, purpose=purpose)
    return found


async def told(rig: Rig, name: str) -> list[dict[str, Any]]:
    rows = await rig.rows("SELECT body FROM outbox WHERE type = :name ORDER BY seq", name=name)
    return [json.loads(body) for (body,) in rows]


async def test_a_hard_bounce_suppresses_once_and_is_told(rig: Rig, api: httpx.AsyncClient) -> None:
    one = await mailed(rig, api)
    first = said("hard_bounce", address=one["address"].upper())
    assert await report(api, first) == ["suppressed"]
    assert await report(api, first) == ["duplicate"]
    assert await report(api, said("hard_bounce", hand_off_id=one["hand_off_id"])) == ["stands"]
    assert await outcome(rig, one["contact_id"]) == "banned"
    assert await outcome(rig, one["contact_id"], Purpose.SERVICE) == "released"
    (bounced,) = await told(rig, "mailing.address-bounced.v1")
    assert bounced["hand_off_id"] == one["hand_off_id"]
    assert (bounced["kind"], bounced["channel"]) == ("hard_bounce", "email")
    assert one["address"] not in json.dumps(bounced)
    assert await told(rig, "mailing.contact-unsubscribed.v1") == [], "nobody wished for it"
    lifted = await api.delete(f"/v1/bans/{bounced['stop_id']}")
    assert lifted.status_code == 200
    assert await outcome(rig, one["contact_id"]) == "released"
    assert await report(api, first) == ["duplicate"], "what was lifted is not brought back"
    assert await report(api, said("hard_bounce", address=one["address"])) == ["suppressed"]


async def test_a_complaint_bans_and_customers_is_told(rig: Rig, api: httpx.AsyncClient) -> None:
    one = await mailed(rig, api)
    assert await report(api, said("complaint", 400, hand_off_id=one["hand_off_id"])) == ["banned"]
    assert await report(api, said("complaint", address=one["address"])) == ["stands"]
    assert await outcome(rig, one["contact_id"]) == "banned"
    (banned,) = await told(rig, "mailing.contact-unsubscribed.v1")
    assert (banned["address"], banned["source"]) == (one["address"], "complaint")
    assert await told(rig, "mailing.address-bounced.v1") == []


async def test_soft_bounces_suppress_after_five_different_days(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    one = await mailed(rig, api)
    address = one["address"]
    for days in (1, 1, 2, 3, 4, 31, 40):
        assert (await report(api, said("soft_bounce", days, address=address)))[0] in (
            "kept",
            "late",
        )
    assert await outcome(rig, one["contact_id"]) == "released"
    assert await report(api, said("soft_bounce", 5, address=address)) == ["suppressed"]
    assert await outcome(rig, one["contact_id"]) == "banned"
    assert await report(api, said("soft_bounce", 6, address=address)) == ["stands"]
    (bounced,) = await told(rig, "mailing.address-bounced.v1")
    await api.delete(f"/v1/bans/{bounced['stop_id']}")
    # They count anew.
    many = [said("soft_bounce", days, address=address) for days in range(RULE_DAYS)]
    assert await report(api, *many[:-1]) == ["kept"] * 4
    assert await report(api, many[-1]) == ["suppressed"]


async def test_days_are_those_of_the_installation(rig: Rig, api: httpx.AsyncClient) -> None:
    one = await mailed(rig, api)
    # In Helsinki these are five days, in UTC four.
    day = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    moments = [day - timedelta(days=2, hours=24 * back) for back in range(4)]
    moments.append(day - timedelta(days=2) + timedelta(hours=11))
    reports = [
        said("soft_bounce", address=one["address"]) | {"reported_at": moment.isoformat()}
        for moment in moments
    ]
    assert (await report(api, *reports))[0] == "suppressed"


@pytest.mark.parametrize("seed", range(6))
async def test_neither_order_nor_division_matters(
    rig: Rig, api: httpx.AsyncClient, seed: int
) -> None:
    dice = Random(seed)
    kinds = ["soft_bounce"] * 4 + dice.choices(["soft_bounce", "hard_bounce", "complaint"], k=2)
    plan = [(kind, dice.choice([0, 1, 2, 3, 4, 35])) for kind in kinds]
    ends = set()
    for _ in range(4):
        one = await mailed(rig, api)
        reports = [said(kind, days, address=one["address"]) for kind, days in plan]
        dice.shuffle(reports)
        while reports:
            part = [reports.pop() for _ in range(min(len(reports), dice.randint(1, 3)))]
            # What comes again and what comes late change nothing.
            done = [await report(api, *part, *dice.choices(part, k=2)) for _ in "12"]
            assert set(done[1]) == {"duplicate"}
        stops = await rig.rows(
            "SELECT effect FROM delivery_report WHERE hand_off_id = :id "
            "AND effect IN ('suppressed', 'banned')",
            id=one["hand_off_id"],
        )
        ends.add((tuple(sorted(stops)), await outcome(rig, one["contact_id"])))
    assert len(ends) == 1, ends


async def test_reports_of_one_address_at_once_suppress_it_once(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    one = await mailed(rig, api)
    soft = [said("soft_bounce", days, address=one["address"]) for days in range(RULE_DAYS)]
    done = await asyncio.gather(*[report(api, each) for each in soft])
    assert sorted(effect for (effect,) in done) == ["kept"] * 4 + ["suppressed"]
    assert await rig.one(BANS) == 1
    other = await mailed(rig, api)
    same = said("hard_bounce", address=other["address"])
    done = await asyncio.gather(*[report(api, same) for _ in range(4)])
    assert sorted(effect for (effect,) in done) == ["duplicate"] * 3 + ["suppressed"]
    assert len(await told(rig, "mailing.address-bounced.v1")) == 2


async def test_nothing_follows_where_nothing_was_handed_off(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    one = await mailed(rig, api)
    for about in (
        {"address": "never@example.fi"},
        {"address": "no address at all"},
        {"hand_off_id": uuid4()},
        {"hand_off_id": one["hand_off_id"], "channel": "sms"},
        {"address": "+358401234567", "channel": "sms"},
    ):
        for kind in ("hard_bounce", "complaint"):
            assert await report(api, said(kind, **about)) == ["not_handed_off"]
    assert await rig.one(BANS) == 0
    assert await outcome(rig, one["contact_id"]) == "released"


async def test_an_erased_person_does_not_come_back(rig: Rig, api: httpx.AsyncClient) -> None:
    one = await mailed(rig, api)
    await rig.change("UPDATE contact SET erased = true, deleted = true, email_key = NULL")
    for kind in ("hard_bounce", "complaint", "soft_bounce"):
        for about in ({"address": one["address"]}, {"hand_off_id": one["hand_off_id"]}):
            assert await report(api, said(kind, **about)) == ["erased"]
    assert await rig.one(BANS) == 0
    assert await told(rig, "mailing.contact-unsubscribed.v1") == []


async def test_no_report_holds_an_address(rig: Rig, api: httpx.AsyncClient) -> None:
    one = await mailed(rig, api)
    await report(
        api,
        said("hard_bounce", address=one["address"]),
        said("soft_bounce", address="never@example.fi"),
    )
    await api.post(f"{REPORTS}/dsn", content=mail("exim-two-recipients"), headers=RFC822)
    kept = await rig.one("SELECT string_agg(row_to_json(one)::text, '') FROM delivery_report one")
    assert "@" not in kept


async def test_a_held_gate_refuses_reports_for_now_and_keeps_none(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    one = await mailed(rig, api)
    sent = said("hard_bounce", address=one["address"])
    async with rig.service.engine.begin() as connection:
        await gate.lock_shared(connection, {("email", f"address:{one['address']}")})
        body = {"provider": "mailhouse", "reports": [sent]}
        answer = await api.post(REPORTS, json=body)
        assert answer.status_code == 503 and answer.headers["retry-after"]
    assert await report(api, sent) == ["suppressed"]


async def test_reports_are_listed_the_newest_first(rig: Rig, api: httpx.AsyncClient) -> None:
    one, other = await mailed(rig, api), await mailed(rig, api)
    for each in (one, other, one):
        await report(
            api,
            said("soft_bounce", address=each["address"]),
            said("complaint", hand_off_id=each["hand_off_id"]),
        )

    async def listed(**asked: Any) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        while True:
            answer = await api.get(REPORTS, params={"limit": 2, **asked})
            assert answer.status_code == 200, answer.text
            found += [(row["hand_off_id"], row["kind"]) for row in answer.json()["items"]]
            if answer.json()["next"] is None:
                return found
            asked["cursor"] = answer.json()["next"]

    by_hand_off = [found for found, _ in await listed()]
    assert by_hand_off == [each["hand_off_id"] for each in (one, other, one) for _ in "12"], (
        "one, other and one again"
    )
    assert {kind for _, kind in await listed(kind="complaint")} == {"complaint"}
    assert len(await listed(kind="complaint")) == 3
    assert {found for found, _ in await listed(address=one["address"])} == {one["hand_off_id"]}
    assert len(await listed(address=one["address"].upper(), kind="soft_bounce")) == 2
    other_channel = {"address": one["address"], "channel": "post"}
    refused = await api.get(REPORTS, params=other_channel)
    assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")
    now = datetime.now(UTC)
    assert await listed(since=now.isoformat()) == []
    assert len(await listed(since=(now - timedelta(minutes=1)).isoformat())) == 6
    for cursor in ("x", "WzFd", "WyJhIiwgImIiXQ", "WyIyMDI2LTAxLTAxIiwgIjEiXQ"):
        bad = await api.get(REPORTS, params={"cursor": cursor})
        assert (bad.status_code, bad.json()["slug"]) == (422, "bad_cursor")


RFC822 = {"Content-Type": "message/rfc822"}


async def test_a_notice_stops_whom_it_names(rig: Rig, api: httpx.AsyncClient) -> None:
    liisa = await mailed(rig, api, "liisa@lahti.example")
    box = await mailed(rig, api, "box@full.example")
    raw = mail("exim-two-recipients", liisa["unsubscribe_url"])
    answer = await api.post(f"{REPORTS}/dsn", content=raw, headers=RFC822)
    assert effects_of(answer) == ["suppressed", "kept"]
    assert await outcome(rig, liisa["contact_id"]) == "banned"
    assert await outcome(rig, box["contact_id"]) == "released"
    again = await api.post(f"{REPORTS}/dsn", content=raw, headers=RFC822)
    assert effects_of(again) == ["duplicate", "duplicate"]


async def test_the_link_in_a_notice_counts_more_than_the_address(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    one = await mailed(rig, api)
    forwarded = await mailed(rig, api, "aino.virtanen@kala.example")
    for name, effect in (
        ("postfix-unknown-user", "suppressed"),
        ("feedback-loop-redacted", "banned"),
    ):
        raw = mail(name, one["unsubscribe_url"])
        answer = await api.post(f"{REPORTS}/dsn", content=raw, headers=RFC822)
        assert effects_of(answer) == [effect]
    assert await outcome(rig, one["contact_id"]) == "banned"
    assert await outcome(rig, forwarded["contact_id"]) == "released"


async def test_a_notice_is_taken_with_or_without_its_head(rig: Rig, api: httpx.AsyncClient) -> None:
    one = await mailed(rig, api, "pekka@contoso.example")
    head, _, body = mail("exchange-undeliverable").partition(b"\n\n")
    boundary = 'multipart/report; boundary="b2f1c0de-77aa-4c11-9d52-0a1b2c3d4e5f"'
    assert b"boundary" in head
    answer = await api.post(f"{REPORTS}/dsn", content=body, headers={"Content-Type": boundary})
    assert effects_of(answer) == ["suppressed"], answer.text
    assert await outcome(rig, one["contact_id"]) == "banned"


async def test_other_mails_are_refused_and_do_nothing(rig: Rig, api: httpx.AsyncClient) -> None:
    one = await mailed(rig, api, "matti@kala.example")
    for name in ("vacation", "read-receipt", "relayed", "not-spam"):
        answer = await api.post(f"{REPORTS}/dsn", content=mail(name), headers=RFC822)
        assert (answer.status_code, answer.json()["slug"]) == (422, "not_a_delivery_report")
    for kind in ("", "text/plain", "application/json"):
        answer = await api.post(
            f"{REPORTS}/dsn", content=mail("postfix-delayed"), headers={"Content-Type": kind}
        )
        assert (answer.status_code, answer.json()["slug"]) == (415, "not_a_mail")
    large = await api.post(f"{REPORTS}/dsn", content=b"x" * 1_100_000, headers=RFC822)
    assert large.status_code == 413
    assert await rig.one("SELECT count(*) FROM delivery_report") == 0
    assert await outcome(rig, one["contact_id"]) == "released"


async def given(api: httpx.AsyncClient, provider: str = "mailhouse", **more: Any) -> str:
    answer = await api.post("/v1/report-providers", json={"provider": provider, **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["secret"])


def signed(secret: str, *reports: dict[str, Any], at: float | None = None) -> dict[str, Any]:
    """What a provider sends: the body as bytes, and its headers."""
    body = json.dumps({"reports": reports}).encode()
    timestamp = str(int(at or datetime.now(UTC).timestamp()))
    headers = {
        "Content-Type": "application/json",
        "Suhde-Timestamp": timestamp,
        "Suhde-Signature": sign(secret, timestamp, body),
    }
    return {"content": body, "headers": headers}


@pytest.fixture
async def provider(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the same application without a key."""
    return httpx.AsyncClient(transport=api._transport, base_url=PUBLIC_URL)


async def test_a_provider_reports_with_its_signature_alone(
    rig: Rig, api: httpx.AsyncClient, provider: httpx.AsyncClient
) -> None:
    one = await mailed(rig, api)
    secret = await given(api)
    sent = signed(secret, said("hard_bounce", hand_off_id=one["hand_off_id"]))
    assert effects_of(await provider.post(HOOK, **sent)) == ["suppressed"]
    assert effects_of(await provider.post(HOOK, **sent)) == ["duplicate"], "replayed"
    assert await outcome(rig, one["contact_id"]) == "banned"
    dump = await rig.one("SELECT string_agg(row_to_json(one)::text, '') FROM report_secret one")
    assert secret not in dump


async def test_what_is_forged_replayed_late_or_changed_does_nothing(
    rig: Rig, api: httpx.AsyncClient, provider: httpx.AsyncClient
) -> None:
    one = await mailed(rig, api)
    secret, other = await given(api), await given(api, "other")
    about = said("complaint", address=one["address"])
    good = signed(secret, about)
    body, headers = good["content"], good["headers"]
    now = datetime.now(UTC).timestamp()
    dice = Random(7)
    wrong = [
        signed(other, about),
        signed("suhde_x", about),
        signed(secret, about, at=now - 301),
        signed(secret, about, at=now + 330),
        {"content": body, "headers": headers | {"Suhde-Signature": ""}},
        {"content": body, "headers": headers | {"Suhde-Signature": "0" * 64}},
        {
            "content": body,
            "headers": headers | {"Suhde-Timestamp": "0" + headers["Suhde-Timestamp"]},
        },
        {"content": body + b" ", "headers": headers},
        {"content": body.replace(b"complaint", b"soft_bounce"), "headers": headers},
    ]
    for _ in range(60):
        place = dice.randrange(len(body))
        changed = bytes([*body[:place], body[place] ^ (1 << dice.randrange(7)), *body[place + 1 :]])
        wrong.append({"content": changed, "headers": headers})
    for sent in wrong:
        answer = await provider.post(HOOK, **sent)
        assert answer.status_code in (400, 403, 422), answer.text
    unknown = await provider.post("/hooks/delivery-reports/nobody", **good)
    forged = await provider.post(HOOK, **signed(other, about))
    assert (unknown.status_code, unknown.json()) == (403, forged.json()), "no provider is told"
    unsigned = await provider.post(HOOK, content=body, headers={"Content-Type": "application/json"})
    assert unsigned.status_code == 422
    assert await rig.one("SELECT count(*) FROM delivery_report") == 0
    assert effects_of(await provider.post(HOOK, **good)) == ["banned"]


async def test_secrets_are_changed_without_losing_a_report(
    rig: Rig, api: httpx.AsyncClient, provider: httpx.AsyncClient
) -> None:
    async def takes(secret: str) -> bool:
        about = said("hard_bounce", address="never@example.fi")
        return (await provider.post(HOOK, **signed(secret, about))).status_code == 200

    first = await given(api)
    second = await given(api)
    assert await takes(first) and await takes(second)
    listed = (await api.get("/v1/report-providers")).json()
    ((name, secrets),) = [(one["provider"], one["secrets"]) for one in listed]
    assert (name, [one["valid_until"] is None for one in secrets]) == ("mailhouse", [True, False])
    assert first not in str(listed) and second not in str(listed)
    third = await given(api, overlap_hours=0)
    assert [await takes(one) for one in (first, second, third)] == [False, False, True]
    for _ in range(MOST_SECRETS - 1):
        await given(api)
    full = await api.post("/v1/report-providers", json={"provider": "mailhouse"})
    assert (full.status_code, full.json()["slug"]) == (409, "too_many_report_secrets")
    async with rig.service.engine.begin() as connection:
        gone = await connection.execute(text(OUTDATED), {"before": datetime.now(UTC), "chunk": 100})
    assert gone.rowcount == 2
    removed = await api.delete("/v1/report-providers/mailhouse")
    assert removed.json() == {"removed": "mailhouse"}
    assert not await takes(third)
    absent = await api.delete("/v1/report-providers/mailhouse")
    assert (absent.status_code, absent.json()["slug"]) == (404, "report_provider_not_found")


async def test_a_report_says_of_whom_and_what(api: httpx.AsyncClient) -> None:
    for wrong in (
        said("hard_bounce"),
        said("hard_bounce", address="a@example.fi", hand_off_id=uuid4()),
        said("bounce", address="a@example.fi"),
        said("hard_bounce", address="a@example.fi") | {"report_id": ""},
        said("hard_bounce", address="a@example.fi") | {"reported_at": "yesterday"},
        said("hard_bounce", address="a@example.fi", channel="fax"),
    ):
        body = {"provider": "mailhouse", "reports": [wrong]}
        answer = await api.post(REPORTS, json=body)
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid_request")
    for provider in ("", "Mail House", "../x", "x" * 41):
        body = {"provider": provider, "reports": [said("complaint", address="a@example.fi")]}
        assert (await api.post(REPORTS, json=body)).status_code == 422
