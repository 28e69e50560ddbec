"""Sheets of XLSX workbooks, looked through as a stream before anything is unpacked into memory."""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import python_calamine

from shared.chassis.sheets import (
    MAX_COLUMNS,
    MAX_ROWS,
    FileUnreadable,
    Row,
    Sheet,
    headed,
    too_large,
    unreadable,
)

MAX_UNPACKED = 500 * 1_048_576
MAX_RATIO = 300
MAX_ENTRIES = 5000
# The reader holds a rectangle of cells in memory: up to the last row, up to the last column.
MAX_CELLS = 4_000_000
MAX_SMALL_PART = 8 * 1_048_576
_CHUNK = 1_048_576
_OVERLAP = 300

ZIP = b"PK\x03\x04"
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_CELL = re.compile(rb"<(?:\w+:)?(c|row|mergeCell)(?=[\s/>])([^>]{0,200})")
_PLACE = re.compile(rb'\br(?:ef)?="([A-Z]{0,3})(\d{0,9})(:?[A-Z0-9:]{0,20})"')
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s([^>]{0,2000})>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s([^>]{0,4000})>")
_ATTRIBUTE = re.compile(rb'([\w:]+)="([^"]*)"')

_DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(NotImplementedError, RuntimeError, KeyError, ValueError),
)

SPLIT = "Remove rows and columns that are not needed, also empty ones, or save the sheet as CSV."


def read_workbook(path: Path, *, sheet: str | None) -> Sheet:
    """Read one sheet of a workbook: the one that is named, else the first."""
    with path.open("rb") as file:
        head = file.read(8)
    if head == OLD_OFFICE:
        raise unreadable(
            "file",
            "is an old .xls or has a password",
            "Save it as .xlsx without a password, or as CSV.",
        )
    if not zipfile.is_zipfile(path):
        raise _broken()
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(archive)
            parts = _sheet_parts(archive)
            if not parts:
                raise _broken()
            name = _chosen(sheet, list(parts))
            _look_through(archive, parts[name])
    except _DAMAGES:
        raise _broken() from None
    columns, rows = headed(_records(path, name))
    return Sheet(columns, rows, name=name, names=list(parts))


def _broken() -> FileUnreadable:
    return unreadable(
        "file",
        "is neither a workbook (.xlsx) nor text, or it is damaged",
        "Open it in a spreadsheet and save it as .xlsx or CSV.",
    )


def _check_size(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if any(one.flag_bits & 1 for one in entries):
        raise unreadable("file", "has a password", "Save it without one.")
    unpacked = sum(one.file_size for one in entries)
    packed = max(sum(one.compress_size for one in entries), 1)
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED:
        raise too_large("file", f"unpacks to {unpacked:,} bytes", SPLIT)
    if unpacked > 50 * 1_048_576 and unpacked / packed > MAX_RATIO:
        raise too_large("file", f"unpacks to {unpacked // packed} times its size", SPLIT)


def _small(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        content = part.read(MAX_SMALL_PART + 1)
    if len(content) > MAX_SMALL_PART:
        raise _broken()
    return content


def _attributes(found: bytes) -> dict[str, str]:
    return {
        name.decode().rpartition(":")[2]: value.decode("utf-8", "replace")
        for name, value in _ATTRIBUTE.findall(found)
    }


def _sheet_parts(archive: zipfile.ZipFile) -> Mapping[str, str]:
    """Return the sheets in order: their names, and where in the archive they are."""
    relations = {
        one["Id"]: one["Target"]
        for found in _RELATION.findall(_small(archive, "xl/_rels/workbook.xml.rels"))
        if {"Id", "Target"} <= (one := _attributes(found)).keys()
    }
    sheets = [_attributes(found) for found in _SHEET.findall(_small(archive, "xl/workbook.xml"))]
    parts = {}
    for one in sheets:
        target = relations.get(one.get("id", ""), "")
        if one.get("name") and "worksheet" in target:
            full = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            parts[_unescaped(one["name"])] = full
    return parts


def _unescaped(text: str) -> str:
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'")):
        text = text.replace(entity, char)
    return text.replace("&amp;", "&")


def _chosen(sheet: str | None, names: list[str]) -> str:
    if sheet is None:
        return names[0]
    if sheet not in names:
        known = ", ".join(names[:20])
        raise unreadable("sheet", f"{sheet[:100]!r} is not there", f"There are: {known}.")
    return sheet


def _look_through(archive: zipfile.ZipFile, part: str) -> None:
    """Refuse merged cells, and more rows, columns or cells than are read; without parsing XML."""
    rows = cells = last_row = last_column = read = 0
    carried = b""
    with archive.open(part) as stream:
        while piece := stream.read(_CHUNK):
            read += len(piece)
            if read > MAX_UNPACKED:
                raise too_large("file", f"unpacks to more than {MAX_UNPACKED:,} bytes", SPLIT)
            text = carried + piece
            # A tag that is cut in two is looked at with the next piece.
            end = text.rfind(b"<") if len(text) - text.rfind(b"<") < _OVERLAP else len(text)
            for tag, attributes in _CELL.findall(text[:end]):
                place = _PLACE.search(attributes)
                if tag == b"mergeCell":
                    found = attributes.partition(b'ref="')[2].partition(b'"')[0]
                    raise unreadable(
                        f"cells {found.decode('ascii', 'replace')}",
                        "are merged, so it is not said in which rows their value holds",
                        "Unmerge them (Merge & Center off) and fill the value into each row.",
                    )
                if tag == b"row":
                    rows += 1
                    last_row = max(last_row, rows, int(place[2] or 0) if place else 0)
                else:
                    cells += 1
                    if place and place[1]:
                        last_column = max(last_column, _column(place[1]))
            carried = text[end:]
            if last_row > 2 * MAX_ROWS or rows > 2 * MAX_ROWS:
                raise too_large(
                    "file",
                    f"has rows up to {max(last_row, rows):,}, empty ones counted",
                    f"At most {MAX_ROWS:,} are read. {SPLIT}",
                )
            if last_column > MAX_COLUMNS * 5 or cells > MAX_CELLS:
                raise too_large(
                    "file", f"has {last_column:,} columns and over {cells:,} cells", SPLIT
                )
    if last_row * last_column > MAX_CELLS:
        raise too_large(
            "file", f"has {last_row:,} rows and {last_column:,} columns, empty ones counted", SPLIT
        )


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _records(path: Path, name: str) -> Iterator[Row]:
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as workbook:
            sheet = workbook.get_sheet_by_name(name)
            for line, row in enumerate(sheet.iter_rows(), (sheet.start or (0, 0))[0] + 1):
                yield line, [_text(cell) for cell in row]
    except (python_calamine.CalamineError, ValueError, OSError):
        raise _broken() from None
    except BaseException as error:
        # A panic of the reader, which is written in Rust, is no Exception.
        if type(error).__name__ == "PanicException":
            raise _broken() from None
        raise


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        is_day = cell.time() == time.min
        return cell.date().isoformat() if is_day else cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)
