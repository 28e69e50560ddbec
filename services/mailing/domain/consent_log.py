"""The consent log: what was banned, lifted and handed off, as a chain that shows every change.

A record's hash covers the record and the hash before it, so none can be changed, left out or moved
without all later ones. The order is the order in which gates were held.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from services.mailing.domain.channels import Channel

FIRST = "0" * 64
"""What stands before the first record."""

Record = dict[str, Any]
"""One record as it is written to a file: JSON names to JSON values."""


class What(StrEnum):
    """What a record says; the words never change."""

    BANNED = "banned"
    LIFTED = "lifted"
    ACCEPTED = "accepted"
    FENCED = "fenced"
    HANDED_OFF = "handed_off"
    SUPPRESSED = "suppressed"
    TOPIC_BANNED = "topic_banned"
    TOPIC_LIFTED = "topic_lifted"


@dataclass(frozen=True, slots=True)
class Fact:
    """
    Something to be written down.

    `key` is what is banned or written to: the keyed hash of an address, or the contact or customer
    itself; None of a service message to an address that was not hashed yet. `subject` is who holds
    the ban (a contact, a customer, a ban of ours), or who is handed off; `customers` are then those
    in whose name. `ends_at` is the first moment a ban no longer stands at.
    """

    what: What
    channel: Channel
    key: str | None
    subject: str
    customers: tuple[str, ...] = ()
    topic: str | None = None
    ends_at: datetime | None = None
    purpose: str | None = None
    campaign: str | None = None
    source: str | None = None
    how: str | None = None
    text_version: str | None = None
    evidence: str | None = None
    consent_seq: int | None = None


def written(moment: datetime) -> str:
    """Return a moment as the log writes it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def digest(record: Record) -> str:
    """Return the hash of a record: SHA-256 over all but the hash, with names in order."""
    content = {name: value for name, value in record.items() if name != "hash"}
    return hashlib.sha256(line_of(content).encode()).hexdigest()


def line_of(record: Record) -> str:
    """Return a record in its one written form: a line of JSON without gaps, in ASCII."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def chained(
    facts: Sequence[Fact], *, position: int, previous: str, at: datetime, actor: str | None
) -> list[Record]:
    """Return the records of facts after the record at `position` whose hash is `previous`."""
    records: list[Record] = []
    for fact in facts:
        position += 1
        record: Record = {
            **asdict(fact),
            "customers": list(fact.customers),
            "ends_at": written(fact.ends_at) if fact.ends_at else None,
            "position": position,
            "at": written(at),
            "actor": actor,
            "previous": previous,
        }
        record["hash"] = previous = digest(record)
        records.append(record)
    return records
