"""Every error leaves as a problem document (RFC 9457) with a stable slug and a remedy."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from shared.chassis.database import is_transient
from shared.chassis.errors import Kind, Refusal
from shared.chassis.http.invalid import MalformedJson, refusal_of
from shared.chassis.logs import get_logger

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

STATUS = {
    Kind.MALFORMED: 400,
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.STALE: 412,
    Kind.PRECONDITION_REQUIRED: 428,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED: 415,
    Kind.UNAVAILABLE: 503,
}
_SLUGS = {404: "no_such_route", 405: "method_not_allowed"}

log = get_logger(__name__)


class ProblemField(BaseModel):
    """One field that is wrong, why, and what to send instead."""

    field: str = Field(examples=["body.name"])
    reason: str
    remedy: str


class Problem(BaseModel):
    """Why a request was refused and what would be accepted (RFC 9457); facts of the case beside.

    The slug never changes; texts may.
    """

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:suhde:problem:invalid_request"])
    title: str
    status: int
    slug: str = Field(examples=["invalid_request"])
    detail: str
    remedy: str
    errors: list[ProblemField] | None = None


def problem_body(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal as the members of a problem document."""
    body: dict[str, Any] = {
        "type": f"urn:suhde:problem:{refusal.slug}",
        "title": refusal.slug.replace("_", " "),
        "status": STATUS[refusal.kind],
        "slug": refusal.slug,
        "detail": refusal.detail,
        "remedy": refusal.remedy,
    }
    if refusal.fields:
        body["errors"] = [
            {"field": problem.field, "reason": problem.reason, "remedy": problem.remedy}
            for problem in refusal.fields
        ]
    return body | refusal.facts


def problem_response(refusal: Refusal) -> JSONResponse:
    """Return a refusal as an HTTP answer."""
    status = STATUS[refusal.kind]
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        problem_body(refusal), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )


def _plain(
    status: int, slug: str, detail: str, remedy: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(
        {
            "type": f"urn:suhde:problem:{slug}",
            "title": slug.replace("_", " "),
            "status": status,
            "slug": slug,
            "detail": detail,
            "remedy": remedy,
        },
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


async def _refusal(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return problem_response(error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return problem_response(refusal_of(request, error))


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        # All that the framework answers so is a body that it cannot decode or that nests too deep.
        return problem_response(MalformedJson(f"{error.__cause__ or error.detail}"[:300]))
    slug = _SLUGS.get(error.status_code, "http_error")
    return _plain(
        error.status_code,
        slug,
        str(error.detail),
        "See /openapi.json for the routes, methods and bodies there are.",
        error.headers,
    )


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    if is_transient(error):
        log.warning("store_unavailable", path=_route(request), error=repr(error)[:300])
        return _plain(
            503,
            "unavailable",
            "The database does not answer in time; nothing was changed.",
            "Try again after the time in Retry-After; repeat writes with the same Idempotency-Key.",
            {"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    log.error("unexpected_error", path=_route(request), exc_info=error)
    return _plain(
        500, "internal_error", "This is our fault.", "Report the time and path to the operator."
    )


def _route(request: Request) -> str:
    """Return the path as its route is written: what stands in for its parts may be a secret."""
    return str(getattr(request.scope.get("route"), "path", "unknown"))


class ProblemMiddleware:
    """Turns whatever escapes a route into a problem document; pure ASGI: nothing is cancelled."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the request; answer with a problem if an exception comes out before any byte."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Any) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if started:
                raise
            response = await _unexpected(Request(scope), error)
            await response(scope, receive, send)


def install_problems(app: FastAPI) -> None:
    """Make an application answer every error as a problem document."""
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(ProblemMiddleware)
