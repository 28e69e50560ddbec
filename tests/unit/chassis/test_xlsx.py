"""A workbook gives back what was put in it, and nothing in it is run or taken for markup."""

import io
import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from python_calamine import load_workbook

from shared.chassis import spreadsheet
from shared.chassis.errors import Unavailable
from shared.chassis.spreadsheet import (
    FIRST_DAY,
    LONGEST_TEXT,
    TooManyRows,
    safe_cell,
    xlsx_stream,
)

HOSTILE = [*"=+-@;|\t\r\n\"'<>&/r_x01a ", "\uff1d", "\ufffe", "\x07", "{", "}"]
TEXTS = st.text(max_size=30) | st.text(alphabet=HOSTILE, min_size=1, max_size=12)
CELLS = (
    st.none()
    | TEXTS
    | st.booleans()
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.decimals(-(10**9), 10**9, places=4)
    | st.dates(FIRST_DAY, date(2199, 12, 31))
)


async def workbook(*chunks: Sequence[Sequence[object]], header: Sequence[str] = ("a",)) -> bytes:
    async def given_() -> AsyncIterator[Sequence[Sequence[object]]]:
        for chunk in chunks:
            yield chunk

    return b"".join([piece async for piece in await xlsx_stream(header, given_())])


def read(book: bytes) -> list[list[Any]]:
    return load_workbook(io.BytesIO(book)).get_sheet_by_index(0).to_python()


def shown(cell: object) -> object:
    """What a reader sees of a cell: texts made safe, numbers as floats."""
    if cell is None:
        return ""
    if isinstance(cell, bool | date):
        return cell
    if isinstance(cell, int | Decimal):
        return float(cell)
    # XML has no way to write these two; Excel's own escapes stand for them.
    return safe_cell(str(cell)).replace("\ufffe", "_xFFFE_").replace("\uffff", "_xFFFF_")


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=4))
@example(rows=[["=1+1", "@x", "+358401234567"], ["http://evil", "{=1}", "_x0041_"]])
@example(rows=[["a\rb", "\x00", "\x07"], [" a ", "\n", "\ufffe\uffff"]])
async def test_a_workbook_gives_back_exactly_what_it_was_given(rows: list[list[object]]) -> None:
    header = ["one", "two", "three"]
    # A row number in the last column keeps rows that are empty otherwise.
    numbered = [[*row, place] for place, row in enumerate(rows)]

    sheet = read(await workbook(numbered[:1], numbered[1:], header=[*header, "no"]))

    assert sheet == [
        [*header, "no"],
        *([*map(shown, row), float(place)] for place, row in enumerate(rows)),
    ]


async def test_no_text_is_markup_a_formula_or_a_link() -> None:
    texts = ["<r><t>x</t></r>", "<r></broken></r>", "=1+1", "https://evil.example", "{=1}", "<b>&"]

    book = await workbook([[one] for one in texts])

    assert [row[0] for row in read(book)[1:]] == [
        "'<r><t>x</t></r>",
        "'<r></broken></r>",
        "'=1+1",
        *texts[3:],
    ]
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and "hyperlink" not in sheet
    assert 'state="frozen"' in sheet


async def test_what_excel_would_change_is_text() -> None:
    cells: list[object] = [
        10**15 + 1,
        Decimal("1234567890123.4567"),
        Decimal("NaN"),
        date(1900, 2, 28),
        datetime(2026, 1, 1, 12),
        "x" * (LONGEST_TEXT + 1),
    ]

    (_, *rows) = read(await workbook([[one] for one in cells]))

    assert [row[0] for row in rows] == [*map(str, cells[:-1]), "x" * LONGEST_TEXT]


async def test_a_sheet_has_its_bound_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert len(read(await workbook([[1]], [[2]]))) == 3
    with pytest.raises(TooManyRows):
        await workbook([[1], [2]], [[3]])

    assert os.listdir(tmp_path) == []


async def test_workbooks_are_not_built_in_any_number_at_once() -> None:
    refused: list[Unavailable] = []

    async def nested(depth: int) -> AsyncIterator[Sequence[Sequence[object]]]:
        yield [[depth]]
        try:
            await xlsx_stream(["a"], nested(depth + 1))
        except Unavailable as error:
            refused.append(error)

    await xlsx_stream(["a"], nested(1))

    assert len(refused) == 1
    assert read(await workbook([[1]])) == [["a"], [1.0]]
