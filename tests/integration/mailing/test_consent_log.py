"""The consent log: all that opens or closes a gate is in it, in order, and it proves itself."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from apps.cli.main import app
from services.mailing.domain.addresses import hashes
from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.consent_log import Fact, What, chained, line_of
from services.mailing.domain.consent_proof import prove
from services.mailing.domain.refusals import SuppressionKeyWrong
from services.mailing.handlers.ban_address import BanAddress, ban_address
from services.mailing.handlers.hand_off import HandOff, Released, hand_off
from services.mailing.handlers.loops import fence_all
from services.mailing.handlers.open_log import open_log
from services.mailing.handlers.read_consent_log import export_log
from shared.contracts.customers import Bans
from tests.integration.mailing.rig import EMAIL_ONLY, HASH_OF, Rig, bans_changed, contact_saved

ADA = HASH_OF(Channel.EMAIL, "ada@example.fi")


async def exported(rig: Rig) -> list[str]:
    chunks = [chunk async for chunk in export_log(rig.service.units, chunk=2)]
    return b"".join(chunks).decode().splitlines()


async def said(rig: Rig) -> list[tuple[Any, ...]]:
    """Return what the log says of each record, after proving it."""
    lines = await exported(rig)
    prove(lines)
    return [
        (one["what"], one["channel"], one["key"], one["subject"]) for one in map(json.loads, lines)
    ]


@pytest.mark.requirement("LS-26", "LS-27", "LS-A6")
async def test_bans_of_customers_are_written_with_all_they_close_and_open(rig: Rig) -> None:
    await rig.refresh()
    ada = await rig.contact(email="ada@example.fi")
    contact = f"contact:{ada}"
    await rig.hear(bans_changed(1, contact=ada))
    closed = [("banned", "email", contact, contact), ("banned", "email", ADA, contact)]
    assert await said(rig) == closed
    await rig.hear(bans_changed(1, contact=ada), bans_changed(2, contact=ada))
    assert await said(rig) == closed, "what changes nothing is not written"
    await rig.contact(contact_id=ada, version=2, email="new@example.fi")
    new = HASH_OF(Channel.EMAIL, "new@example.fi")
    closed.append(("banned", "email", new, contact))
    assert await said(rig) == closed, "the ban follows the person"
    await rig.hear(bans_changed(3, Bans(), contact=ada))
    assert set((await said(rig))[3:]) == {
        ("lifted", "email", contact, contact),
        ("lifted", "email", ADA, contact),
        ("lifted", "email", new, contact),
    }
    ((source, how, seq, evidence),) = await rig.rows(
        "SELECT source, how, consent_seq, evidence FROM consent_log WHERE position = 1"
    )
    assert (source, how, seq) == ("customers", "event", 1)
    assert await rig.one("SELECT type FROM inbox WHERE message_id = :id", id=evidence)


@pytest.mark.requirement("LS-26", "LS-A7")
async def test_a_receipt_says_where_in_the_log_it_stands_and_by_which_rule(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    segment, rule = uuid4(), uuid4()
    inside, outside = await rig.contact(email="ada@example.fi"), await rig.contact(email="b@b.fi")
    await rig.change(
        "INSERT INTO segment (segment_id, name, rule, version, live_rule_id, created_at, "
        "updated_at) VALUES (:s, 'x', '{}', 9, :r, now(), now())",
        s=segment,
        r=rule,
    )
    await rig.change(
        "INSERT INTO segment_rule (rule_id, segment_id, version, rule, why, made_at) "
        "VALUES (:r, :s, 7, '{}', 'made', now())",
        s=segment,
        r=rule,
    )
    await rig.change("INSERT INTO member VALUES (:r, :c)", r=rule, c=inside)
    body = {
        "contact_ids": [str(inside), str(outside)],
        "channel": "email",
        "purpose": "marketing",
        "campaign": "may",
        "segment_id": str(segment),
    }
    key = {"Idempotency-Key": "one"}
    answer = await api.post("/v1/hand-offs", json=body, headers=key)
    first, second = answer.json()["outcomes"]
    assert second["refused"]["reason"] == "not_member"
    receipt = first["released"]
    assert (receipt["rule_version"], receipt["log_position"]) == (7, 1)
    shown = (await api.get(f"/v1/hand-offs/{receipt['hand_off_id']}")).json()
    parts = ("segment_id", "rule_version", "log_position", "consent_seq", "at")
    assert [shown[part] for part in parts] == [receipt[part] for part in parts]
    told = json.loads(
        await rig.one("SELECT body FROM outbox WHERE type = 'mailing.recipient-handed-off.v1'")
    )
    assert (told["rule_version"], told["log_position"]) == (7, 1)
    again = await api.post("/v1/hand-offs", json=body, headers=key)
    assert again.json() == answer.json()
    assert await said(rig) == [("handed_off", "email", ADA, f"contact:{inside}")], "no new entry"
    missing = await api.post("/v1/hand-offs", json={**body, "segment_id": str(uuid4())})
    assert missing.status_code == 422 and missing.json()["errors"][0]["field"] == "segment_id"


async def test_the_log_cannot_be_changed_and_names_no_address(rig: Rig) -> None:
    await rig.refresh()
    ada = await rig.contact(email="ada@example.fi", mobile="+358401234567")
    await rig.hand_off(ada)
    await rig.hear(bans_changed(1, Bans(email=True, sms=True), contact=ada))
    for change in (
        "UPDATE consent_log SET what = 'lifted'",
        "DELETE FROM consent_log",
        "TRUNCATE consent_log",
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            await rig.change(change)
    written = "\n".join(await exported(rig))
    assert "example.fi" not in written and "358401234567" not in written
    assert hashes("another secret of the same length")(Channel.EMAIL, "ada@example.fi") != ADA


async def test_an_accepted_ban_is_written_when_it_is_accepted_and_when_it_is_fenced(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    ada = await rig.contact(email="ada@example.fi")
    sending, finish = asyncio.Event(), asyncio.Event()

    async def release(_: Released) -> None:
        sending.set()
        await finish.wait()

    async def slow() -> None:
        command = HandOff((ada,), Channel.EMAIL, Purpose.MARKETING, "slow")
        async with rig.service.units() as uow:
            await hand_off(command, uow, limit_seconds=3600, release=release)

    # The gate row must be there, or the hand-off that makes it keeps even pending bans out.
    await rig.hand_off(ada)
    running = asyncio.create_task(slow())
    await sending.wait()
    ban = {"channel": "email", "address": "ada@example.fi", "source": "link", "text_version": "3"}
    answer = await api.post("/v1/bans", json=ban)
    assert answer.json()["fence"] == "accepted"
    finish.set()
    await running
    await fence_all(rig.service.units, HASH_OF)
    subject = f"direct:{answer.json()['ban_id']}"
    assert [one[0] for one in await said(rig)] == ["handed_off", "accepted", "handed_off", "fenced"]
    assert await rig.rows(
        "SELECT subject, source, how, actor, text_version FROM consent_log WHERE what = 'fenced'"
    ) == [(subject, "link", "api", None, "3")]
    await api.delete(f"/v1/bans/{answer.json()['ban_id']}")
    assert (await said(rig))[-1] == ("lifted", "email", ADA, subject)


async def test_writers_of_the_log_wait_for_each_other_and_never_in_a_ring(rig: Rig) -> None:
    await rig.refresh()
    people = [UUID(int=n) for n in range(1, 41)]
    others = [UUID(int=n) for n in range(101, 113)]
    moving = UUID(int=1000)
    await rig.hear(
        *[contact_saved(one, email=f"n{one.int}@example.fi") for one in people],
        bans_changed(1, contact=moving),
    )

    async def hand_offs() -> None:
        for _ in range(12):
            await rig.hand_off(*people, purpose=Purpose.SERVICE)

    async def direct() -> None:
        for n in range(1, 41, 4):
            wish = BanAddress(Channel.EMAIL, f"n{n}@example.fi", "test")
            async with rig.service.units() as uow:
                await ban_address(wish, uow, hash_of=HASH_OF)

    async def told() -> None:
        # In one batch a ban, which is written down, and a banned person who moves to an address
        # that others hand off: its gate is asked for after the ban was dealt with.
        for seq, one in enumerate(others, 2):
            moved = contact_saved(moving, seq, email=f"n{seq}@example.fi")
            await rig.hear(bans_changed(seq, contact=one), moved)

    await asyncio.gather(hand_offs(), hand_offs(), direct(), told())
    await said(rig)
    assert await rig.one("SELECT max(position) - count(*) FROM consent_log") == 0, "no gap"


async def test_a_log_begins_with_the_bans_that_stand_and_with_one_secret(rig: Rig) -> None:
    ada = await rig.contact(email="ada@example.fi")
    await rig.hear(bans_changed(1, EMAIL_ONLY, contact=ada))
    before = await said(rig)
    # As if all that had been before there was a log.
    await rig.change("ALTER TABLE consent_log DISABLE TRIGGER USER")
    await rig.change("DELETE FROM consent_log")
    await rig.change("UPDATE consent_head SET position = 0, hash = repeat('0', 64)")
    await rig.change("ALTER TABLE consent_log ENABLE TRIGGER USER")
    await open_log(rig.service.units, HASH_OF)
    await open_log(rig.service.units, HASH_OF)
    assert await said(rig) == before
    with pytest.raises(SuppressionKeyWrong, match="SUHDE_SUPPRESSION_KEY"):
        await open_log(rig.service.units, hashes("another secret that is long enough"))


@pytest.mark.requirement("LS-26")
async def test_the_command_proves_an_exported_log_and_names_what_breaks_it(
    rig: Rig, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    await rig.refresh()
    ada, free = await rig.contact(email="ada@example.fi"), await rig.contact(email="b@b.fi")
    await rig.hand_off(ada, free)
    ban = {"channel": "email", "address": "ada@example.fi", "source": "link"}
    await api.post("/v1/bans", json=ban)
    assert await rig.hand_off(ada, free) == ["banned", "released"]
    answer = await api.get("/v1/consent-log", params={"format": "ndjson"})
    file = tmp_path / "log.ndjson"
    file.write_bytes(answer.content)

    def verify() -> tuple[int, str]:
        # Nothing of the service runs here: the file is all there is.
        done = CliRunner().invoke(app, ["consent", "verify", str(file)])
        return done.exit_code, done.output

    code, printed = verify()
    assert code == 0 and "no hand-off after its ban: 4 records (1 banned, 3 handed_off)" in printed
    lines = answer.text.splitlines()
    last = json.loads(lines[-1])
    forged = chained(
        [forged_after(lines[0])],
        position=last["position"],
        previous=last["hash"],
        at=rig.service.clock(),
        actor=None,
    )
    file.write_text("".join(f"{line}\n" for line in [*lines, line_of(forged[0])]))
    code, printed = verify()
    assert code == 1 and "BROKEN: position 5 hands off what position 3 had banned" in printed
    assert lines[2] in printed and line_of(forged[0]) in printed


def forged_after(line: str) -> Fact:
    one = json.loads(line)
    return Fact(
        What.HANDED_OFF, Channel.EMAIL, one["key"], one["subject"], purpose="marketing",
        campaign="forged",
    )  # fmt: skip


async def test_the_log_is_listed_in_pages(rig: Rig, api: httpx.AsyncClient) -> None:
    await rig.refresh()
    await rig.hand_off(*[await rig.contact(email=f"n{n}@example.fi") for n in range(5)])
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get("/v1/consent-log", params={"limit": "2", **cursor})).json()
        found += [one["position"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == [1, 2, 3, 4, 5]
