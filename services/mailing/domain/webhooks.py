"""Webhooks: how messages are signed (Standard Webhooks), and how often one is tried again."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from uuid import UUID

from services.mailing.domain.link_keys import LinkKeys

PURPOSE = "webhook-secret"
PREFIX = "whsec_"
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=5), timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=3)


def secret_of(secret_id: UUID, key_id: bytes, keys: LinkKeys) -> str | None:
    """Return the secret of an id; None if the key it was made under is known no more."""
    made = keys.sign(key_id, PURPOSE, secret_id.bytes)
    return None if made is None else PREFIX + base64.b64encode(made).decode()


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of one message: `v1,` and HMAC-SHA256 in Base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    said = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, said, hashlib.sha256)).decode()


def delay_after(failures: int, chance: float) -> timedelta:
    """Return how long to wait after so many failures; `chance`, from 0 to 1, spreads them out."""
    delay: timedelta = min(FIRST_DELAY * 2 ** min(failures - 1, 20), LONGEST_DELAY)
    return delay * (0.5 + chance / 2)


def is_given_up(failing_since: datetime, now: datetime) -> bool:
    """Tell whether a webhook has failed for so long that it is switched off."""
    return now - failing_since >= GIVEN_UP_AFTER
