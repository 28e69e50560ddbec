"""CloudEvents 1.0 at the door: one reader for binary and structured, whatever carries them.

Binary mode puts the attributes into headers (`ce-id`, or the `cloudEvents:`/`cloudEvents_` prefixes
of the AMQP binding) and the data into the body. Structured mode is one JSON object that holds
attributes and data. A message is read as binary if it names `specversion` in a header, and as
structured otherwise: content types are not trusted, since plain publishers cannot set them.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

SPEC_VERSION = "1.0"
MAX_ATTRIBUTE = 512

_PREFIXES = ("ce-", "cloudevents:", "cloudevents_")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TIME: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


class UnreadableEnvelope(ValueError):
    """The message is no CloudEvent that we can read; says which attribute, why, and the remedy."""

    def __init__(self, field: str, reason: str, remedy: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Envelope:
    """The attributes of one event. `id` and `source` together identify it, for ever."""

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    structured: bool = False

    def headers(self) -> dict[str, str]:
        """Return the attributes as headers of the binary mode."""
        headers = {
            "ce-specversion": SPEC_VERSION,
            "ce-id": self.id,
            "ce-source": self.source,
            "ce-type": self.type,
        }
        if self.subject is not None:
            headers["ce-subject"] = self.subject
        if self.time is not None:
            headers["ce-time"] = self.time.isoformat()
        if self.correlation_id is not None:
            headers["ce-correlationid"] = self.correlation_id
        if self.traceparent is not None:
            headers["traceparent"] = self.traceparent
        return headers


def read_envelope(body: bytes, headers: Mapping[str, Any]) -> Envelope:
    """
    Read the envelope of a message from its body and headers.

    Raises `UnreadableEnvelope` naming the attribute that is missing or wrong. The data itself is
    not looked at, except that a structured message must be JSON to have attributes at all.
    """
    attributes = _from_headers(headers)
    structured = "specversion" not in attributes
    if structured:
        attributes = {**attributes, **_from_body(body)}
    return _checked(attributes, structured=structured)


def read_data(body: bytes, *, structured: bool) -> bytes:
    """Return the event's data as JSON bytes; raise `UnreadableEnvelope` if there is none."""
    if not structured:
        return body
    document = _from_body(body)
    if "data_base64" in document:
        raise UnreadableEnvelope("data_base64", "binary data is not taken", "send JSON in `data`")
    if "data" not in document:
        raise UnreadableEnvelope("data", "missing", "put the event's fields under `data`")
    return to_json(document["data"])


def body_hash(body: bytes) -> bytes:
    """Return 16 bytes that tell one body from another."""
    return hashlib.blake2b(body, digest_size=16).digest()


def _from_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in headers.items():
        lower = name.lower()
        for prefix in _PREFIXES:
            if lower.startswith(prefix):
                found[lower[len(prefix) :]] = value
                break
        else:
            if lower == "traceparent":
                found[lower] = value
    return found


def _from_body(body: bytes) -> dict[str, Any]:
    try:
        document = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise UnreadableEnvelope(
            "body",
            f"is not JSON ({error}) and no ce- headers were set",
            "send a CloudEvent as one JSON object, or set the ce- headers",
        ) from None
    if not isinstance(document, dict):
        raise UnreadableEnvelope(
            "body", "is JSON but not an object", "send one CloudEvent per message as a JSON object"
        )
    return document


def _checked(attributes: Mapping[str, Any], *, structured: bool) -> Envelope:
    version = attributes.get("specversion")
    if version != SPEC_VERSION:
        raise UnreadableEnvelope(
            "specversion", f"is {_shown(version)}", f'send "specversion": "{SPEC_VERSION}"'
        )
    time = attributes.get("time")
    if time is not None:
        try:
            time = _TIME.validate_python(time)
            # A moment on the edge of the calendar may have no UTC form, which the database needs.
            time.astimezone(UTC)
        except (ValidationError, OverflowError):
            raise UnreadableEnvelope(
                "time", f"{_shown(time)} is not a moment with a zone", "send RFC 3339, or none"
            ) from None
    return Envelope(
        id=_text(attributes, "id"),
        source=_text(attributes, "source"),
        type=_text(attributes, "type"),
        subject=_text(attributes, "subject") if attributes.get("subject") is not None else None,
        time=time,
        correlation_id=_optional(attributes, "correlationid"),
        traceparent=_optional(attributes, "traceparent"),
        structured=structured,
    )


def _text(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not value.strip():
        raise UnreadableEnvelope(name, "missing or not text", f"send a non-empty `{name}`")
    if len(value) > MAX_ATTRIBUTE:
        raise UnreadableEnvelope(
            name, f"is longer than {MAX_ATTRIBUTE} characters", f"shorten `{name}`"
        )
    if _CONTROL.search(value) or not _encodable(value):
        raise UnreadableEnvelope(
            name, "holds control characters or half a surrogate pair", f"send printable `{name}`"
        )
    return value


def _optional(attributes: Mapping[str, Any], name: str) -> str | None:
    value = attributes.get(name)
    usable = isinstance(value, str) and len(value) <= MAX_ATTRIBUTE and not _CONTROL.search(value)
    return value if usable and _encodable(str(value)) else None


def _shown(value: Any) -> str:
    try:
        return repr(value)[:60]
    except ValueError:  # an integer with more digits than Python prints
        return f"a huge {type(value).__name__}"


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
