"""No cell of a list is run by the spreadsheet that opens it, whatever separator it expects."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.chassis.spreadsheet import safe_cell

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
TEXTS = st.text(alphabet=[*FORMULA, *" ;|\t\r\n\"',a1"], max_size=12)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@given(value=TEXTS)
@example(value="Aino;=1+1")
@example(value=';"=1+1"')
@example(value="Aino\n=1+1")
def test_nothing_is_run_however_the_file_is_split(separator: str, value: str) -> None:
    page = io.StringIO()
    csv.writer(page).writerow(["1", safe_cell(value), "Helsinki"])
    lines = io.StringIO(page.getvalue(), newline=None)
    for row in csv.reader(lines, delimiter=separator):
        for cell in row:
            assert not cell.lstrip().startswith(FORMULA), (value, row)


@pytest.mark.parametrize("value", ["", "Aino", 'A "B", C', "Katu 1; 2", "+358401234567", "a-b=c"])
def test_what_is_no_formula_stays_as_it_is(value: str) -> None:
    assert safe_cell(value) == value
