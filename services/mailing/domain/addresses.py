"""Addresses in the one form in which bans and contacts are compared."""

import re

from services.mailing.domain.channels import Channel
from shared.chassis.errors import InvalidField

_SPACE = re.compile(r"\s+")
_E164 = re.compile(r"\+[1-9][0-9]{4,14}")


def address_key(channel: Channel, *parts: str | None) -> str | None:
    """
    Return the key under which an address is compared, or None if it cannot be written to.

    E-mail and sms take one part. Post takes street, postal code, city and country, or one part in
    which `|` separates them; without all four there is no letter. A key is its own key.
    """
    if channel is Channel.POST:
        if len(parts) == 1:
            parts = tuple((parts[0] or "").split("|"))
        clean = [_SPACE.sub(" ", part or "").strip() for part in parts]
        return "|".join(clean).casefold() if len(clean) == 4 and all(clean) else None
    text = (parts[0] or "").strip()
    return (text.casefold() if channel is Channel.EMAIL else text) or None


def require_key(channel: Channel, address: str) -> str:
    """Return the key of an address that a person gave; refuse one that no contact could have."""
    key = address_key(channel, address)
    if channel is Channel.POST and key is None:
        raise InvalidField(
            "address",
            "is no whole postal address",
            "Send street|postal code|city|country, such as Katu 1|00100|Helsinki|FI.",
        )
    if channel is Channel.SMS and (key is None or not _E164.fullmatch(key)):
        # A ban under another spelling than the contact's would stop nothing.
        raise InvalidField("address", "is no number in E.164", "Send the number as +358401234567.")
    if key is None or (channel is Channel.EMAIL and "@" not in key[1:-1]):
        raise InvalidField("address", "is no e-mail address", "Send it as name@example.fi.")
    return key
