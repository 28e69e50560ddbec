"""What the API says of itself holds: asked at random by schemathesis, on real databases.

`make fuzz` asks longer, and of every list as much as of the others.
"""

import asyncio
import json
import os
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.openapi import OPENAPI
from shared.chassis.http.description import operations_of
from shared.chassis.http.schemas import resolved
from tests.contract.messages import ROOT
from tests.integration.openapi.world import World

# A mail is sent as any other text is.
schemathesis.serializer.alias("message/rfc822", "text/plain")

EXAMPLES = int(os.environ.get("SUHDE_FUZZ", "0"))
ANSWER_SECONDS = 30.0
# The routes of a list are those of every other.
OTHER_LISTS = 4
WATCHED = ("/v1/seller-view/changes", "/v1/segments/{segment_id}/feed")
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
# Of what was made, the rest is deleted by now.
LAST = 3
# The client sends none that is longer.
LONGEST_URL = 65_536
OURS = ("Authorization", "Content-Length")
# Mailing's fail-closed answer, and the bound on how often a calendar is read.
CLOSED = {"consent_not_fresh", "calendar_busy"}
# Headers that a client may rely on must be told; the others are of the transport.
OF_TRANSPORT = {"content-type", "content-length", "cache-control", "x-accel-buffering"}
DOCUMENT: dict[str, Any] = json.loads((ROOT / OPENAPI / "suhde.json").read_text(encoding="utf-8"))
ASKED = [
    (method, path)
    for path, method, _ in operations_of(DOCUMENT)
    # The services do not run here.
    if path != "/health/ready"
]
LISTS = {path for _, path in ASKED if f"{path}/usage" in DOCUMENT["paths"]}
LIKE_OTHERS = tuple(sorted(LISTS - {"/v1/customer-statuses", "/v1/customer-groups"}))


@cache
def schema() -> Any:
    return schemathesis.openapi.from_dict(DOCUMENT)


def test_the_document_is_that_of_this_application(world: World) -> None:
    assert world.document["paths"] == DOCUMENT["paths"]


WRITES = [
    (method, path)
    for path, method, operation in operations_of(DOCUMENT)
    if {"$ref": "#/components/parameters/IdempotencyKey"} in operation.get("parameters", ())
]


# First those that make a record, then those that change it, for an example may hold a key.
UNSAFE = sorted(
    (one for one in ASKED if one[0] != "get"),
    key=lambda one: (one[1], "post put delete".find(one[0])),
)


@pytest.mark.parametrize(("method", "path"), UNSAFE)
async def test_the_example_of_a_body_is_accepted_and_done_once(
    world: World, method: str, path: str
) -> None:
    operation = DOCUMENT["paths"][path][method]
    if not (method == "put" and path.endswith("}")):
        await world.remake(path)
    url, query = path, {}
    for one in operation.get("parameters", ()):
        if one.get("in") == "path":
            url = url.replace(f"{{{one['name']}}}", world.known(path, one["name"])[-1])
        elif one.get("required") and one["in"] == "query":
            query[one["name"]] = one["example"]
    headers = {"If-Match": await world.etag(url), "Idempotency-Key": str(uuid4())}
    for media, body in operation.get("requestBody", {"content": {"none": {}}})["content"].items():
        asked: dict[str, Any] = {"params": query, "headers": {**headers, "Content-Type": media}}
        if body:
            example = await world.meant(path, body["example"])
            content = json.dumps(example) if "json" in media else example
            asked["content"] = urlencode(content) if isinstance(content, dict) else content
            asked["headers"] |= world.signed(path, asked["content"])

        answer = await world.api.request(method, url, **asked)
        again = await world.api.request(method, url, **asked)

        assert answer.status_code < 300, answer.text
        replayed = again.headers.get("idempotency-replayed")
        assert replayed == ("true" if (method, path) in WRITES else None)
        if answer.status_code == 201:
            world.noticed(answer.headers["location"])


@pytest.mark.parametrize("path", [path for method, path in ASKED if method == "get"])
async def test_the_example_of_a_question_is_answered_as_described(world: World, path: str) -> None:
    await world.remake(path)
    asked = DOCUMENT["paths"][path]["get"].get("parameters", ())
    case = schema()[path]["GET"].Case(
        path_parameters={
            one["name"]: world.known(path, one["name"])[-1]
            for one in asked
            if one.get("in") == "path"
        },
        query={
            one["name"]: one.get("example") or one["schema"]["examples"][0]
            for one in asked
            if one.get("in") == "query" and (one.get("required") or "examples" in one["schema"])
        },
    )
    _bound(case)

    answer = await _answered(world, case)

    assert answer is not None and answer.status_code == 200, answer and answer.text


@pytest.mark.parametrize(("method", "path"), ASKED)
async def test_what_is_asked_at_random_is_answered_as_described(
    world: World, method: str, path: str
) -> None:
    loop = asyncio.get_running_loop()
    operation = schema()[path][method.upper()]
    takes = "parameters" in DOCUMENT["paths"][path][method] or operation.body
    modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes else [])]
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

    @settings(
        max_examples=_examples(path),
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, choice=st.integers(0, 1000), aims=st.sampled_from([True, True, False]))
    def ask(case: Case, choice: int, aims: bool) -> None:
        asked = _ask(world, case, choice if aims else None)
        asyncio.run_coroutine_threadsafe(asked, loop).result(ANSWER_SECONDS)

    await world.remake(path)
    # Hypothesis runs in a thread, the application and its connections stay in this loop.
    await asyncio.to_thread(ask)


def _examples(path: str) -> int:
    if EXAMPLES:
        return EXAMPLES
    return OTHER_LISTS if path.startswith((*LIKE_OTHERS, *WATCHED)) else 25


async def _ask(world: World, case: Case, choice: int | None) -> None:
    if choice is not None:
        await _aim(world, case, choice)
    await _answered(world, case)


async def _aim(world: World, case: Case, choice: int) -> None:
    """Let a request meet what is there: a record's id and its version, instead of any."""
    if case.method == "DELETE" or case.path.endswith("/cancel"):
        await world.remake(case.path)
    for name in case.path_parameters:
        known = world.known(case.path, name)[-LAST:]
        if known:
            case.path_parameters[name] = known[-1 - choice % len(known)]
    if case.query:
        case.query.update(await world.meant(case.path, case.query, choice))
    _bound(case)
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid4())
    if "If-Match" in case.headers:
        case.headers["If-Match"] = await world.etag(case.formatted_path)
    if isinstance(case.body, dict | list):
        case.body = await world.meant(case.path, case.body, choice)


def _bound(case: Case) -> None:
    """Let a stream end that somebody who is there would hear for minutes."""
    if case.path in WATCHED:
        case.query["seconds"] = 1


async def _answered(world: World, case: Case) -> httpx.Response | None:
    """Ask, check the answer and return it; None where it cannot be asked."""
    asked = requests.Request(**case.as_transport_kwargs(base_url="http://suhde")).prepare()
    if len(asked.url or "") > LONGEST_URL:
        return None
    request = httpx.Request(
        asked.method or "",
        asked.url or "",
        content=asked.body,  # type: ignore[arg-type]
        headers=[
            *((k.encode(), _bytes(v)) for k, v in asked.headers.items() if k not in OURS),
            (b"Authorization", world.api.headers["authorization"].encode()),
        ],
    )
    answer = await world.api.send(request)
    said = f"{request.method} {request.url} {request.content[:1000]!r}: {answer.text[:1000]}"
    assert answer.status_code < 500 or _is_closed(answer), said
    case.validate_response(answer, checks=CHECKS)
    _check_headers(case, answer)
    if answer.status_code == 201:
        world.noticed(answer.headers["location"])
    return answer


def _is_closed(answer: httpx.Response) -> bool:
    """Tell whether it is an answer that says why not now: no fault, but what was asked for."""
    if answer.headers["content-type"].startswith("text/html"):
        # The bound on how often a link is used: a page says so.
        return answer.status_code == 503
    return answer.status_code == 503 and answer.json()["slug"] in CLOSED


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


def _check_headers(case: Case, answer: httpx.Response) -> None:
    described = DOCUMENT["paths"][case.operation.path][case.method.lower()]["responses"]
    response = resolved(described[str(answer.status_code)], DOCUMENT)
    told = {name.lower() for name in response.get("headers", ())} | OF_TRANSPORT
    assert set(answer.headers) <= told, f"headers not described: {set(answer.headers) - told}"
