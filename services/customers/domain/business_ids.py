"""Business ids and VAT numbers: one normal form each, and check digits that are right.

A form is recognised by its dashes or its country prefix, and only then a wrong check digit is
refused: bare digits may be another country's. Bare digits take the normal form of the one country
whose check they pass. Whatever is not recognised is kept as it is, since foreign ids exist.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from stdnum import luhn
from stdnum.eu import vat
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.fi import ytunnus
from stdnum.hu import anum

from shared.chassis.errors import InvalidField


@dataclass(frozen=True, slots=True)
class _Form:
    country: str
    name: str
    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool]


def _form(country: str, name: str, pattern: str, is_valid: Callable[[str], bool]) -> _Form:
    return _Form(country, name, re.compile(pattern, re.ASCII), is_valid)


_FORMS = (
    _form("FI", "Y-tunnus", r"(\d{7})-?(\d)", ytunnus.is_valid),
    _form("SE", "organisationsnummer", r"(\d{6})-?(\d{4})", luhn.is_valid),
    _form("HU", "adószám", r"(\d{8})-?([1-5])-?(\d{2})", lambda digits: anum.is_valid(digits[:8])),
    # The core of an adószám as it stands in contracts.
    _form("HU", "törzsszám", r"(\d{8})", anum.is_valid),
)
COUNTRIES = tuple(dict.fromkeys(form.country for form in _FORMS))
_VAT = re.compile(
    rf"({'|'.join(vat.MEMBER_STATES)}|EL)[0-9A-Z+*]{{2,13}}", re.ASCII | re.IGNORECASE
)


def normal_business_id(value: str, countries: Collection[str]) -> str:
    """Return the normal form of what is valid in one of the countries; all else as it is."""
    return _read(value, countries)[0]


def checked_business_id(field: str, value: str | None, countries: Collection[str]) -> str | None:
    """Return the normal form; refuse a recognised form with a wrong check digit, by field."""
    if value is None or not value.strip():
        return None
    normal, wrong = _read(value, countries)
    if wrong is not None:
        raise InvalidField(
            field,
            f"{value[:40]!r} has the form of a {wrong} and its check digit is wrong",
            "Correct the digits; a foreign id of another form is taken as it is.",
        )
    return normal


def _read(value: str, countries: Collection[str]) -> tuple[str, str | None]:
    """Return the form to keep, and what the value is a wrong instance of, if it is one."""
    kept = value.strip()
    compact = re.sub(r"[\s.]", "", kept)
    prefixed = compact.replace("-", "").upper()
    if _VAT.fullmatch(prefixed):
        try:
            return vat.validate(prefixed), None
        except InvalidChecksum:
            return kept, f"VAT number of {prefixed[:2]}"
        except ValidationError:
            return kept, None
    found = {
        form: match.groups()
        for form in _FORMS
        if form.country in countries and (match := form.pattern.fullmatch(compact))
    }
    valid = ["-".join(parts) for form, parts in found.items() if form.is_valid("".join(parts))]
    if len(valid) == 1:
        return valid[0], None
    if not valid and "-" in compact and found:
        return kept, next(form.name for form in found)
    return kept, None
