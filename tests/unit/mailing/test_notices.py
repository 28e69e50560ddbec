"""Mails that tell of failures: those of Postfix, Exim and Exchange are read, all others refused."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mailing.domain.delivery_reports import ReportKind
from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.notices import MAX_PARTS, MAX_RECIPIENTS, read_notice
from services.mailing.domain.refusals import NotADeliveryReport
from services.mailing.domain.unsubscribe_tokens import find_token, write_token

MAILS = Path(__file__).parent / "notices"
HARD, SOFT, COMPLAINT = ReportKind.HARD_BOUNCE, ReportKind.SOFT_BOUNCE, ReportKind.COMPLAINT
KEYS = LinkKeys(["one-key-of-enough-length-for-a-link"])


def mail(name: str) -> bytes:
    return (MAILS / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("postfix-unknown-user", [(HARD, "Aino.Virtanen@kala.example")]),
        ("postfix-delayed", [(SOFT, "matti@kala.example")]),
        ("exim-two-recipients", [(HARD, "liisa@lahti.example"), (SOFT, "box@full.example")]),
        ("exchange-undeliverable", [(HARD, "pekka@contoso.example")]),
        ("feedback-loop-redacted", [(COMPLAINT, None)]),
        ("feedback-loop", [(COMPLAINT, "ville@provider.example")]),
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_notice_tells_what_became_of_whom(
    name: str, told: list[tuple[ReportKind, str | None]], line_end: bytes
) -> None:
    notice = read_notice(mail(name).replace(b"\n", line_end))
    assert [(one.kind, one.address) for one in notice.noticed] == told
    assert notice.notice_id == read_notice(mail(name)).notice_id


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("vacation", "automatic reply"),
        ("read-receipt", "neither message/delivery-status"),
        ("relayed", "no recipient who could not be reached"),
        ("not-spam", "no complaint"),
    ],
)
def test_what_is_no_notice_is_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(NotADeliveryReport, match=why):
        read_notice(mail(name))


@pytest.mark.parametrize(
    "name", ["postfix-unknown-user", "exim-two-recipients", "feedback-loop-redacted"]
)
def test_the_link_in_what_is_returned_names_the_hand_off(name: str) -> None:
    hand_off_id = uuid4()
    token = write_token(hand_off_id, KEYS).encode()
    assert find_token(read_notice(mail(name).replace(b"TOKEN", token)).returned, KEYS) == (
        hand_off_id
    )
    assert find_token(read_notice(mail(name)).returned, KEYS) is None


def test_its_moment_is_that_of_its_date_if_that_can_be_read() -> None:
    raw = mail("postfix-delayed")
    assert read_notice(raw).at == datetime(2026, 11, 2, 10, 15, 2, tzinfo=UTC)
    for date in (b"", b"Date: soon\n", b"Date: Mon, 2 Nov 99999 12:15:02 +0200\n"):
        rest = raw.partition(b"\n")[2]
        assert read_notice(date + rest).at is None


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ("Action: failed\nStatus: 5.7.1", HARD),
        ("Action: FAILED (really)\nStatus: 5.2.2 (mailbox full)", HARD),
        ("Action: failed\nStatus: 4.4.7", SOFT),
        ("Action: delayed\nStatus: 4.4.1", SOFT),
        ("Action: delayed", SOFT),
        ("Action: failed", None),
        ("Action: failed\nStatus: unknown", None),
        ("Action: failed\nStatus: 2.0.0", None),
        ("Action: expanded\nStatus: 5.1.1", None),
        ("Status: 5.1.1", None),
    ],
)
def test_action_and_status_decide(fields: str, kind: ReportKind | None) -> None:
    raw = mail("postfix-delayed").replace(b"Action: delayed\nStatus: 4.4.1", fields.encode())
    if kind is None:
        with pytest.raises(NotADeliveryReport):
            read_notice(raw)
    else:
        assert [one.kind for one in read_notice(raw).noticed] == [kind]


def test_hostile_mails_are_refused_before_they_cost_anything() -> None:
    nested = b"".join(
        b'Content-Type: multipart/report; boundary="%d"\n\n--%d\n' % (level, level)
        for level in range(20_000)
    )
    quoted = b'Content-Type: multipart/report; x="' + b'\\";' * 100_000 + b'"\n\n'
    folded = b"Content-Type: multipart/report;\n" + b' a="";\n' * 100_000 + b"\n"
    recipient = b"\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n"
    status = b"Reporting-MTA: dns; x\n" + recipient * (MAX_RECIPIENTS + 1)
    many = (
        b'Content-Type: multipart/report; boundary="b"\n\n--b\n'
        b"Content-Type: message/delivery-status\n\n" + status + b"\n--b--\n"
    )
    parts = b'Content-Type: multipart/report; boundary="b"\n\n'
    parts += b"--b\nContent-Type: text/plain\n\nx\n" * MAX_PARTS
    for raw in (nested, quoted, folded, many, parts, nested.replace(b"\n", b"\r")):
        with pytest.raises(NotADeliveryReport):
            read_notice(raw)


@given(st.binary(max_size=400))
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    with pytest.raises(NotADeliveryReport):
        read_notice(raw)


@given(
    st.sampled_from(["postfix-unknown-user", "exim-two-recipients", "feedback-loop"]),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=8)), min_size=1, max_size=20),
)
def test_a_damaged_notice_is_read_or_refused(name: str, damages: list[tuple[int, bytes]]) -> None:
    raw = mail(name)
    for place, damage in damages:
        raw = raw[:place] + damage + raw[place + len(damage) :]
    try:
        notice = read_notice(raw)
    except NotADeliveryReport:
        return
    assert notice.noticed
