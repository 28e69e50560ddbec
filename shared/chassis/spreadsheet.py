"""Tables for spreadsheets, with cells that they show and do not run."""

import asyncio
import csv
import io
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

from xlsxwriter import Workbook  # type: ignore[import-untyped]

from shared.chassis.errors import Kind, Refusal, Unavailable

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MOST_ROWS = 1_048_575
"""Rows of a sheet below its header."""
LONGEST_TEXT = 32_767
DIGITS = 15
BUILT_AT_ONCE = 2
PIECE = 65_536
# Before this day Excel's calendar has one that never was.
FIRST_DAY = date(1900, 3, 1)

# A spreadsheet set to another separator than the file's, as the Finnish one is to `;`, begins new
# cells in the middle of ours, whatever we quote.
_BEGINS = re.compile(r"""(^|[;|\t\r\n])(?=[\s"]*[=+\-@\t\r\n＝＋－＠])""")  # noqa: RUF001
_BREAKS = re.compile(r"[;|\t\r\n]")
_NUMBER = re.compile(r"\+[0-9]{5,15}")


def safe_cell(value: str) -> str:
    """Return the text with an apostrophe wherever a spreadsheet would take it for a formula.

    A telephone number in E.164 stays as it is: it is only digits, and must stay usable.
    """
    if value[:1].isalnum() and not _BREAKS.search(value):
        # As nearly all: where a cell begins there is a letter or a digit, and none begins later.
        return value
    return value if _NUMBER.fullmatch(value) else _BEGINS.sub(r"\1'", value)


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as CSV in UTF-8, every cell safe to open; None is an empty cell."""
    written = io.StringIO()
    csv.writer(written).writerows(
        [safe_cell("" if cell is None else str(cell)) for cell in row] for row in rows
    )
    return written.getvalue().encode()


class TooManyRows(Refusal):
    """A sheet cannot hold the rows."""

    kind = Kind.TOO_LARGE
    slug = "too_many_rows"
    remedy = f"Ask for CSV, which has no bound, or for at most {MOST_ROWS} rows."


async def xlsx_stream(
    header: Sequence[str], chunks: AsyncIterator[Sequence[Sequence[object]]]
) -> AsyncIterator[bytes]:
    """
    Return rows as a workbook of one sheet, its header frozen; refusals come before the stream.

    Texts are as safe as in CSV, numbers and days are typed, and None is an empty cell. What Excel
    would change is written as text: numbers of over 15 digits, days before March 1900. A text is
    cut where a cell ends. The workbook is built on disk, and its memory does not grow with it.
    """
    if _building.locked():
        raise Unavailable(f"{BUILT_AT_ONCE} workbooks are being built already.")
    async with _building:
        # It outlives this function, and goes with the last reference to it.
        file = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            await _build(file, header, chunks)
        except BaseException:
            file.close()
            raise
    return _pieces(file)


_building = asyncio.Semaphore(BUILT_AT_ONCE)


async def _build(
    file: IO[bytes], header: Sequence[str], chunks: AsyncIterator[Sequence[Sequence[object]]]
) -> None:
    # What the library leaves when it is stopped half-way goes with the directory.
    with tempfile.TemporaryDirectory(prefix="suhde-xlsx-") as parts:
        sheet = _Sheet(file, header, parts)
        async for rows in chunks:
            await asyncio.to_thread(sheet.append, rows)
        await asyncio.to_thread(sheet.close)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


class _Sheet:
    def __init__(self, file: IO[bytes], header: Sequence[str], parts: str) -> None:
        self._book = Workbook(
            file,
            {
                "constant_memory": True,
                "tmpdir": parts,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "default_date_format": "yyyy-mm-dd",
            },
        )
        self._sheet: Any = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        self._sheet.write_row(0, 0, header, self._book.add_format({"bold": True}))
        self._row = 0

    def append(self, rows: Sequence[Sequence[object]]) -> None:
        if self._row + len(rows) > MOST_ROWS:
            raise TooManyRows(f"There are more than {MOST_ROWS} rows.")
        for row in rows:
            self._row += 1
            for column, cell in enumerate(row):
                if cell is not None:
                    self._write(column, cell)

    def close(self) -> None:
        self._book.close()

    def _write(self, column: int, cell: object) -> None:
        place = self._row, column
        if isinstance(cell, bool):
            self._sheet.write_boolean(*place, cell)
        elif isinstance(cell, int | Decimal) and _is_kept(cell):
            self._sheet.write_number(*place, cell)
        elif isinstance(cell, date) and not isinstance(cell, datetime) and cell >= FIRST_DAY:
            self._sheet.write_datetime(*place, cell)
        else:
            self._sheet.write_string(*place, _xlsx_text(str(cell)))


def _is_kept(number: int | Decimal) -> bool:
    exact = Decimal(number)
    return exact.is_finite() and len(exact.normalize().as_tuple().digits) <= DIGITS


def _xlsx_text(value: str) -> str:
    safe = safe_cell(value)
    # The library would take this for markup of its own and write it as it is.
    marked = safe.startswith("<r>") and safe.endswith("</r>")
    return (f"'{safe}" if marked else safe)[:LONGEST_TEXT]
