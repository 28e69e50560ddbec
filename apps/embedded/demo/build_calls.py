"""Build the calls of the demo: the last calls of a real campaign, one row per call.

    python -m apps.embedded.demo.build_calls --bank-marketing FILE --out DIR

reads `bank-full.csv` of the UCI "Bank Marketing" data (plain or gzipped) and writes `calls.csv.gz`.
The source gives day and month of a call; the year follows from the order, which is that of time.
Like build_data.py it depends on nothing but its input, and a source that breaks what it relies on
ends it.
"""

import argparse
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from apps.embedded.demo.build_data import Row, read_rows, write_rows

FIRST_YEAR = 2008
KEPT = 3000
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
COLUMNS = ("day", "telephone", "seconds", "nth_in_campaign", "before_campaign", "taken")


def dated(rows: Iterable[Row]) -> Iterator[tuple[date, Row]]:
    """Yield each call with its date; a call before the one above it is one of the next year."""
    year, month = FIRST_YEAR, 1
    before = date.min
    for row in rows:
        called_in = MONTHS.index(row["month"]) + 1
        year += called_in < month
        month = called_in
        day = date(year, month, int(row["day"]))
        if day < before:
            raise ValueError(
                f"a call of {day} after one of {before}: the order is not that of time"
            )
        before = day
        yield day, row


def call_row(day: date, row: Row) -> tuple[str, ...]:
    """Return a call in the order of COLUMNS; whom it was with, and his means, are left out."""
    return (
        day.isoformat(),
        {"unknown": ""}.get(row["contact"], row["contact"]),
        row["duration"],
        row["campaign"],
        row["previous"],
        row["y"],
    )


def main() -> None:
    """Build the file and say how many rows it holds."""
    parser = argparse.ArgumentParser(description="Build calls.csv.gz.")
    parser.add_argument("--bank-marketing", type=Path, required=True, metavar="FILE")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()

    calls = list(dated(read_rows(arguments.bank_marketing, delimiter=";")))[-KEPT:]
    write_rows(arguments.out / "calls.csv.gz", COLUMNS, (call_row(*call) for call in calls))
    print(f"{len(calls)} calls from {calls[0][0]} to {calls[-1][0]}")


if __name__ == "__main__":
    main()
