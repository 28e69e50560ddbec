"""Checks a consent log by itself: the chain holds, and no hand-off stands after its ban."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.mailing.domain.channels import Purpose
from services.mailing.domain.consent_log import FIRST, Record, What, digest

_CLOSES = frozenset({What.BANNED, What.FENCED, What.SUPPRESSED, What.TOPIC_BANNED})
_OPENS = frozenset({What.LIFTED, What.TOPIC_LIFTED})

_Gate = tuple[str, str, str | None]
"""Channel, key, and the topic or None for all."""


class Breach(Exception):
    """What is wrong with a log, at which positions, and the lines that show it."""

    def __init__(self, what: str, lines: tuple[str, ...]) -> None:
        super().__init__(what)
        self.what = what
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Proof:
    """A log that holds: how many records of which sort, and the hash of the last one."""

    records: int
    counts: Counter[str]
    last: str


@dataclass(slots=True)
class _Reader:
    position: int = 0
    last: str = FIRST
    counts: Counter[str] = field(default_factory=Counter)
    # Who closes a gate, and the record that says so with its line.
    closed: dict[_Gate, dict[str, tuple[Record, str]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def read(self, line: str) -> None:
        try:
            record = json.loads(line)
            what = What(record["what"])
            self._chain(record, line)
            self._gates(what, record, line)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            where = f"line {self.position + 1} is no record of a consent log: {error!r}"
            raise Breach(where, (line,)) from None
        self.counts[what.value] += 1

    def _chain(self, record: Record, line: str) -> None:
        expected = self.position + 1
        if record["position"] != expected:
            raise Breach(f"position {record['position']} stands where {expected} belongs", (line,))
        if record["previous"] != self.last:
            raise Breach(f"position {expected} does not follow the record before it", (line,))
        if record["hash"] != digest(record):
            raise Breach(f"position {expected} is not what was written: its hash differs", (line,))
        self.position, self.last = expected, record["hash"]

    def _gates(self, what: What, record: Record, line: str) -> None:
        channel, topic = record["channel"], record["topic"]
        gate = (channel, record["key"], topic)
        if what in _CLOSES:
            self.closed[gate][record["subject"]] = (record, line)
        elif what in _OPENS:
            self.closed[gate].pop(record["subject"], None)
            if not self.closed[gate]:
                del self.closed[gate]
        elif what is What.HANDED_OFF and record["purpose"] == Purpose.MARKETING:
            for key in (record["key"], record["subject"], *record["customers"]):
                for about in {None, topic}:
                    self._open((channel, key, about), record, line)

    def _open(self, gate: _Gate, record: Record, line: str) -> None:
        for ban, ban_line in self.closed.get(gate, {}).values():
            # Both are in the one written form of UTC, so text compares as time.
            if ban["ends_at"] is None or ban["ends_at"] > record["at"]:
                raise Breach(
                    f"position {record['position']} hands off what position {ban['position']} "
                    "had banned",
                    (ban_line, line),
                )


def prove(lines: Iterable[str]) -> Proof:
    """Read a whole log from its first record on; raise `Breach` at the first that is wrong."""
    reader = _Reader()
    for line in lines:
        if line.strip():
            reader.read(line.strip())
    return Proof(reader.position, reader.counts, reader.last)
