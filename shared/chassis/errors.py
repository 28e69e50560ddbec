"""Refusals: errors that a caller can understand and mend.

A refusal has a kind and a stable slug and knows no transport: the HTTP edge turns the kind into a
status, the inbox turns it into a parked message. The slug never changes once released; texts may.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of refusal it is; each edge holds its own table from kind to answer."""

    MALFORMED = "malformed"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    STALE = "stale"
    PRECONDITION_REQUIRED = "precondition-required"
    TOO_LARGE = "too-large"
    UNSUPPORTED = "unsupported"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that is wrong, why, and what to send instead."""

    field: str
    reason: str
    remedy: str


class Refusal(Exception):
    """The request or message is understood and refused; `remedy` says what would be accepted."""

    kind: Kind = Kind.INVALID
    slug: str = "refused"
    remedy: str = "Change the request as the detail says and send it again."

    def __init__(
        self,
        detail: str,
        *,
        remedy: str | None = None,
        fields: Sequence[FieldProblem] = (),
        facts: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy or type(self).remedy
        self.fields = tuple(fields)
        self.facts = facts or {}


class InvalidField(Refusal):
    """One field of the request cannot be accepted as it is."""

    slug = "invalid_field"

    def __init__(self, field: str, reason: str, remedy: str) -> None:
        super().__init__(
            f"{field}: {reason}", remedy=remedy, fields=[FieldProblem(field, reason, remedy)]
        )


class StaleVersion(Refusal):
    """The record has changed since the version named in If-Match."""

    kind = Kind.STALE
    slug = "stale_version"
    remedy = "Fetch the record again, merge your change and send it with the new ETag."


def check_version(what: str, version: int, expected: int | None) -> None:
    """Refuse a record that is not at the version in If-Match; None is any."""
    if expected is not None and version != expected:
        raise StaleVersion(f"The {what} is at version {version}, not {expected}.")


class Unavailable(Refusal):
    """A dependency does not answer in time; nothing was changed."""

    kind = Kind.UNAVAILABLE
    slug = "unavailable"
    remedy = "Try again after the time in Retry-After."
