"""Files that anybody sends are read as they were meant, or refused with place and remedy."""

import csv
import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.customers.domain.import_fields import HEADERS, is_field, proposed
from shared.chassis.errors import Refusal
from shared.chassis.sheets import Sheet
from shared.imports.uploads import Upload, read_upload
from tests.integration.customers.importing import workbook

# Words of the four languages, as tables of customers have them.
WORDS = st.sampled_from(
    [
        *("Virtanen", "Mäkelä", "Åkerlund", "Öhman", "Sjöberg", "Jyväskylä", "Kovács", "Győr"),
        *("Székesfehérvár", "Oy", "Ab", "Kft", "Jönköping", "00100", "info@example.com", "Szűcs"),
    ]
)
TABLES = st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=20)
HEADER = ["ref", "name", "city"]


def read(tmp: Path, content: bytes, **said: str) -> tuple[Sheet, list[list[str]]]:
    path = tmp / "file"
    path.write_bytes(content)
    sheet = read_upload(Upload(path, "s", "n", **said))
    return sheet, [cells for _, cells in sheet.rows]


def written(rows: list[list[str]], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


@given(
    rows=TABLES,
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
)
@settings(max_examples=60, deadline=None)
def test_unicode_comes_back_as_it_was_sent(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str, encoding: str
) -> None:
    content = written([HEADER, *rows], delimiter).encode(encoding)
    sheet, found = read(tmp_path_factory.mktemp("sheet"), content)
    assert (sheet.delimiter, found, list(sheet.columns)) == (delimiter, rows, HEADER)


@pytest.mark.parametrize(
    ("encoding", "street"),
    [("cp1252", "18, rue de l\N{ACUTE ACCENT}Esplanade"), ("iso8859_15", "Žižkova 5")],
)
def test_an_accent_that_stands_for_an_apostrophe_is_no_capital(
    tmp_path: Path, encoding: str, street: str
) -> None:
    """0xB4 is an acute accent to one and Ž to the other."""
    row = ["1", street, "Orléans"]
    sheet, found = read(tmp_path, written([HEADER, row], ";").encode(encoding))
    assert (sheet.encoding, found) == (encoding, [row])


NORTHERN = ["Mäkelä", "Åkerlund", "Öhman", "Ångström", "Jyväskylä", "Skåne", "Malmö"]
HUNGARIAN = ["Győr", "Szűcs", "Székesfehérvár", "Kőbánya", "Hódmezővásárhely", "Tűzkő"]


@given(data=st.data(), delimiter=st.sampled_from(",;\t|"))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        (NORTHERN, "cp1252"),
        (NORTHERN, "iso8859_15"),
        (HUNGARIAN, "cp1250"),
        (HUNGARIAN, "iso8859_2"),
    ],
)
def test_old_encodings_are_found_out(
    tmp_path_factory: pytest.TempPathFactory,
    words: list[str],
    encoding: str,
    data: st.DataObject,
    delimiter: str,
) -> None:
    chosen = st.sampled_from(words)
    rows = data.draw(st.lists(st.lists(chosen, min_size=3, max_size=3), min_size=1, max_size=9))
    content = written([HEADER, *rows], delimiter).encode(encoding)
    _, found = read(tmp_path_factory.mktemp("sheet"), content)
    assert found == rows


@given(
    content=st.binary(max_size=3000),
    head=st.sampled_from([b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"]),
)
@settings(max_examples=200, deadline=None)
def test_any_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, head: bytes
) -> None:
    try:
        read(tmp_path_factory.mktemp("any"), head + content)
    except Refusal as refusal:
        assert refusal.fields[0].reason and refusal.fields[0].remedy


@given(place=st.integers(0, 5000), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_damaged_workbook_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, cut: bool
) -> None:
    good = bytearray(workbook([HEADER, ["A", "Ä", "Turku"]]))
    place = min(place, len(good) - 1)
    damaged = (
        bytes(good[:place]) if cut else bytes(good[:place] + bytes([byte]) + good[place + 1 :])
    )
    try:
        read(tmp_path_factory.mktemp("book"), damaged)
    except Refusal as refusal:
        assert refusal.fields[0].remedy


def test_workbooks_are_read_cell_by_cell(tmp_path: Path) -> None:
    content = workbook(
        [["ref", "name", "n"], [1001, "Åkerlund", 12.5], ["A-2", "", True], ["", "", ""]],
        sheets=("First", "Second & last"),
    )
    sheet, rows = read(tmp_path, content)
    assert (sheet.name, sheet.names) == ("First", ["First", "Second & last"])
    assert rows == [["1001", "Åkerlund", "12.5"], ["A-2", "", "true"]]
    other, _ = read(tmp_path, content, sheet="Second & last")
    assert other.name == "Second & last"


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * (60 * 1_048_576))
    return made.getvalue()


def sheet_xml(inside: bytes) -> bytes:
    """Return a workbook whose only sheet has this inside."""
    good = io.BytesIO(workbook([["ref"], ["A"]]))
    made = io.BytesIO()
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.namelist():
            content = old.read(one)
            if one == "xl/worksheets/sheet1.xml":
                content = b"<worksheet><sheetData>" + inside + b"</sheetData></worksheet>"
            new.writestr(one, content)
    return made.getvalue()


def locked() -> bytes:
    content = bytearray(workbook([["ref"], ["A"]]))
    at = content.find(b"PK\x01\x02")
    flags = struct.unpack_from("<H", content, at + 8)[0]
    struct.pack_into("<H", content, at + 8, flags | 1)
    return bytes(content)


DIRTY = {
    "empty": (b"", "file"),
    "blank lines only": (b"\n\n  \n,,,\n", "file"),
    "separators only": (b"\n\n  \n;;;\n", "column 1"),
    "header without a name": (b"ref,,name\nA,B,C\n", "column 2"),
    "header twice": (b"ref,name,Name\nA,B,C\n", "column 3"),
    "a row longer than the header": (b"ref,name\nA,B,C\n", "line 2"),
    "a quote that is not closed": (b'ref,name\nA,"B\n' + b"C,D\n" * 40_000, "line"),
    "a cell too long": (b"ref,name\nA," + b"B" * 2001 + b"\n", "line 2"),
    "too many columns": (",".join(f"c{n}" for n in range(201)).encode() + b"\n", "file"),
    "not the encoding it is said to be": ("ref,name\nA,Ä\n".encode("cp1252"), "encoding"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x00\x02\x00\xff", "file"),
    "an old .xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "file"),
    "a workbook cut short": (workbook([["ref"], ["A"]])[:900], "file"),
    "a workbook with a password": (locked(), "file"),
    "another archive": (b"PK\x03\x04junk", "file"),
    "a bomb": (bomb(), "file"),
    "merged cells": (workbook([["ref", "name"], ["A", "B"]], merged="A3:B4"), "cells A3:B4"),
    "a million empty rows": (
        sheet_xml(b"".join(b'<row r="%d"/>' % n for n in range(1, 1_048_577))),
        "file",
    ),
    "a cell in the last corner": (
        sheet_xml(
            b'<row r="1"><c r="A1"><v>1</v></c></row>'
            b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        ),
        "file",
    ),
    "a far row": (
        sheet_xml(
            b'<row r="1"><c r="A1"><v>1</v></c></row>'
            b'<row r="400000"><c r="GR400000"><v>1</v></c></row>'
        ),
        "file",
    ),
    "no sheet of that name": (workbook([["ref"], ["A"]]), "sheet"),
}


@pytest.mark.parametrize("what", DIRTY)
def test_dirty_files_are_refused_with_place_reason_and_remedy(tmp_path: Path, what: str) -> None:
    content, field = DIRTY[what]
    said = {
        "not the encoding it is said to be": {"encoding": "utf-8"},
        "no sheet of that name": {"sheet": "Nope"},
    }.get(what, {})
    with pytest.raises(Refusal) as refused:
        read(tmp_path, content, **said)
    problem = refused.value.fields[0]
    assert problem.field.startswith(field), problem
    assert problem.reason and problem.remedy


@pytest.mark.parametrize("said", [{"encoding": "rot13"}, {"encoding": "x\x00"}, {"delimiter": "x"}])
def test_what_is_told_wrongly_is_refused(tmp_path: Path, said: dict[str, str]) -> None:
    with pytest.raises(Refusal):
        read(tmp_path, b"ref,name\nA,B\n", **said)


def test_trailing_delimiters_blank_lines_and_marks_are_forgiven(tmp_path: Path) -> None:
    content = "\ufeff\n ref ;name;;\n\nA;\u00a0Ä ;;\n;;;\n'=B;x\n".encode()
    sheet, rows = read(tmp_path, content)
    assert list(sheet.columns) == ["ref", "name"]
    assert rows == [["A", "Ä"], ["=B", "x"]]


def test_every_header_proposes_a_field_that_there_is() -> None:
    assert [one for one in HEADERS if not is_field(one)] == []
    assert proposed(["Kundnummer", "Namn", "E-post"]) == {
        "Kundnummer": "customer.number",
        "Namn": "customer.name",
        "E-post": "customer.email",
    }
    assert proposed(["Ügyfélszám", "Kapcsolattartó azonosító", "E-mail", "Beosztás"]) == {
        "Ügyfélszám": "customer.number",
        "Kapcsolattartó azonosító": "contact.ref",
        "E-mail": "contact.email",
        "Beosztás": "contact.role",
    }
