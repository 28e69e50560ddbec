"""How often somebody may ask, counted in this process, in windows of a minute."""

from collections.abc import Callable
from time import monotonic

WINDOW_SECONDS = 60.0
MOST_KEYS = 10_000


class Rate:
    """Lets each key ask so many times in a window; what is counted fits in bounded memory."""

    def __init__(self, most: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._clock = clock
        self._began = clock()
        self._counts: dict[str, int] = {}

    def take(self, key: str) -> bool:
        """Count one request; return whether it is within the bound."""
        if self._clock() - self._began >= WINDOW_SECONDS:
            self._began = self._clock()
            self._counts.clear()
        if key not in self._counts and len(self._counts) >= MOST_KEYS:
            return False
        self._counts[key] = self._counts.get(key, 0) + 1
        return self._counts[key] <= self._most
