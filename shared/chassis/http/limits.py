"""The bound on request bodies, counted as they arrive, whatever Content-Length says."""

from collections.abc import Mapping
from typing import Any

from starlette.routing import compile_path

from shared.chassis.errors import Kind, Refusal
from shared.chassis.http.problems import problem_response

MAX_BODY = 4 * 1_048_576


class BodyTooLarge(Refusal):
    """The request body exceeds the bound."""

    kind = Kind.TOO_LARGE
    slug = "body_too_large"
    remedy = "Send fewer events or records per request, or a smaller file."


class BodyLimitMiddleware:
    """Refuses a body over the bound before anybody parses it.

    `larger` are bounds of their own by path, whose parts may be parameters as in those of routes.
    """

    def __init__(
        self, app: Any, *, limit: int = MAX_BODY, larger: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._limit = limit
        self._larger = [(compile_path(path)[0], most) for path, most in (larger or {}).items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the request, or answer 413 once too many bytes have come."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        limit = next((most for one, most in self._larger if one.match(path)), self._limit)
        refusal = BodyTooLarge(f"The body is larger than {limit} bytes.")
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared[:20]) > limit:
            await problem_response(refusal)(scope, receive, send)
            return
        seen = 0
        answered = False

        async def counted() -> Any:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise refusal
            return message

        async def answer(message: Any) -> None:
            # The framework turns any error while it reads the body into a 400 of its own.
            nonlocal answered
            if seen <= limit:
                answered = True
                await send(message)
            elif not answered:
                answered = True
                await problem_response(refusal)(scope, receive, send)

        await self._app(scope, counted, answer)
