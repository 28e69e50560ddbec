"""Long sequences, a part at a time: each within what a statement or a memory may take."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the items in order, `size` at a time; nothing where there are none."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
