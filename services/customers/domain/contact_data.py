"""E-mail addresses, phone numbers and postal addresses in their one normal form."""

import re
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from services.customers.domain.phone_numbers import is_plainly_valid
from shared.chassis.errors import InvalidField


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """Where letters go."""

    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None

    def key(self) -> str | None:
        """Return the address folded for comparison, or None where a letter could not arrive."""
        parts = (self.street, self.postal_code, self.city, self.country)
        if not all(parts):
            return None
        return "|".join(" ".join(str(part).split()).casefold() for part in parts)


@dataclass(frozen=True, slots=True)
class Place:
    """Of whom somebody is a contact, as what, and in which order among the contacts there.

    A position of None is not said: it stays as it is, and is 0 where there was none.
    """

    customer_id: UUID
    role: str | None = None
    position: int | None = None


# Addresses of plain letters, for which the checks of all others have nothing to say; they are most,
# and an import reads a hundred thousand.
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9]+(?:[._+-][a-z0-9]+){0,10}@(?:[a-z0-9]{1,30}\.){1,3}(?P<top>[a-z]{2,10})",
    re.ASCII | re.IGNORECASE,
)
_SPECIAL_TOPS = {name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES}


def normal_email(value: str) -> str | None:
    """Return an e-mail address folded for comparison, or None if it cannot be one."""
    plain = _PLAIN_EMAIL.fullmatch(value) if len(value) <= 64 else None
    if plain is not None and plain["top"].lower() not in _SPECIAL_TOPS:
        return value.casefold()
    try:
        return validate_email(value.strip(), check_deliverability=False).normalized.casefold()
    except EmailNotValidError:
        return None


def normal_phone(value: str, *, region: str) -> str | None:
    """Return a phone number as E.164, or None if it is no valid number seen from the region."""
    return value if is_plainly_valid(value) else _read_phone(value, region)


@lru_cache(maxsize=4096)
def _read_phone(value: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def checked_email(field: str, value: str | None) -> str | None:
    """Return the normal form; refuse what is no e-mail address, naming the field."""
    if value is None or not value.strip():
        return None
    normal = normal_email(value)
    if normal is None:
        raise InvalidField(field, "is no e-mail address", "Send an address such as a@example.com.")
    return normal


def checked_phone(field: str, value: str | None, *, region: str) -> str | None:
    """Return the number as E.164; refuse what is no valid number, naming the field."""
    if value is None or not value.strip():
        return None
    normal = normal_phone(value, region=region)
    if normal is None:
        raise InvalidField(
            field,
            "is no valid phone number",
            "Send it with its country code, such as +358401234567.",
        )
    return normal
