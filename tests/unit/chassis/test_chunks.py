"""A long sequence, a part at a time: all of it in order, and no part larger than asked for."""

from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.chunks import chunks


@given(st.lists(st.integers()), st.integers(1, 10))
def test_the_chunks_are_the_items_in_order_and_only_the_last_is_smaller(
    items: list[int], size: int
) -> None:
    parts = list(chunks(items, size))
    assert [one for part in parts for one in part] == items
    assert all(len(part) == size for part in parts[:-1])
    assert all(0 < len(part) <= size for part in parts[-1:])
