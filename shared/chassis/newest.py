"""Of several messages about one thing in a batch, only the newest matters."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Protocol, TypeVar


class Comparable(Protocol):
    """What can tell whether it is later than another of its kind."""

    def __gt__(self, other: Any, /) -> bool: ...


T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def newest(
    items: Iterable[T], *, key: Callable[[T], K], version: Callable[[T], Comparable]
) -> list[T]:
    """Return one item per key, the one with the highest version; of equals the first."""
    best: dict[K, T] = {}
    for item in items:
        held = best.get(key(item))
        if held is None or version(item) > version(held):
            best[key(item)] = item
    return list(best.values())
