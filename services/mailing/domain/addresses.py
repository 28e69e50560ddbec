"""Addresses in the one form in which bans and contacts are compared, and their keyed hashes."""

import hmac
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from services.mailing.domain.channels import Channel
from shared.chassis.errors import InvalidField

MAX_KEY = 500
"""Characters of a key, as in the published language; four bytes each still fit into an index."""

HashOf = Callable[[Channel, str], str]
"""Gives the keyed hash of an address key: whoever lacks the secret cannot tell whose it is."""

_NUMBERS = (Channel.SMS, Channel.CALL)
_GAP = re.compile(r"[\s|]+")


@dataclass(frozen=True, slots=True)
class Addresses:
    """The keys of a person's addresses and their hashes; None where there is no address."""

    email_key: str | None
    sms_key: str | None
    phone_key: str | None
    post_key: str | None
    email_hash: str | None
    sms_hash: str | None
    post_hash: str | None
    call_hash: str | None


def hashes(secret: str) -> HashOf:
    """Return the hash of this secret; a number has one hash, whether it is texted or called."""
    key = secret.encode()

    def hash_of(channel: Channel, address: str) -> str:
        kind = "number" if channel in _NUMBERS else str(channel)
        return hmac.digest(key, f"{kind}:{address}".encode(), "sha256").hex()

    return hash_of


def keys_and_hashes(
    *,
    email: str | None,
    mobile: str | None,
    phone: str | None,
    place: tuple[str | None, str | None, str | None, str | None],
    hash_of: HashOf,
) -> Addresses:
    """Return the keys and hashes of a person's addresses; one is called by mobile, else by phone.

    `place` is street, postal code, city and country.
    """
    sms, telephone = address_key(Channel.SMS, mobile), address_key(Channel.SMS, phone)
    mail, post = address_key(Channel.EMAIL, email), address_key(Channel.POST, *place)
    return hashed(email_key=mail, sms_key=sms, phone_key=telephone, post_key=post, hash_of=hash_of)


def hashed(
    *,
    email_key: str | None,
    sms_key: str | None,
    phone_key: str | None,
    post_key: str | None,
    hash_of: HashOf,
) -> Addresses:
    """Return these keys with their hashes."""

    def maybe(channel: Channel, key: str | None) -> str | None:
        return None if key is None else hash_of(channel, key)

    return Addresses(
        email_key=email_key,
        sms_key=sms_key,
        phone_key=phone_key,
        post_key=post_key,
        email_hash=maybe(Channel.EMAIL, email_key),
        sms_hash=maybe(Channel.SMS, sms_key),
        post_hash=maybe(Channel.POST, post_key),
        call_hash=maybe(Channel.CALL, sms_key or phone_key),
    )


def address_key(channel: Channel, *parts: str | None) -> str | None:
    """
    Return the key under which an address is compared, or None if it cannot be written to.

    E-mail, sms and call take one part. Post takes street, postal code, city and country, or one
    part in which `|` separates them; without all four there is no letter. A key is its own key, and
    has at most `MAX_KEY` characters: what is longer is no address.
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
    elif channel in _NUMBERS:
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
