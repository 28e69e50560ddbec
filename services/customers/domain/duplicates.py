"""
What makes two records look like one: which of their fields agree, and how much that says.

Names are compared folded: case, accents, punctuation and legal forms are nothing. The database has
the same folding in `folded_name`, which fills a column; a test compares both.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

LEGAL_FORMS = (
    # Finland and Sweden
    ("oy", "oyj", "ab", "abp", "ky", "kb", "tmi", "ry", "rf", "osk", "hb"),
    # Hungary
    ("kft", "zrt", "nyrt", "rt", "bt", "kkt", "ev"),
    # English
    ("ltd", "limited", "plc", "llc", "llp", "inc", "corp", "corporation", "co", "company"),
    # German, Dutch, Nordic, Baltic, Romance and Polish
    ("gmbh", "ag", "kg", "ohg", "ug", "bv", "nv", "as", "asa", "aps", "ou", "sia", "uab"),
    ("sa", "sas", "sarl", "srl", "spa", "sl", "sro", "doo"),
)
LEGAL_WORDS = frozenset(word for forms in LEGAL_FORMS for word in forms)

# What has no accent to take away, and is one letter with another all the same.
LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}

# Named one by one, since what a database takes for a letter depends on where it was set up.
_SEPARATORS = re.compile("[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f]+")

SHARED_BY_MANY = 10
"""An address that more records share is an accountant's or an operator's, and says nothing."""


class Reason(StrEnum):
    """Which fields agree."""

    BUSINESS_ID = "business_id"
    NAME_AND_ADDRESS = "name_and_address"
    EMAIL = "email"
    PHONE = "phone"
    NAME = "name"
    NAME_AND_EMAIL = "name_and_email"
    NAME_AND_MOBILE = "name_and_mobile"


SCORES = {
    Reason.BUSINESS_ID: 1.0,
    Reason.NAME_AND_EMAIL: 0.95,
    Reason.NAME_AND_ADDRESS: 0.9,
    Reason.NAME_AND_MOBILE: 0.9,
    Reason.EMAIL: 0.8,
    Reason.PHONE: 0.7,
    Reason.NAME: 0.5,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to find duplicates: the columns that agree, and what it is a reason for."""

    reason: Reason
    columns: tuple[str, ...]
    # Whether as many as like may share it; of an address only a few.
    any_number: bool = False


RULES = {
    "customer": (
        Rule(Reason.BUSINESS_ID, ("business_key",), any_number=True),
        Rule(Reason.EMAIL, ("email",)),
        Rule(Reason.PHONE, ("phone",)),
        Rule(Reason.NAME, ("name_key",), any_number=True),
    ),
    "contact": (
        Rule(Reason.NAME_AND_EMAIL, ("email", "name_key"), any_number=True),
        Rule(Reason.NAME_AND_MOBILE, ("mobile", "name_key"), any_number=True),
    ),
}
"""By record, the strongest first: the order of the suggestions."""


def folded_name(name: str) -> str | None:
    """Return a name as it is compared; of a name that is but legal forms, these."""
    folded = name.lower()
    for letter, plain in LETTERS.items():
        folded = folded.replace(letter, plain)
    bare = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", folded)).lower()
    # A dotted form is one word: O.Y. is oy.
    words = _SEPARATORS.sub(" ", bare.replace(".", "").replace("'", "")).split()
    return " ".join([word for word in words if word not in LEGAL_WORDS] or words) or None
