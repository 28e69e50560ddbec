"""Addresses in the one form in which bans and contacts are compared."""

import re
import unicodedata

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from services.mailing.domain.channels import Channel
from shared.chassis.errors import InvalidField

MAX_KEY = 500
"""Characters of a key, as in the published language; four bytes each still fit into an index."""

_GAP = re.compile(r"[\s|]+")


def address_key(channel: Channel, *parts: str | None) -> str | None:
    """
    Return the key under which an address is compared, or None if it cannot be written to.

    E-mail and sms take one part. Post takes street, postal code, city and country, or one part in
    which `|` separates them; without all four there is no letter. A key is its own key, and has at
    most `MAX_KEY` characters: what is longer is no address.
    """
    if channel is Channel.POST:
        if len(parts) == 1:
            parts = tuple((parts[0] or "").rsplit("|", 3))
        clean = [_GAP.sub(" ", part or "").strip() for part in parts]
        key = _folded("|".join(clean)) if len(clean) == 4 and all(clean) else ""
    else:
        text = (parts[0] or "").strip()
        key = _folded(text) if channel is Channel.EMAIL else text
    return key if 0 < len(key) <= MAX_KEY else None


def require_key(channel: Channel, address: str) -> str:
    """
    Return the key of an address that a person gave; refuse one that no contact could have.

    The address is normalised as customers normalises those of contacts: a ban under another
    spelling than the contact's would stop nothing.
    """
    if channel is Channel.POST:
        key = address_key(channel, address)
        wanted = "is no whole postal address"
        remedy = "Send street|postal code|city|country, such as Katu 1|00100|Helsinki|FI."
    elif channel is Channel.SMS:
        key = address_key(channel, _normal_number(address))
        wanted, remedy = "is no number in E.164", "Send the number as +358401234567."
    else:
        key = address_key(channel, _normal_email(address))
        wanted, remedy = "is no e-mail address", "Send it as name@example.fi."
    if key is None:
        raise InvalidField("address", wanted, remedy)
    return key


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


def _normal_email(address: str) -> str | None:
    try:
        return validate_email(address.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def _normal_number(address: str) -> str | None:
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
