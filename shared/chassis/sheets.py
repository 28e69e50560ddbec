"""Tables out of files that anybody sends: CSV of any encoding and delimiter, and XLSX.

Whatever the file is, it is read row by row or refused with the place, the reason and the remedy. A
sheet has a header row, and every row below it has at most its cells.
"""

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from charset_normalizer import from_bytes

from shared.chassis.errors import FieldProblem, Kind, Refusal

MAX_ROWS = 500_000
MAX_COLUMNS = 200
MAX_CELL = 2000
DELIMITERS = (",", ";", "\t", "|")
# What spreadsheets of Europe write where they do not write Unicode.
ENCODINGS = ("cp1252", "iso8859_15", "cp1250", "iso8859_2", "utf_16_le", "utf_16_be")
KNOWN_ENCODINGS = ("utf-8", "utf-16", *ENCODINGS, "cp1251", "cp1257", "mac_roman", "cp850")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SAMPLE = 65_536
_HOME_LETTERS = frozenset("åäöÅÄÖáéíóúüőűÁÉÍÓÚÜŐŰ")
_NEAR_LETTERS = frozenset("æøÆØõÕšžŠŽßñçàèêëïôœÇÑÀÈčćđłńśźżąęěřůýČĆĐŁŃŚŹŻĄĘĚŘŮÝ\u00a0€§°²½")

Row = tuple[int, list[str]]
"""The line of the file, as a person counts, and the cells."""


class FileUnreadable(Refusal):
    """The file cannot be read as a table; `errors` names the place, the reason and the remedy."""

    slug = "file_unreadable"


class FileTooLarge(FileUnreadable):
    """There is more in the file than is read."""

    kind = Kind.TOO_LARGE
    slug = "file_too_large"


def unreadable(field: str, reason: str, remedy: str) -> FileUnreadable:
    """Return the refusal of a file for what is at one place of it."""
    problem = FieldProblem(field, reason, remedy)
    return FileUnreadable(f"{field}: {reason}", remedy=remedy, fields=[problem])


def too_large(field: str, reason: str, remedy: str) -> FileTooLarge:
    """Return the refusal of a file that holds more than is read."""
    problem = FieldProblem(field, reason, remedy)
    return FileTooLarge(f"{field}: {reason}", remedy=remedy, fields=[problem])


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file was taken for, its columns, and its rows, which are read once, as a stream."""

    columns: Sequence[str]
    rows: Iterator[Row]
    encoding: str | None = None
    delimiter: str | None = None
    name: str | None = None
    names: Sequence[str] = ()


def read_csv(path: Path, *, encoding: str | None, delimiter: str | None) -> Sheet:
    """Read a CSV; what is not said of encoding and delimiter is found out."""
    chosen = _told_encoding(encoding) if encoding else detect_encoding(path)
    if delimiter is not None and delimiter not in DELIMITERS:
        raise unreadable(
            "delimiter", f"{delimiter[:5]!r} is none of , ; | and tab", "Name one, or leave it out."
        )
    separator = delimiter or detect_delimiter(_beginning(path, chosen))
    columns, rows = headed(_records(path, chosen, separator))
    return Sheet(columns, rows, encoding=chosen, delimiter=separator)


def headed(records: Iterator[Row]) -> tuple[list[str], Iterator[Row]]:
    """Take the first row that is not empty as the header; check it and all the rows below."""
    for _, cells in records:
        columns = [_cleaned(cell) for cell in cells]
        while columns and not columns[-1]:
            columns.pop()
        if columns:
            break
    else:
        raise unreadable("file", "is empty", "Send a file with a header row and rows.")
    _check_header(columns)
    return columns, _bounded(records, len(columns))


def _check_header(columns: Sequence[str]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise too_large(
            "file", f"has more than {MAX_COLUMNS} columns", "Remove columns that are not needed."
        )
    problems: list[FieldProblem] = []
    seen: dict[str, int] = {}
    for place, column in enumerate(columns, 1):
        if not any(char.isalnum() for char in column):
            problems.append(
                FieldProblem(f"column {place}", "has no header", "Give it one, or remove it.")
            )
        elif len(column) > 200:
            problems.append(
                FieldProblem(
                    f"column {place}", "has a header of over 200 characters", "Shorten it."
                )
            )
        elif column.casefold() in seen:
            reason = f"{column!r} is the header of column {seen[column.casefold()]} too"
            problems.append(FieldProblem(f"column {place}", reason, "Give each its own name."))
        else:
            seen[column.casefold()] = place
    if problems:
        refusal = unreadable(problems[0].field, problems[0].reason, problems[0].remedy)
        refusal.fields = tuple(problems[:20])
        raise refusal


def _bounded(records: Iterator[Row], width: int) -> Iterator[Row]:
    count = 0
    for line, found in records:
        cells = [_cleaned(cell) for cell in found]
        if not any(cells):
            continue
        count += 1
        if count > MAX_ROWS:
            raise too_large(
                "file", f"has more than {MAX_ROWS:,} rows", "Split it and send the parts."
            )
        if any(cells[width:]):
            raise unreadable(
                f"line {line}",
                f"has {len(cells)} cells, the header has {width}",
                "Put cells that hold the delimiter between quotes, or name the delimiter.",
            )
        for place, cell in enumerate(cells, 1):
            if len(cell) > MAX_CELL:
                raise unreadable(
                    f"line {line}, column {place}",
                    f"holds {len(cell)} characters, more than {MAX_CELL}",
                    "Shorten it; a quote that is not closed makes one cell of all that follow.",
                )
        yield line, cells[:width] + [""] * (width - len(cells))


def _cleaned(cell: str) -> str:
    # Spaces that do not break, as spreadsheets of numbers have them, and NUL, which nobody meant.
    text = cell.replace("\u00a0", " ").replace("\x00", "").strip()
    # Our own tables mark so what a spreadsheet would take for a formula; they may come back.
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text


def _told_encoding(name: str) -> str:
    wanted = name.strip().lower()
    try:
        found = codecs.lookup(wanted).name
    except (LookupError, ValueError):
        found = ""
    known = {codecs.lookup(one).name for one in (*KNOWN_ENCODINGS, "utf-8-sig")}
    if found not in known:
        raise unreadable(
            "encoding",
            f"{name[:40]!r} is not known here",
            f"Name one of {', '.join(KNOWN_ENCODINGS)}, or leave it out.",
        )
    return found


def detect_encoding(path: Path) -> str:
    """Return the encoding of a text: by its mark, else UTF-8 if it is, else the likeliest."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    if b"\x00" in head:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        # Tables are mostly digits and Latin letters, whose other byte is then NUL.
        if min(even, odd) * 4 < max(even, odd) and max(even, odd) * 10 > len(head) * 3:
            return "utf_16_le" if odd > even else "utf_16_be"
        raise unreadable(
            "file", "is no text: it holds NUL bytes", "Send CSV or XLSX, saved by a spreadsheet."
        )
    telling = _telling_lines(path)
    if telling is None:
        return "utf-8"
    likely = _by_letters(telling)
    if likely is not None:
        return likely
    best = from_bytes(telling, cp_isolation=list(ENCODINGS[:4]), threshold=0.4).best()
    if best is None:
        raise unreadable(
            "encoding", "cannot be found out", "Save the file as UTF-8, or name it: ?encoding=."
        )
    return best.encoding


def _by_letters(telling: bytes) -> str | None:
    """Return the encoding that makes letters of the languages here; None where none does.

    Statistics of whole languages know too little of a few names in an otherwise plain table.
    """
    best, best_score = None, 0.0
    for encoding in ENCODINGS[:4]:
        try:
            text = telling.decode(encoding)
        except UnicodeDecodeError:
            continue
        score = sum(
            _likelihood(char, before) for before, char in pairwise(f" {text}") if not char.isascii()
        )
        if score > best_score:
            best, best_score = encoding, score
    return best


def _likelihood(char: str, before: str) -> float:
    # Many type an acute accent for an apostrophe; one encoding has a capital in its place.
    if char == "\N{ACUTE ACCENT}":
        return 0.0
    if char.isupper() and before.islower():
        return -1.0
    return 1.0 if char in _HOME_LETTERS else 0.4 if char in _NEAR_LETTERS else -1.0


def _telling_lines(path: Path) -> bytes | None:
    """Return lines that are more than ASCII; None where all of the file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    telling = bytearray()
    with path.open("rb") as file:
        for part in iter(lambda: file.read(1_048_576), b""):
            if is_utf8:
                try:
                    decoder.decode(part)
                except UnicodeDecodeError:
                    is_utf8 = False
            if len(telling) < _SAMPLE and not part.isascii():
                for line in part.splitlines(keepends=True):
                    if not line.isascii() and len(telling) < _SAMPLE:
                        telling += line[:2000]
    try:
        decoder.decode(b"", final=is_utf8)
    except UnicodeDecodeError:
        is_utf8 = False
    return None if is_utf8 else bytes(telling)


def _beginning(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)


def detect_delimiter(beginning: str) -> str:
    """Return the delimiter that gives the first rows the same number of cells, above one."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths = []
        try:
            for cells in csv.reader(beginning.splitlines(keepends=True), delimiter=delimiter):
                if any(cells):
                    widths.append(len(cells))
                if len(widths) == 50:
                    break
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        if (alike, widths[0]) > best_score:
            best, best_score = delimiter, (alike, widths[0])
    return best


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    reader = None
    try:
        with path.open(encoding=encoding, newline="") as file:
            reader = csv.reader(file, delimiter=delimiter)
            for cells in reader:
                yield reader.line_num, cells
    except UnicodeError:
        after = reader.line_num if reader is not None else 0
        raise unreadable(
            "encoding",
            f"the file is not {encoding} throughout: see after line {after}",
            "Save the file as UTF-8, or name its encoding: ?encoding=.",
        ) from None
    except csv.Error as error:
        after = reader.line_num if reader is not None else 0
        raise unreadable(
            f"line {after}", f"is no CSV: {error}", "See whether a quote is not closed."
        ) from None
