"""The API's description: what FastAPI tells of the routes, and what holds for all of them.

A route states what is particular: which conflicts it may answer (`may_refuse`), which tables it
streams (`streams`), which headers it sends besides (`sends`), that it takes no Idempotency-Key
(`WITHOUT_KEY`), that it may be waited for (`PREFERS`) or is open to all (`PUBLIC`). The rest
follows from it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from shared.chassis.errors import Kind, Refusal, StaleVersion, Unavailable
from shared.chassis.http.invalid import InvalidRequest, MalformedJson, NotJson
from shared.chassis.http.keys import NotAuthenticated
from shared.chassis.http.limits import BodyTooLarge
from shared.chassis.http.problems import MEDIA_TYPE, STATUS, Problem, problem_body
from shared.chassis.http.schemas import Json, example_of
from shared.chassis.http.writes import MAX_KEY, OR_NEW, PreconditionRequired

OPEN = "/health/"
WITHOUT_KEY: Json = {"x-without-key": True}
"""For `openapi_extra` of a POST that only reads, or is told repeats by the ids of what it takes."""

PUBLIC: Json = {"security": []}
"""For `openapi_extra` of a route of a service's `public_routers`."""

PREFERS: Json = {"parameters": [{"$ref": "#/components/parameters/Prefer"}]}
"""For `openapi_extra` of a route that begins a job and waits for its outcome if that is asked."""

_SHARED: Mapping[str, type[Refusal]] = {
    "NotAuthenticated": NotAuthenticated,
    "Malformed": MalformedJson,
    "Stale": StaleVersion,
    "TooLarge": BodyTooLarge,
    "NotJson": NotJson,
    "Invalid": InvalidRequest,
    "PreconditionRequired": PreconditionRequired,
    "Unavailable": Unavailable,
}
_TAGS = {
    "health": "Whether the process lives and is ready.",
    "inboxes": "Messages that were set aside, why, and how to get them going again.",
}
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "The key of the installation: `Authorization: Bearer <key>`.",
}
_ALWAYS_SENT: Mapping[str, str] = {
    "ETag": "The version of the record; send it back in If-Match to change it.",
    "Location": "Where the new record is, or the job that was begun.",
    "Retry-After": "Seconds to wait before the request is repeated.",
    "WWW-Authenticate": "The scheme of authentication.",
}
_SENT_AT_TIMES: Mapping[str, str] = {
    "Idempotency-Replayed": "`true` where the answer is that of the first request with this key.",
    "Accept-Ranges": "`bytes`: a part of the file can be asked for.",
    "Content-Disposition": "The name of the file, where the answer is one.",
    "Content-Language": "The language of the page, where the answer is one.",
    "Content-Range": "Which bytes of how many, where the answer is a part of a file.",
    "Content-Security-Policy": "That nothing of the file or page is to be run.",
    "Job-Location": "Where the job is, where the answer is the outcome of one.",
    "Preference-Applied": "`wait=10` where the outcome was waited for, so long at most.",
    "Referrer-Policy": "`no-referrer`: the address is told to nobody.",
    "Repr-Digest": "SHA-256 of the whole file, as RFC 9530 writes it.",
    "Suhde-Members": "How many the segment has, where the answer is a file.",
    "Suhde-Without-Number": "How many of them have no number, where the answer is a file.",
    "X-Content-Type-Options": "`nosniff`: the file or page is of no other type than is said.",
    "X-Robots-Tag": "`noindex, nofollow`: no search engine is to show the page.",
}
_HEADER_OF = {Kind.UNAVAILABLE: "Retry-After", Kind.UNAUTHENTICATED: "WWW-Authenticate"}
_PARAMETERS: Json = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Makes the request safe to repeat: the same key with the same request does "
        "nothing again and gets the first answer. Use a new UUID for each request.",
        # Printable ASCII: all that a header surely carries.
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$"},
        "example": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10",
    },
    "CorrelationId": {
        "name": "X-Correlation-Id",
        "in": "header",
        "required": False,
        "description": "Goes with the events that the request causes, to find them by.",
        "schema": {"type": "string", "maxLength": 100, "pattern": "^[!-~]*$"},
        "example": "call-17",
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "description": "`wait=10`: wait so many seconds, 30 at most, and answer 200 with the "
        "outcome, or with what the job failed of; 202 with the job if that takes longer.",
        "schema": {"type": "string", "pattern": "^wait=[0-9]{1,6}$"},
        "example": "wait=10",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETag of the version that the change is based on.",
        "schema": {"type": "string", "pattern": '^(W/)?"[0-9]{1,18}"$'},
        "example": '"1"',
    },
}
_PARAMETERS["IfMatchOrNew"] = {
    **_PARAMETERS["IfMatch"],
    "required": False,
    "description": OR_NEW,
}


def may_refuse(*refusals: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """Return, for `responses` of a route, the particular refusals that it may answer."""
    found: dict[int | str, dict[str, Any]] = {}
    for refusal in refusals:
        status = STATUS[refusal.kind]
        shown = _refused(refusal)
        found[status] = _joined(found[status], shown) if status in found else shown
    return found


def _joined(one: Json, other: Json) -> Json:
    """Return what tells of both problems, which have one status."""
    examples = (each["content"][MEDIA_TYPE]["examples"] for each in (one, other))
    about = f"{one['description']} {other['description']}"
    return {**one, **_problem(about, {name: it for each in examples for name, it in each.items()})}


def streams(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return, for `responses` of a route, the media types that it answers with beside JSON."""
    schema = {"type": "string"}
    content = {media.partition(";")[0]: {"schema": schema} for media in media_types}
    return {200: {"content": content}}


def sends(*headers: str, **others: str) -> Json:
    """Return, for an answer in `responses`, the headers it has besides; `others` are by part."""
    named = {name: name for name in headers} | others
    return {"headers": {name: _ref("headers", part) for name, part in named.items()}}


def install_description(app: FastAPI, tags: Mapping[str, str]) -> None:
    """Make an application describe itself wholly; `tags` are those of its services."""
    plain = app.openapi

    def described() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _whole(plain(), {**tags, **_TAGS})
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def operations_of(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method and operation of all that a document describes."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _whole(document: Json, tags: Mapping[str, str]) -> Json:
    used: set[str] = set()
    for path, method, operation in operations_of(document):
        used |= set(operation.get("tags", ()))
        _describe(path, method, operation, document)
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    parts["securitySchemes"] = {"key": _SCHEME}
    parts["parameters"] = _PARAMETERS
    parts["headers"] = {
        name: {
            "description": about,
            "schema": {"type": "string"},
            "required": headers is _ALWAYS_SENT,
        }
        for headers in (_ALWAYS_SENT, _SENT_AT_TIMES)
        for name, about in headers.items()
    }
    parts["responses"] = {
        **{name: _refused(refusal) for name, refusal in _SHARED.items()},
        "NotFound": _problem("What the path names is not there.", {}),
    }
    document["security"] = [{"key": []}]
    document["tags"] = [
        {"name": name, "description": about} for name, about in tags.items() if name in used
    ]
    return document


def _describe(path: str, method: str, operation: Json, document: Json) -> None:
    without_key = operation.pop("x-without-key", False)
    writes = method != "get" and not without_key
    changes = _take_if_match(operation)
    _add_examples(operation, document)
    parameters = operation.setdefault("parameters", [])
    if writes:
        parameters += [_ref("parameters", "IdempotencyKey"), _ref("parameters", "CorrelationId")]
    if not parameters:
        del operation["parameters"]
    if path.startswith(OPEN):
        operation |= PUBLIC
    _add_problems(path, operation, writes=writes, changes=changes)
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            _add_headers(method, status, response, document, writes=writes, changes=changes)


def _take_if_match(operation: Json) -> bool:
    parameters = operation.get("parameters", [])
    for place, parameter in enumerate(parameters):
        if parameter.get("in") == "header" and parameter["name"] == "if-match":
            is_optional = parameter.get("description") == OR_NEW
            parameters[place] = _ref("parameters", "IfMatchOrNew" if is_optional else "IfMatch")
            return True
    return False


def _add_examples(operation: Json, document: Json) -> None:
    for parameter in operation.get("parameters", ()):
        is_needed = parameter.get("in") in ("path", "header") or parameter.get("required")
        if is_needed and "example" not in parameter:
            parameter["example"] = example_of(parameter["schema"], document)
    for media in operation.get("requestBody", {}).get("content", {}).values():
        if "example" not in media and "examples" not in media:
            media["example"] = example_of(media["schema"], document)


def _add_problems(path: str, operation: Json, *, writes: bool, changes: bool) -> None:
    responses = operation["responses"]
    body = operation.get("requestBody", {}).get("content", {})
    # Other bodies are read by the route itself.
    takes_json = list(body) == ["application/json"]
    # FastAPI names a 422 of its own where it reads parameters or a body, and the route names none.
    is_read = takes_json or _is_of_fastapi(responses.get("422", {}))
    if _is_of_fastapi(responses.get("422", {})):
        del responses["422"]
    elif is_read and "422" in responses:
        responses["422"] = _joined(_refused(InvalidRequest), responses["422"])
    shared = {
        "400": "Malformed" if takes_json else None,
        "401": "NotAuthenticated" if operation.get("security") != [] else None,
        "404": "NotFound" if "{" in path else None,
        "412": "Stale" if changes else None,
        "413": "TooLarge" if body else None,
        "415": "NotJson" if takes_json else None,
        "422": "Invalid" if is_read or writes else None,
        "428": "PreconditionRequired" if changes else None,
        "503": "Unavailable" if not path.startswith(OPEN) else None,
    }
    for status, name in shared.items():
        if name is not None:
            responses.setdefault(status, _ref("responses", name))
    for response in responses.values():
        if MEDIA_TYPE in response.get("content", {}):
            response["content"][MEDIA_TYPE]["schema"] = {"$ref": "#/components/schemas/Problem"}
    operation["responses"] = dict(sorted(responses.items()))


def _is_of_fastapi(response: Json) -> bool:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).endswith("/HTTPValidationError")


def _add_headers(
    method: str, status: str, response: Json, document: Json, *, writes: bool, changes: bool
) -> None:
    content = response.get("content", {})
    shown = content.get("application/json", {}).get("schema", {})
    model = document["components"]["schemas"].get(shown.get("$ref", "").rpartition("/")[2], {})
    is_record = changes or "version" in model.get("properties", {})
    sent = {
        "ETag": is_record and method != "delete",
        "Location": status == "201",
        "Idempotency-Replayed": writes,
        "Content-Disposition": "text/csv" in content,
    }
    told = {name: _ref("headers", name) for name, is_ in sent.items() if is_}
    if told or "headers" in response:
        response["headers"] = {**told, **response.get("headers", {})}


def _refused(refusal: type[Refusal]) -> Json:
    about = " ".join((refusal.__doc__ or "").split("\n\n")[0].split())
    # Not by its own initializer, which may ask for a field.
    example = refusal.__new__(refusal)
    Refusal.__init__(example, about)
    return _problem(about, {refusal.slug: {"value": problem_body(example)}}, refusal.kind)


def _problem(about: str, examples: Json, kind: Kind | None = None) -> Json:
    response: Json = {
        "description": about,
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                **({"examples": examples} if examples else {}),
            }
        },
    }
    if kind in _HEADER_OF:
        response["headers"] = {_HEADER_OF[kind]: _ref("headers", _HEADER_OF[kind])}
    return response


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}
