"""Cells that a spreadsheet shows and does not run."""

import re

_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"\+[0-9]{5,15}")


def safe_cell(value: str) -> str:
    """Return the text with a leading apostrophe where a spreadsheet would take it for a formula.

    A telephone number in E.164 stays as it is: it is only digits, and must stay usable.
    """
    if value.lstrip(" ").startswith(_RUNS) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
