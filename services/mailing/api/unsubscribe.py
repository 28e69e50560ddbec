"""The public route of unsubscribe links (RFC 8058): whoever has one may say no, by POST only."""

import hashlib
from email import message_from_bytes
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request, Response

from services.mailing.api.unsubscribe_pages import (
    ask_page,
    busy_page,
    done_page,
    language_of,
    unknown_page,
)
from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.refusals import HandOffNotFound
from services.mailing.domain.unsubscribe_tokens import ONE_CLICK, PATH, read_token
from services.mailing.handlers.unsubscribe import unsubscribe
from shared.chassis.database import is_transient
from shared.chassis.http.description import PUBLIC, WITHOUT_KEY, sends
from shared.chassis.http.problems import RETRY_AFTER_SECONDS
from shared.chassis.http.rate import Rate
from shared.chassis.logs import get_logger
from shared.chassis.unit_of_work import UnitOfWorkFactory

ROUTE = f"{PATH}{{token}}"
MAX_BODY = 4096
LONGEST_TYPE = 200
MOST_A_MINUTE = 20
MOST_A_MINUTE_OF_ALL = 6000
_HEADERS = {
    "Cache-Control": "no-store",
    # Nothing is loaded and nothing is run; the form leads here and nowhere else.
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_SENT = sends("Content-Language", *(name for name in _HEADERS if name != "Cache-Control"))

log = get_logger(__name__)

Language = Annotated[str | None, Query(alias="lang", description="fi, sv, hu or en")]


def unsubscribe_router(units: UnitOfWorkFactory, keys: LinkKeys) -> APIRouter:
    """Return the route of unsubscribe links, which asks for no key but the link."""
    router = APIRouter(tags=["unsubscribe"])
    each, all_ = Rate(MOST_A_MINUTE), Rate(MOST_A_MINUTE_OF_ALL)

    @router.head(ROUTE, include_in_schema=False)
    @router.get(
        ROUTE,
        response_class=Response,
        responses=_pages(200, 404),
        openapi_extra=PUBLIC,
    )
    async def look(request: Request, token: str, lang: Language = None) -> Response:
        """Show the page with the button. Programs that look at links change nothing."""
        code = _language(request, lang)
        if read_token(token, keys) is None:
            return _page(unknown_page(code), code, status=404)
        return _page(ask_page(code), code)

    @router.post(
        ROUTE,
        response_class=Response,
        responses=_pages(200, 400, 404, 503),
        openapi_extra={**PUBLIC, **WITHOUT_KEY, "requestBody": _BODY},
    )
    async def say_no(request: Request, token: str, lang: Language = None) -> Response:
        """
        Ban the address that got the message, on its channel, at once; again does nothing.

        It is durable when this answers 200. Neither key nor cookie is asked for.
        """
        code = _language(request, lang)
        hand_off_id = read_token(token, keys)
        if hand_off_id is None:
            return _page(unknown_page(code), code, status=404)
        said = says_one_click(request.headers.get("content-type", ""), await request.body())
        if not said:
            return _page(ask_page(code), code, status=400)
        # Counted behind the signature: who has no link of ours cannot use up the bound.
        if not (all_.take("") and each.take(hashlib.sha256(token.encode()).hexdigest())):
            return _busy(code)
        try:
            await unsubscribe(hand_off_id, units)
        except HandOffNotFound:
            log.warning("unsubscribe_of_unknown_hand_off", hand_off_id=str(hand_off_id))
            return _page(unknown_page(code), code, status=404)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("unsubscribe_not_stored", error=repr(error)[:200])
            return _busy(code)
        return _page(done_page(code), code)

    return router


def says_one_click(content_type: str, body: bytes) -> bool:
    """Tell whether a body says `List-Unsubscribe=One-Click`, as a form of either encoding."""
    name, value = ONE_CLICK
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return (name, value) in parse_qsl(body.decode("latin-1"))
    if kind != "multipart/form-data" or len(content_type) > LONGEST_TYPE:
        return False
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", errors="replace")
    form = message_from_bytes(head + body)
    return form.is_multipart() and any(
        part.get_param("name", header="content-disposition") == name
        and str(part.get_payload()).strip() == value
        for part in form.walk()
    )


def _language(request: Request, asked: str | None) -> str:
    return language_of(asked, request.headers.get("accept-language", ""))


def _page(text: str, code: str, *, status: int = 200) -> Response:
    return Response(
        text,
        status_code=status,
        media_type="text/html; charset=utf-8",
        headers={**_HEADERS, "Content-Language": code},
    )


def _busy(code: str) -> Response:
    response = _page(busy_page(code), code, status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


_ABOUT = {
    200: "A page in the language asked for.",
    400: "The body does not say `List-Unsubscribe=One-Click`; a page with the button.",
    404: "The link is none of ours, or its hand-off is not known; a page that says so.",
    503: "Nothing was changed; a page that says so.",
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "properties": {ONE_CLICK[0]: {"const": ONE_CLICK[1]}},
                "required": [ONE_CLICK[0]],
            },
            "example": {ONE_CLICK[0]: ONE_CLICK[1]},
        }
    },
}


def _pages(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {"text/html": {"schema": {"type": "string"}}}
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        others = {"Retry-After": "Retry-After"} if status == 503 else {}
        found[status] = {
            "description": _ABOUT[status],
            "content": content,
            "headers": {**_SENT["headers"], **sends(**others)["headers"]},
        }
    return found
