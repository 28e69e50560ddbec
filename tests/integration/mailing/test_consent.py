"""Bans and the freshness of their news: deny wins, and what is not known is closed."""

from itertools import permutations
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.mailing.domain.channels import BANNED_BY_CUSTOMERS, Channel, Purpose
from services.mailing.persistence import consent
from shared.contracts.customers import Bans, ConsentBaselined, ConsentConfirmed, ContactDeleted
from shared.contracts.erp import PostalAddress
from tests.integration.mailing.rig import ALL, EMAIL_ONLY, Rig, bans_changed

FREE = Bans()
HOME = PostalAddress(street="Katu 1", postal_code="00100", city="Helsinki", country="FI")


@pytest.mark.requirement("LS-26")
async def test_the_newest_consent_number_of_a_subject_holds(rig: Rig) -> None:
    await rig.refresh()
    first = 1
    for order in permutations(range(3)):
        contact_id = await rig.contact(email=f"{uuid4()}@example.fi")
        news = [
            bans_changed(first, EMAIL_ONLY, contact=contact_id),
            bans_changed(first + 1, FREE, contact=contact_id),
            bans_changed(first + 2, EMAIL_ONLY, contact=contact_id),
        ]
        for place in order:
            await rig.hear(news[place])
        await rig.hear(*news)
        assert await rig.hand_off(contact_id) == ["banned"]
        await rig.hear(bans_changed(first + 3, FREE, contact=contact_id))
        assert await rig.hand_off(contact_id) == ["released"]
        first += 4


async def test_the_position_is_the_end_of_the_prefix_without_a_gap(rig: Rig) -> None:
    async def position() -> int:
        found: int = await rig.one("SELECT applied_through FROM consent_position")
        return found

    for seq, reached in ((2, 0), (4, 0), (1, 2), (1, 2), (3, 4), (6, 4), (2, 4), (5, 6)):
        await rig.hear(bans_changed(seq, contact=uuid4()))
        assert await position() == reached
    assert await rig.one("SELECT count(*) FROM consent_applied") == 0
    await rig.hear(*[bans_changed(seq, contact=uuid4()) for seq in (9, 8, 7, 11)])
    assert await position() == 9


@pytest.mark.requirement("LS-A5", "LS-27")
async def test_what_is_not_known_is_closed_for_marketing_only(rig: Rig) -> None:
    contact_id = await rig.contact(email="a@example.fi", mobile="+358401234567")
    assert await rig.hand_off(contact_id) == ["ban_not_configured"]
    await rig.refresh(configured=EMAIL_ONLY)
    assert await rig.hand_off(contact_id) == ["released"]
    assert await rig.hand_off(contact_id, channel=Channel.SMS) == ["ban_not_configured"]
    await rig.refresh(seq=2)
    assert await rig.hand_off(contact_id) == ["consent_not_fresh"]
    await rig.hear(bans_changed(2, contact=uuid4()))
    assert await rig.hand_off(contact_id) == ["consent_not_fresh"], "number 1 is still missing"
    await rig.hear(bans_changed(1, contact=uuid4()))
    assert await rig.hand_off(contact_id) == ["released"]
    await rig.change(
        "UPDATE consent_position SET confirmed_probe_at = confirmed_probe_at - interval '6 s'"
    )
    assert await rig.hand_off(contact_id) == ["consent_not_fresh"]
    assert await rig.hand_off(contact_id, purpose=Purpose.SERVICE) == ["released"]


@pytest.mark.requirement("LS-A5")
async def test_a_clock_that_was_set_back_opens_nothing_and_mends_itself(rig: Rig) -> None:
    contact_id = await rig.contact(email="a@example.fi")
    await rig.refresh()
    await rig.probe()
    await rig.change(
        "UPDATE consent_position SET confirmed_probe_at = confirmed_probe_at + interval '1 h'"
    )
    await rig.change("UPDATE consent_probe SET sent_at = sent_at + interval '1 h'")
    assert await rig.hand_off(contact_id) == ["consent_not_fresh"]
    await rig.refresh()
    assert await rig.hand_off(contact_id) == ["released"]
    assert await rig.one("SELECT count(*) FROM consent_probe") == 0


@pytest.mark.requirement("LS-A5")
async def test_customers_that_lost_consent_numbers_confirms_nothing(rig: Rig) -> None:
    banned, free = uuid4(), await rig.contact(email="a@example.fi")
    await rig.hear(*[bans_changed(seq, contact=banned) for seq in (1, 2, 3)])
    early = await rig.probe()
    await rig.hear(bans_changed(4, contact=banned))
    # What was asked before number 4 came may be answered with 3.
    await rig.hear(ConsentConfirmed(nonce=early, consent_seq=3, configured=ALL))
    assert await rig.hand_off(free) == ["released"]
    await rig.change("UPDATE consent_position SET confirmed_probe_at = 'epoch'")
    await rig.refresh(seq=3)
    assert await rig.hand_off(free) == ["consent_not_fresh"]
    await rig.refresh(seq=4)
    assert await rig.hand_off(free) == ["released"]


@pytest.mark.requirement("LS-A5")
async def test_an_answer_from_before_a_baseline_does_not_open_what_the_baseline_closed(
    rig: Rig,
) -> None:
    contact_id = await rig.contact(email="a@example.fi")
    early = await rig.probe()
    await rig.hear(ConsentBaselined(after=7, through=9), bans_changed(8, contact=uuid4()))
    await rig.hear(ConsentConfirmed(nonce=early, consent_seq=8, configured=ALL))
    assert await rig.hand_off(contact_id) == ["consent_not_fresh"]
    await rig.refresh(seq=8)
    assert await rig.hand_off(contact_id) == ["consent_not_fresh"]
    await rig.hear(bans_changed(9, contact=uuid4()))
    assert await rig.hand_off(contact_id) == ["released"]


async def test_a_baseline_only_ever_goes_forward(rig: Rig) -> None:
    async def position() -> list[tuple[int, ...]]:
        return await rig.rows("SELECT applied_through, confirmed_seq FROM consent_position")

    await rig.hear(*[bans_changed(seq, contact=uuid4()) for seq in (1, 2, 9, 11, 12)])
    await rig.hear(ConsentBaselined(after=0, through=1))
    assert await position() == [(2, 1)]
    await rig.hear(ConsentBaselined(after=8, through=12), ConsentBaselined(after=4, through=6))
    assert await position() == [(9, 12)]
    await rig.hear(bans_changed(5, contact=uuid4()), ConsentBaselined(after=4, through=6))
    assert await position() == [(9, 12)]
    await rig.hear(bans_changed(10, contact=uuid4()))
    assert await position() == [(12, 12)]
    assert await rig.one("SELECT count(*) FROM consent_applied") == 0


async def test_a_missing_number_costs_the_same_however_many_wait_behind_it(rig: Rig) -> None:
    async def rows_read() -> int:
        found: int = (
            await connection.execute(
                text(
                    "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) "
                    "FROM pg_stat_xact_user_tables WHERE relname = 'consent_applied'"
                )
            )
        ).scalar_one()
        return found

    await rig.change("INSERT INTO consent_applied SELECT generate_series(2, 20000)")
    await rig.change("ANALYZE consent_applied")
    async with rig.service.engine.begin() as connection:
        before = await rows_read()
        await consent.record_applied(connection, [20001])
        assert await rows_read() - before < 10
        await consent.record_applied(connection, [1])
    assert await rig.one("SELECT applied_through FROM consent_position") == 20001


async def test_only_the_answer_to_a_newer_probe_counts(rig: Rig) -> None:
    older, newer = await rig.probe(), await rig.probe()
    await rig.hear(ConsentConfirmed(nonce=uuid4(), consent_seq=0, configured=ALL))
    assert await rig.one("SELECT confirmed_probe_at FROM consent_position") is None
    await rig.hear(ConsentConfirmed(nonce=newer, consent_seq=5, configured=ALL))
    await rig.hear(ConsentConfirmed(nonce=older, consent_seq=0, configured=ALL))
    assert await rig.rows("SELECT confirmed_seq, latest_nonce FROM consent_position") == [
        (5, newer)
    ]
    assert await rig.one("SELECT count(*) FROM consent_probe") == 0


@pytest.mark.requirement("LS-A6")
async def test_a_ban_follows_the_person_and_the_address(rig: Rig) -> None:
    await rig.refresh()
    banned = await rig.contact(email="shared@example.fi")
    other = await rig.contact(email="Shared@Example.fi")
    third = await rig.contact(email="new@example.fi")
    await rig.hear(bans_changed(1, contact=banned))
    assert await rig.hand_off(banned, other, third) == ["banned", "banned", "released"]
    await rig.contact(contact_id=banned, version=2, email="new@example.fi")
    assert await rig.hand_off(banned, other, third) == ["banned"] * 3
    await rig.hear(bans_changed(2, FREE, contact=banned))
    for one in (banned, other, third):
        assert await rig.hand_off(one) == ["released"]


@pytest.mark.requirement("LS-A6")
async def test_an_address_stays_banned_while_anybody_bans_it(rig: Rig) -> None:
    await rig.refresh()
    one = await rig.contact(email="shared@example.fi")
    two = await rig.contact(email="shared@example.fi")
    await rig.hear(bans_changed(1, contact=one), bans_changed(2, contact=two))
    await rig.hear(bans_changed(3, FREE, contact=one))
    assert await rig.hand_off(one, two) == ["banned", "banned"]
    await rig.hear(ContactDeleted(contact_id=two, version=2))
    assert await rig.hand_off(one, two) == ["banned", "contact_not_found"]
    await rig.contact(contact_id=two, version=3, email="elsewhere@example.fi")
    assert await rig.hand_off(two) == ["banned"], "a ban survives delete and restore"
    await rig.hear(bans_changed(4, FREE, contact=two))
    assert await rig.hand_off(one, two) == ["released", "released"]


async def test_a_ban_that_comes_before_its_contact_holds(rig: Rig) -> None:
    await rig.refresh()
    contact_id = uuid4()
    await rig.hear(bans_changed(1, contact=contact_id, email="told@example.fi"))
    sharer = await rig.contact(email="told@example.fi")
    await rig.contact(contact_id=contact_id, email="own@example.fi")
    own = await rig.contact(email="own@example.fi")
    assert await rig.hand_off(sharer, contact_id, own) == ["banned"] * 3


@pytest.mark.requirement("LS-A6")
async def test_the_ban_of_a_customer_counts_in_that_role(rig: Rig) -> None:
    await rig.refresh()
    banned, free, foreign = uuid4(), uuid4(), uuid4()
    contact_id = await rig.contact(email="a@example.fi", at=(banned, free))
    await rig.hear(bans_changed(1, customer=banned))
    assert await rig.hand_off(contact_id, customer_id=free) == ["released"]
    assert await rig.hand_off(contact_id, customer_id=banned) == ["banned"]
    assert await rig.hand_off(contact_id) == ["banned"]
    assert await rig.hand_off(contact_id, customer_id=foreign) == ["contact_not_at_customer"]


@pytest.mark.requirement("LS-A4", "LS-A7", "LS-26")
async def test_each_ban_stops_its_own_channel_and_marketing_only(rig: Rig) -> None:
    await rig.refresh()
    contact_id = await rig.contact(email="a@example.fi", mobile="+358401234567", address=HOME)
    for seq, channel in enumerate(BANNED_BY_CUSTOMERS, start=1):
        await rig.hear(bans_changed(seq, Bans(**{channel.value: True}), contact=contact_id))
        for asked in Channel:
            expected = "banned" if asked is channel else "released"
            assert await rig.hand_off(contact_id, channel=asked) == [expected]
            assert await rig.hand_off(contact_id, channel=asked, purpose=Purpose.SERVICE) == [
                "released"
            ]


async def test_a_letter_needs_a_whole_address_and_a_campaign_reaches_a_contact_once(
    rig: Rig,
) -> None:
    await rig.refresh()
    partial = HOME.model_copy(update={"postal_code": None})
    lacking = await rig.contact(address=partial)
    contact_id = await rig.contact(address=HOME)
    asked = (lacking, contact_id, uuid4())
    assert await rig.hand_off(*asked, channel=Channel.POST, campaign="may") == [
        "no_address",
        "released",
        "contact_not_found",
    ]
    assert await rig.hand_off(contact_id, channel=Channel.POST, campaign="may") == [
        "already_handed_off"
    ]
    assert (
        await rig.one("SELECT count(*) FROM outbox WHERE type = 'mailing.recipient-handed-off.v1'")
        == 1
    )


async def test_an_address_too_long_to_be_one_closes_nothing_for_the_others(rig: Rig) -> None:
    await rig.refresh()
    # Letters that differ, so that nothing is saved by compression: the index holds 2,704 bytes.
    endless = "".join(chr(0x4E00 + place * 31 % 20000) for place in range(500))
    lacking = await rig.contact(
        email="a@example.fi",
        address=HOME.model_copy(update={"street": endless, "city": endless[::-1]}),
    )
    other = await rig.contact(address=HOME)
    await rig.hear(bans_changed(1, contact=lacking))
    assert await rig.hand_off(lacking, other, channel=Channel.POST) == ["no_address", "released"]
    assert await rig.hand_off(lacking) == ["banned"]
