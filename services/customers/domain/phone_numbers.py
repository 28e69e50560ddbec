"""Phone numbers that are written as E.164 already, read in one look (an import has 200,000)."""

import re
from collections.abc import Callable
from functools import cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.phonemetadata import PhoneNumberDesc

# The number behind the country begins with no zero: those are trunk prefixes or Italy's own.
_INTERNATIONAL = re.compile(r"\+([1-9][0-9]{6,14})", re.ASCII)

Reads = Callable[[str], bool]


def is_plainly_valid(value: str) -> bool:
    """
    Tell whether a text is a valid number in E.164 as it stands, from wherever it is seen.

    Yes is what the library says too; no means only that the library is to be asked.
    """
    found = _INTERNATIONAL.fullmatch(value)
    if found is None:
        return False
    digits = found[1]
    for length in (1, 2, 3):
        if int(digits[:length]) in COUNTRY_CODE_TO_REGION_CODE:
            national = digits[length:]
            return national[0] != "0" and _reader(int(digits[:length]))(national)
    return False


@cache
def _reader(country_code: int) -> Reads:
    """Return what tells whether a number is surely one of the first region of a country code."""
    metadata = PhoneMetadata.metadata_for_region(COUNTRY_CODE_TO_REGION_CODE[country_code][0], None)
    if metadata is None or metadata.general_desc is None:
        return lambda national: False
    kinds = (
        metadata.mobile,
        metadata.fixed_line,
        metadata.premium_rate,
        metadata.toll_free,
        metadata.shared_cost,
        metadata.voip,
        metadata.personal_number,
        metadata.pager,
        metadata.uan,
        metadata.voicemail,
    )
    of_region = _matcher(metadata.general_desc)
    of_kinds = [_matcher(kind) for kind in kinds if kind is not None]
    # Which digits make a number this region's, where several share the country code.
    leading = re.compile(metadata.leading_digits or "")
    prefix = re.compile(metadata.national_prefix_for_parsing or "(?!)")

    def reads(national: str) -> bool:
        # A prefix may have to be taken away, which is a matter of what remains.
        return (
            leading.match(national) is not None
            and of_region(national)
            and any(is_of_kind(national) for is_of_kind in of_kinds)
            and prefix.match(national) is None
        )

    return reads


def _matcher(kind: PhoneNumberDesc) -> Reads:
    pattern = kind.national_number_pattern
    if not pattern:
        return lambda national: False
    whole, lengths = re.compile(pattern), frozenset(kind.possible_length)

    def matches(national: str) -> bool:
        return (not lengths or len(national) in lengths) and whole.fullmatch(national) is not None

    return matches
