"""Reading the header Range: one range of bytes, so that a broken download can go on."""

import re

_ONE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


def wanted_part(header: str | None, size: int) -> tuple[int, int] | None:
    """
    Return the first and last byte that are asked for, both included; None is the whole.

    What is no single range of these bytes means the whole (RFC 9110, 14.2: it may be ignored).
    """
    found = _ONE.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    begin, end = found.groups()
    if not begin:
        first, last = size - int(end or 0), size - 1
    else:
        first, last = int(begin), min(int(end or size), size - 1)
    first = max(first, 0)
    return (first, last) if first <= last else None
