"""Who may call: a bearer key on every route but health, closed by default."""

import hmac
from collections.abc import Awaitable, Callable

from fastapi import Request
from pydantic import SecretStr

from shared.chassis.errors import Kind, Refusal

KEY_NAME = "api-key"
"""Who a caller is: the name of the key it holds. There is one key."""


class NotAuthenticated(Refusal):
    """The call carries no valid key."""

    kind = Kind.UNAUTHENTICATED
    slug = "not_authenticated"
    remedy = "Send the header: Authorization: Bearer <key>."


def require_key(key: SecretStr) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that refuses calls without this key."""
    expected = key.get_secret_value().encode()

    async def check(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # The comparison takes the same time wherever the keys differ.
        valid = hmac.compare_digest(given.strip().encode(), expected)
        if scheme.lower() != "bearer" or not valid:
            raise NotAuthenticated("The Authorization header is missing or its key is not valid.")

    return check
