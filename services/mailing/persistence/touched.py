"""Whose facts have changed: written by who changes them, taken by the evaluator.

Writers hold a lock shared; who makes a rule passes through it alone, once: then every writer has
either seen what that rule asks about, or committed before.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.changes import Touch
from services.mailing.domain.lists import BUNDLES
from services.mailing.persistence.columns import SEPARATOR

_WRITING = 8433321


@dataclass(frozen=True, slots=True)
class Reached:
    """A contact that a touch reaches, with the keys that changed and what told of them."""

    contact_id: UUID
    keys: tuple[str, ...]
    linked: tuple[UUID, ...]
    cause: str
    told_type: str | None
    told_by: str | None


@dataclass(frozen=True, slots=True)
class Naming:
    """
    For each value all whose naming covers it: itself, above it, bundling it.

    `moving` are the keys that values touched which moved, and whose holders are not looked up yet:
    whoever holds something else from now on would not be found among them.
    """

    covering: Mapping[str, frozenset[str]]
    moving: frozenset[str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be followed: touches, days that are due, values that moved (by their seq)."""

    touches: bool
    due: bool
    values: tuple[int, ...]

    def __bool__(self) -> bool:
        """Tell whether anything does."""
        return self.touches or self.due


async def hold_writing(connection: AsyncConnection) -> None:
    """Let no rule come up that this transaction does not see, until it ends."""
    await connection.execute(_SHARED)


async def wait_for_writers(connection: AsyncConnection) -> None:
    """Wait until all who did not see what this connection sees have committed."""
    await connection.execute(_ALONE)


async def asked_keys(connection: AsyncConnection, keys: Collection[str]) -> set[str]:
    """Return those of these keys that some rule asks about."""
    if not keys:
        return set()
    result = await connection.execute(_ASKED, {"keys": list(keys)})
    return set(result.scalars())


async def named_by(connection: AsyncConnection, tokens: Collection[str]) -> Naming:
    """Return what names these values, as all stands now, and what moves."""
    if not tokens:
        return Naming({}, frozenset())
    result = await connection.execute(
        _NAMED_BY, {"tokens": list(tokens), "bundles": sorted(BUNDLES)}
    )
    found: dict[str | None, set[str]] = {}
    for row in result:
        found.setdefault(row.token, set()).add(row.named)
    moving = frozenset(found.pop(None, ()))
    return Naming({str(token): frozenset(named) for token, named in found.items()}, moving)


async def add(
    connection: AsyncConnection, touches: Sequence[tuple[Touch, Collection[str]]], *, now: Any
) -> None:
    """Write touches, each with the keys that are asked about."""
    if not touches:
        return
    await connection.execute(
        _ADD,
        {
            "contacts": [touch.contact_id for touch, _ in touches],
            "customers": [touch.customer_id for touch, _ in touches],
            "tokens": [touch.token for touch, _ in touches],
            "keys": [SEPARATOR.join(sorted(keys)) for _, keys in touches],
            "linked": [SEPARATOR.join(sorted(map(str, touch.linked))) for touch, _ in touches],
            "causes": [touch.cause for touch, _ in touches],
            "types": [touch.told_type for touch, _ in touches],
            "tellers": [touch.told_by for touch, _ in touches],
            "now": now,
        },
    )


async def waiting(connection: AsyncConnection, today: date) -> Waiting:
    """Return what waits to be followed."""
    row = (await connection.execute(_WAITING, {"today": today})).one()
    return Waiting(touches=row.touches, due=row.due, values=tuple(row.values))


async def take(connection: AsyncConnection, *, limit: int) -> Sequence[Row[Any]]:
    """Remove the oldest touches of contacts and customers; return them in the order of telling."""
    result = await connection.execute(_TAKE, {"limit": limit})
    return sorted(result.all(), key=lambda row: (row.at, row.seq))


async def spread(connection: AsyncConnection, seqs: Collection[int]) -> None:
    """Turn these touches of values into such of whoever holds one, or what is below or in it."""
    await connection.execute(_SPREAD, {"seqs": list(seqs)})


async def held_by_customers(
    connection: AsyncConnection, customer_ids: Collection[UUID]
) -> dict[UUID, list[str]]:
    """Return the values that these customers hold, as tokens; nothing of deleted ones."""
    if not customer_ids:
        return {}
    result = await connection.execute(_HELD, {"ids": list(customer_ids)})
    return {row.customer_id: row.held for row in result}


async def reached(connection: AsyncConnection, taken: Sequence[Row[Any]]) -> list[Reached]:
    """Return the contacts whom touches reach: of a customer, all who are at it."""
    of_customer = [row for row in taken if row.customer_id is not None]
    links: dict[UUID, list[UUID]] = {}
    if of_customer:
        ids = list({row.customer_id for row in of_customer})
        for row in await connection.execute(_LINKED, {"ids": ids}):
            links.setdefault(row.customer_id, []).append(row.contact_id)
    return [
        Reached(
            contact_id, tuple(row.keys), tuple(row.linked), row.cause, row.told_type, row.told_by
        )
        for row in taken
        for contact_id in (
            [row.contact_id] if row.contact_id is not None else links.get(row.customer_id, ())
        )
    ]


_SHARED = text(f"SELECT pg_advisory_xact_lock_shared({_WRITING})")
_ALONE = text(f"SELECT pg_advisory_xact_lock({_WRITING})")
# By EXISTS, since a thousand rules may ask about one key.
_ASKED = text(
    """
    SELECT key FROM unnest(CAST(:keys AS text[])) AS changed (key)
    WHERE EXISTS (SELECT FROM segment_dependency AS asked WHERE asked.key = changed.key)
    """
)
# UNION goes round a ring once: messages may come in any order, and make one for a while.
_NAMED_BY = text(
    """
    WITH RECURSIVE changed AS (SELECT unnest(CAST(:tokens AS text[])) AS token),
    up (token, named) AS (
        SELECT token, token FROM changed
        UNION
        SELECT up.token, value.above
        FROM up JOIN classification AS value ON value.token = up.named
        WHERE value.above IS NOT NULL)
    SELECT token, named FROM up
    UNION
    SELECT changed.token, bundle.token
    FROM changed JOIN classification AS bundle
        ON bundle.list_name = ANY(CAST(:bundles AS text[]))
       AND bundle.bundled @> ARRAY[changed.token]
    UNION
    SELECT NULL, unnest(keys) FROM touched WHERE touched.token IS NOT NULL
    """
)
_ADD = text(
    """
    INSERT INTO touched
        (contact_id, customer_id, token, keys, linked, cause, told_type, told_by, at)
    SELECT contact_id, customer_id, token, string_to_array(keys, E'\\n'),
           CAST(string_to_array(linked, E'\\n') AS uuid[]), cause, type, teller, :now
    FROM unnest(CAST(:contacts AS uuid[]), CAST(:customers AS uuid[]), CAST(:tokens AS text[]),
                CAST(:keys AS text[]), CAST(:linked AS text[]), CAST(:causes AS text[]),
                CAST(:types AS text[]), CAST(:tellers AS text[]))
         AS new (contact_id, customer_id, token, keys, linked, cause, type, teller)
    """
)
_WAITING = text(
    """
    SELECT EXISTS (SELECT FROM touched) AS touches,
           EXISTS (SELECT FROM member_flip WHERE on_day <= :today) AS due,
           ARRAY(SELECT seq FROM touched WHERE token IS NOT NULL ORDER BY seq) AS values
    """
)
_TAKE = text(
    """
    DELETE FROM touched WHERE seq IN (
        SELECT seq FROM touched WHERE token IS NULL ORDER BY seq LIMIT :limit)
    RETURNING seq, contact_id, customer_id, keys, linked, cause, told_type, told_by, at
    """
)
_SPREAD = text(
    """
    WITH RECURSIVE moved AS (
        DELETE FROM touched WHERE seq = ANY(CAST(:seqs AS bigint[]))
        RETURNING seq, token, keys, cause, told_type, told_by, at),
    down (seq, token) AS (
        SELECT seq, token FROM moved
        UNION
        SELECT down.seq, below.token
        FROM down JOIN classification AS below ON below.above = down.token),
    covered (seq, token) AS (
        TABLE down
        UNION
        SELECT moved.seq, unnest(bundle.bundled)
        FROM moved JOIN classification AS bundle ON bundle.token = moved.token),
    asked AS (
        SELECT moved.*, covered.tokens
        FROM moved JOIN (SELECT seq, array_agg(token) AS tokens FROM covered GROUP BY seq)
            AS covered USING (seq))
    INSERT INTO touched (contact_id, customer_id, keys, cause, told_type, told_by, at)
    SELECT contact.contact_id, CAST(NULL AS uuid), keys, cause, asked.told_type, asked.told_by, at
    FROM asked JOIN contact ON contact.held && tokens AND NOT contact.deleted
    UNION ALL
    SELECT NULL, customer.customer_id, keys, cause, asked.told_type, asked.told_by, at
    FROM asked JOIN customer ON customer.held && tokens AND NOT customer.deleted
    """
)
_HELD = text(
    "SELECT customer_id, held FROM customer "
    "WHERE customer_id = ANY(CAST(:ids AS uuid[])) AND NOT deleted"
)
_LINKED = text(
    "SELECT customer_id, contact_id FROM contact_customer "
    "WHERE customer_id = ANY(CAST(:ids AS uuid[])) ORDER BY customer_id, contact_id"
)
