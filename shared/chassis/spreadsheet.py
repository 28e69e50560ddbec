"""Tables for spreadsheets, with cells that they show and do not run."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

# A spreadsheet set to another separator than the file's, as the Finnish one is to `;`, begins new
# cells in the middle of ours, whatever we quote.
_BEGINS = re.compile(r"""(^|[;|\t\r\n])(?=[\s"]*[=+\-@\t\r\n＝＋－＠])""")  # noqa: RUF001
_NUMBER = re.compile(r"\+[0-9]{5,15}")


def safe_cell(value: str) -> str:
    """Return the text with an apostrophe wherever a spreadsheet would take it for a formula.

    A telephone number in E.164 stays as it is: it is only digits, and must stay usable.
    """
    return value if _NUMBER.fullmatch(value) else _BEGINS.sub(r"\1'", value)


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as CSV in UTF-8, every cell safe to open; None is an empty cell."""
    written = io.StringIO()
    csv.writer(written).writerows(
        [safe_cell("" if cell is None else str(cell)) for cell in row] for row in rows
    )
    return written.getvalue().encode()
