"""Secrets with which providers sign what they report: made of an id by our keys, kept nowhere."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from services.mailing.domain.link_keys import LinkKeys

PURPOSE = "report-secret"
TOLERANCE = timedelta(minutes=5)


def secret_of(secret_id: UUID, key_id: bytes, keys: LinkKeys) -> str | None:
    """Return the secret of an id; None if the key it was made under is known no more."""
    made = keys.sign(key_id, PURPOSE, secret_id.bytes)
    return None if made is None else f"suhde_{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature: HMAC-SHA256 of timestamp, point and body, in hexadecimal digits."""
    said = timestamp.encode() + b"." + body
    return hmac.digest(secret.encode(), said, hashlib.sha256).hex()


def is_signed(
    secrets_of_provider: Iterable[str], timestamp: str, body: bytes, signature: str
) -> bool:
    """Tell whether one of these secrets has signed it; it takes as long where there is none."""
    known = [*secrets_of_provider] or [secrets.token_urlsafe()]
    given = signature.encode(errors="replace")
    return any(
        # The comparison takes the same time wherever the signatures differ.
        hmac.compare_digest(sign(one, timestamp, body).encode(), given)
        for one in known
    )


def is_timely(timestamp: str, now: datetime) -> bool:
    """Tell whether seconds since 1970 lie within the tolerance of now."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(int(timestamp) - now.timestamp()) <= TOLERANCE.total_seconds()
