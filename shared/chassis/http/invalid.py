"""Requests that do not fit the API's description: each field at fault, and what it would take."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from shared.chassis.errors import FieldProblem, Kind, Refusal
from shared.chassis.http.schemas import Json, in_words, schema_at

NAMED_AT_MOST = 20
LONGEST_DETAIL = 2000


class InvalidRequest(Refusal):
    """Fields of the request are not as the API's description has them."""

    slug = "invalid_request"
    remedy = "Correct the fields listed in errors."


class MalformedJson(Refusal):
    """The body is no JSON in UTF-8."""

    kind = Kind.MALFORMED
    slug = "malformed_json"
    remedy = "Send the body as JSON in UTF-8; the detail says where it breaks off."


class NotJson(Refusal):
    """The body is said to be something else than JSON, or nothing."""

    kind = Kind.UNSUPPORTED
    slug = "not_json"
    remedy = "Send the body as JSON with the header Content-Type: application/json."


def refusal_of(request: Request, error: RequestValidationError) -> Refusal:
    """Return what is wrong with the request as a refusal."""
    problems = error.errors()
    if isinstance(error.body, bytes):
        given = request.headers.get("content-type", "none")
        return NotJson(f"The Content-Type is {given[:100]!r}.")
    if problems[0]["type"] == "json_invalid":
        return _malformed(str(error.body), int(problems[0]["loc"][1]), problems[0]["ctx"]["error"])
    document: Json = request.app.openapi()
    operation = _operation(request, document)
    fields = [
        FieldProblem(
            ".".join(str(part) for part in _in_request(problem, error.body)),
            str(problem["msg"]).removeprefix("Value error, "),
            _remedy(problem, operation, document),
        )
        for problem in problems[:NAMED_AT_MOST]
    ]
    detail = "; ".join(f"{one.field}: {one.reason}" for one in fields)
    return InvalidRequest(detail[:LONGEST_DETAIL], fields=fields)


def _malformed(text: str, at: int, reason: str) -> MalformedJson:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return MalformedJson(
        f"{reason}, in line {line}, column {column}.",
        facts={"position": at, "line": line, "column": column},
    )


def _in_request(problem: Any, body: Any) -> list[str | int]:
    """Return where the problem is, without the branches of unions that pydantic names, too."""
    place: tuple[str | int, ...] = problem["loc"]
    if place[0] != "body":
        return list(place)
    found: list[str | int] = ["body"]
    inside = body
    for step in place[1:]:
        if _holds(inside, step):
            inside = inside[step]
            found.append(step)
    if problem["type"] == "missing" and len(place) > 1:
        found.append(place[-1])
    return found


def _holds(inside: Any, step: str | int) -> bool:
    if isinstance(inside, list):
        return isinstance(step, int) and step < len(inside)
    return isinstance(inside, dict) and step in inside


def _operation(request: Request, document: Json) -> Json:
    path = getattr(request.scope.get("route"), "path_format", "")
    found: Json = document["paths"].get(path, {}).get(request.method.lower(), {})
    return found


def _remedy(problem: Any, operation: Json, document: Json) -> str:
    place = tuple(problem["loc"])
    schema, inside = schema_at(document, operation, place)
    if schema is None and inside is not None:
        return f"Leave {place[-1]} out: this takes {in_words(inside, document)}."
    if schema is None:
        return "See /openapi.json for what this takes."
    return f"Send {in_words(schema, document)}."
