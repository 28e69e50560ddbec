"""How projections name what somebody holds: by tokens, list and number in one text.

So whatever a customer or contact holds is one array, and a filter is one overlap test.
"""

from collections.abc import Iterable, Mapping


def token(list_name: str, number: int) -> str:
    """Return the name of a value of a list, such as `customer_status/2`."""
    return f"{list_name}/{number}"


def tokens(held: Mapping[str, Iterable[int]]) -> tuple[str, ...]:
    """Return the names of all values that somebody holds, in one order."""
    return tuple(token(name, number) for name in sorted(held) for number in sorted(set(held[name])))
