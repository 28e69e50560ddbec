"""The keys with which this service signs what leaves the house and comes back."""

import hashlib
import hmac
from collections.abc import Sequence

ID_BYTES = 3
SHORTEST, MOST_KEYS = 32, 5


class LinkKeys:
    """Several keys, so that they can be changed: the first one signs, all of them are known.

    A key is called by the beginning of its hash, so what it signed names it wherever it stands in
    the list. `purpose` keeps what was signed for one thing from being taken for another.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = {_id(key): key.encode() for key in keys}
        self.first = _id(keys[0])

    @classmethod
    def read(cls, text: str) -> "LinkKeys":
        """Return the keys of a text that separates them by commas; raise ValueError if one is bad.

        The error names no key.
        """
        keys = [key.strip() for key in text.split(",")]
        if len(keys) > MOST_KEYS or any(len(key) < SHORTEST for key in keys):
            raise ValueError(
                f"send 1 to {MOST_KEYS} keys of at least {SHORTEST} characters, separated by commas"
            )
        return cls(keys)

    def sign(self, key_id: bytes, purpose: str, message: bytes) -> bytes | None:
        """Return the HMAC-SHA256 under the key of this id; None if it is known no more."""
        key = self._keys.get(key_id)
        if key is None:
            return None
        return hmac.digest(key, purpose.encode() + b"\0" + message, hashlib.sha256)


def _id(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()[:ID_BYTES]
