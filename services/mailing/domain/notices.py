"""Mails that tell what became of a mail: delivery status (RFC 3464) and abuse reports (RFC 5965).

Nothing else is one. A vacation reply or a read receipt says nothing of an address, whatever it
looks like, and is refused with the reason.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime

from services.mailing.domain.delivery_reports import ReportKind
from services.mailing.domain.refusals import NotADeliveryReport

MAX_RECIPIENTS = 100
MAX_PARTS = 50
LONGEST_TYPE = 1000
LONGEST_ADDRESS = 500
COMPLAINTS = frozenset({"abuse", "opt-out", "opt-out-list"})
STATUS_PART, FEEDBACK_PART = "message/delivery-status", "message/feedback-report"

_TYPE_FIELD = re.compile(rb"^content-type:.*(?:\n[ \t].*)*", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"\s*([245])\.\d{1,3}\.\d{1,3}\b", re.ASCII)
_COMMENT = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Noticed:
    """What a notice tells of one recipient; the address is as it is written there."""

    kind: ReportKind
    address: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice: an id that is the same when it comes again, its moment, and whom it is about.

    `returned` is what it gives back of the header of the mail it is about.
    """

    notice_id: str
    at: datetime | None
    noticed: tuple[Noticed, ...]
    returned: str


def read_notice(raw: bytes) -> Notice:
    """Read a mail as it came; refuse what is no notice, and one that tells of no failure."""
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # Before anything is parsed: what a hostile mail costs grows with its parts and their types.
    types = _TYPE_FIELD.findall(raw)
    if len(types) > MAX_PARTS or any(len(one) > LONGEST_TYPE for one in types):
        raise NotADeliveryReport(f"It has over {MAX_PARTS} parts, or a part of no known type.")
    _require_report(BytesHeaderParser().parsebytes(raw))
    mail = message_from_bytes(raw)
    parts = _parts(mail)
    told = _told(parts)
    if len(told) > MAX_RECIPIENTS:
        raise NotADeliveryReport(f"It tells of over {MAX_RECIPIENTS} recipients.")
    return Notice(_id(mail, raw), _moment(mail), tuple(told), _returned(parts))


def _require_report(head: Message) -> None:
    if head.get_content_type() == "multipart/report":
        return
    automatic = _field(head, "auto-submitted").partition(";")[0].strip().lower()
    if automatic not in ("", "no"):
        raise NotADeliveryReport(f"It is an automatic reply (Auto-Submitted: {automatic[:40]}).")
    raise NotADeliveryReport(f"It is {head.get_content_type()[:80]}, not multipart/report.")


def _parts(message: Message) -> list[Message]:
    payload = message.get_payload()
    found = payload if isinstance(payload, list) else []
    return [one for one in found if isinstance(one, Message)]


def _told(parts: list[Message]) -> list[Noticed]:
    for part in parts:
        kind = part.get_content_type()
        blocks = _parts(part)
        if kind == STATUS_PART:
            return _failures(blocks[1:])
        if kind == FEEDBACK_PART and blocks:
            return _complaints(blocks[0])
    raise NotADeliveryReport(f"It has neither {STATUS_PART} nor {FEEDBACK_PART}.")


def _failures(blocks: list[Message]) -> list[Noticed]:
    told = [
        Noticed(kind, _address(block, "original-recipient", "final-recipient"))
        for block in blocks
        if (kind := _bounce(block)) is not None
    ]
    if not told:
        raise NotADeliveryReport("It tells of no recipient who could not be reached.")
    return told


def _bounce(block: Message) -> ReportKind | None:
    action = _COMMENT.sub("", _field(block, "action")).strip().lower()
    status = _STATUS.match(_field(block, "status"))
    if action == "delayed":
        return ReportKind.SOFT_BOUNCE
    if action != "failed" or status is None or status[1] == "2":
        return None
    return ReportKind.HARD_BOUNCE if status[1] == "5" else ReportKind.SOFT_BOUNCE


def _complaints(fields: Message) -> list[Noticed]:
    kind = _field(fields, "feedback-type").strip().lower()
    if kind not in COMPLAINTS:
        raise NotADeliveryReport(f"Its Feedback-Type is {kind[:40]!r}, which is no complaint.")
    named = [str(one) for one in fields.get_all("original-rcpt-to", [])]
    addresses = [address for one in named if (address := _bare(one)) is not None]
    # Many leave the address out; what they return may hold a link of ours.
    return [Noticed(ReportKind.COMPLAINT, one) for one in addresses] or [
        Noticed(ReportKind.COMPLAINT, None)
    ]


def _address(block: Message, *names: str) -> str | None:
    for name in names:
        kind, _, address = _field(block, name).partition(";")
        if kind.strip().lower() in ("rfc822", "utf-8") and (bare := _bare(address)) is not None:
            return bare
    return None


def _bare(text: str) -> str | None:
    address = _COMMENT.sub("", text).strip().strip("<>").strip()
    return address if "@" in address and len(address) <= LONGEST_ADDRESS else None


def _returned(parts: list[Message]) -> str:
    for part in parts:
        inside = _parts(part)
        if part.get_content_type() == "message/rfc822" and inside:
            return _field(inside[0], "list-unsubscribe")
        if part.get_content_type() in ("text/rfc822-headers", "message/rfc822-headers"):
            decoded = part.get_payload(decode=True)
            head = decoded if isinstance(decoded, bytes) else b""
            return _field(BytesHeaderParser().parsebytes(head), "list-unsubscribe")
    return ""


def _moment(mail: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(_field(mail, "date"))
    except ValueError:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None


def _id(mail: Message, raw: bytes) -> str:
    # Nobody else has to tell it apart, and what is written there may name a person.
    named = _field(mail, "message-id").strip().encode(errors="replace")
    return hashlib.sha256(named or raw).hexdigest()


def _field(message: Message, name: str) -> str:
    return str(message.get(name, ""))
