"""Writes that are safe to repeat and to race: Idempotency-Key, ETag and If-Match.

The idempotency key and its answer are stored in the transaction of the work: a failed attempt
leaves no trace, and a repeated one gets the first answer without doing anything.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import text

from shared.chassis.errors import Kind, Refusal
from shared.chassis.http.keys import KEY_NAME
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

MAX_KEY = 200
OR_NEW = "The ETag of the version that the change is based on; left out to make a new record."


class IdempotencyKeyReused(Refusal):
    """The key was used before for another request."""

    slug = "idempotency_key_reused"
    remedy = "Use a new key for a new request; repeat a key only with the very same request."


class IdempotencyKeyInvalid(Refusal):
    """The key is empty or too long."""

    slug = "idempotency_key_invalid"
    remedy = f"Send 1 to {MAX_KEY} printable characters, such as a UUID."


class PreconditionRequired(Refusal):
    """A change must say which version it changes."""

    kind = Kind.PRECONDITION_REQUIRED
    slug = "if_match_required"
    remedy = "Fetch the record and send its ETag in the header If-Match."


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answers: status, body, headers."""

    body: BaseModel
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def etag(version: int) -> str:
    """Return the ETag of a record's version."""
    return f'"{version}"'


def expected_version(if_match: Annotated[str | None, Header()] = None) -> int:
    """Return the version named in If-Match; refuse a change without one (428)."""
    if if_match is None:
        raise PreconditionRequired("The header If-Match is missing.")
    version = if_match.strip().removeprefix("W/").strip('"')
    if not (version.isascii() and version.isdigit() and len(version) < 19):
        raise PreconditionRequired(f"If-Match {if_match[:60]!r} is not an ETag of ours.")
    return int(version)


Expected = Annotated[int, Depends(expected_version)]
"""The version that a change expects, as a parameter of a route."""


def expected_or_new(
    if_match: Annotated[str | None, Header(description=OR_NEW)] = None,
) -> int | None:
    """Return the version named in If-Match, or None where something new is to be made."""
    return None if if_match is None else expected_version(if_match)


ExpectedOrNew = Annotated[int | None, Depends(expected_or_new)]
"""The same of a route that makes what is not there yet, under a name the caller chooses."""


async def write(
    request: Request,
    units: UnitOfWorkFactory,
    work: Callable[[UnitOfWork], Awaitable[Answer]],
    *,
    body_digest: bytes | None = None,
) -> Response:
    """
    Do the work in one transaction, once per Idempotency-Key, and return its answer.

    A body that was taken as a stream is told by its digest.
    """
    key = request.headers.get("idempotency-key")
    async with units() as unit:
        unit.correlation_id = request.headers.get("x-correlation-id", "")[:100] or None
        await unit.act_as(KEY_NAME)
        if key is None:
            return _response(await work(unit))
        if not 0 < len(key) <= MAX_KEY or not key.isprintable():
            raise IdempotencyKeyInvalid(
                "The header Idempotency-Key is empty, too long or unprintable."
            )
        digest = await _request_hash(request, body_digest)
        first = await unit.connection.execute(_CLAIM, {"key": key, "hash": digest, "now": unit.now})
        if first.rowcount == 0:
            return await _replayed(unit, key, digest)
        response = _response(await work(unit))
        await unit.connection.execute(
            _KEEP,
            {
                "key": key,
                "status": response.status_code,
                "headers": json.dumps(
                    {
                        name: value
                        for name, value in response.headers.items()
                        if name in ("etag", "location", "content-type")
                    }
                ),
                "body": bytes(response.body),
            },
        )
        return response


async def _replayed(unit: UnitOfWork, key: str, digest: bytes) -> Response:
    stored = (await unit.connection.execute(_FETCH, {"key": key})).one()
    if bytes(stored.request_hash) != digest:
        raise IdempotencyKeyReused(f"The key {key!r} belongs to another request.")
    return Response(
        bytes(stored.body),
        status_code=stored.status,
        headers={**stored.headers, "Idempotency-Replayed": "true"},
    )


async def _request_hash(request: Request, body_digest: bytes | None) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body() if body_digest is None else body_digest)
    return digest.digest()


def _response(answer: Answer) -> Response:
    return Response(
        answer.body.model_dump_json().encode(),
        status_code=answer.status,
        media_type="application/json",
        headers=answer.headers,
    )


_CLAIM = text(
    """
    INSERT INTO idempotency_key (key, request_hash, created_at) VALUES (:key, :hash, :now)
    ON CONFLICT (key) DO NOTHING
    """
)
_FETCH = text("SELECT request_hash, status, headers, body FROM idempotency_key WHERE key = :key")
_KEEP = text(
    """
    UPDATE idempotency_key SET status = :status, headers = CAST(:headers AS jsonb), body = :body
    WHERE key = :key
    """
)
