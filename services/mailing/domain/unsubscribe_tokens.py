"""Unsubscribe links: a token that names a hand-off, signed, without anything about a person."""

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from services.mailing.domain.link_keys import ID_BYTES, LinkKeys

FORMAT = b"\x01"
PURPOSE = "unsubscribe"
MAC_BYTES = 16
PATH = "/u/"
ONE_CLICK = ("List-Unsubscribe", "One-Click")
"""What the body of the request says (RFC 8058)."""

# 36 bytes are 48 characters without a spare bit: a token has one spelling only.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{48}", re.ASCII)
_IN_TEXT = re.compile(rf"{PATH}({_TOKEN.pattern})(?![A-Za-z0-9_-])", re.ASCII)


@dataclass(frozen=True, slots=True)
class UnsubscribeLink:
    """Where a recipient says that he wants no more."""

    url: str

    @property
    def headers(self) -> dict[str, str]:
        """Return the header fields that the mail is to carry (RFC 2369, RFC 8058)."""
        name, value = ONE_CLICK
        return {name: f"<{self.url}>", f"{name}-Post": f"{name}={value}"}


LinksOf = Callable[[UUID], UnsubscribeLink | None]
"""Gives the link of a hand-off, by its id; None where no public address is set."""


def link_giver(keys: LinkKeys, public_url: str | None) -> LinksOf:
    """Return what gives the links of hand-offs below the address of this service."""

    def links_of(hand_off_id: UUID) -> UnsubscribeLink | None:
        if public_url is None:
            return None
        return UnsubscribeLink(f"{public_url.rstrip('/')}{PATH}{write_token(hand_off_id, keys)}")

    return links_of


def write_token(hand_off_id: UUID, keys: LinkKeys) -> str:
    """Return the token of a hand-off, signed with the first key."""
    said = FORMAT + keys.first + hand_off_id.bytes
    signature = keys.sign(keys.first, PURPOSE, said)
    assert signature is not None
    return base64.urlsafe_b64encode(said + signature[:MAC_BYTES]).decode()


def read_token(token: str, keys: LinkKeys) -> UUID | None:
    """Return the hand-off that a token names; None if we have not signed it with a key we know."""
    if not _TOKEN.fullmatch(token):
        return None
    raw = base64.urlsafe_b64decode(token)
    said, given = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    start = len(FORMAT)
    signature = keys.sign(said[start : start + ID_BYTES], PURPOSE, said)
    # The comparison takes the same time wherever the signatures differ.
    if signature is None or not hmac.compare_digest(signature[:MAC_BYTES], given):
        return None
    return UUID(bytes=said[start + ID_BYTES :])


def find_token(text: str, keys: LinkKeys) -> UUID | None:
    """Return the hand-off of the first link of ours in a text, such as a returned header field."""
    named = (read_token(found, keys) for found in _IN_TEXT.findall(text))
    return next((one for one in named if one is not None), None)
