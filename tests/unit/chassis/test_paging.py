import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.http.paging import BadCursor, read_cursor, write_cursor


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    st.integers(-(2**63) + 1, 2**63 - 1),
)
def test_a_cursor_comes_back_as_it_went(name: str, number: int) -> None:
    assert read_cursor(write_cursor(name, number), str, int) == [name, number]


def test_no_cursor_is_the_first_page() -> None:
    assert read_cursor(None, str) is None


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_a_bad_cursor(cursor: str) -> None:
    try:
        key = read_cursor(cursor, int)
    except BadCursor:
        return
    assert key is not None and type(key[0]) is int


def encoded(key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "key", [["a"], [1, 2], [True], [None], [1.5], {"a": 1}, [2**63], [-(2**63)], "1", [], [[1]]]
)
def test_the_cursor_of_another_list_is_refused(key: object) -> None:
    with pytest.raises(BadCursor):
        read_cursor(encoded(key), int)


@pytest.mark.parametrize("name", ["a\x00b", "\ud800"])
def test_what_the_database_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(encoded([name]), str)
