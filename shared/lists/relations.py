"""Statements on values that lie below, bundle or name other values."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Reference = tuple[str, str]
"""A list and the fact in which its values name a value of another."""


async def ancestors(connection: AsyncConnection, key: int) -> list[int]:
    """Return a value and all that it is below of, from itself to the root."""
    result = await connection.execute(
        text(
            """
            WITH RECURSIVE up (key, parent, depth) AS (
                SELECT key, parent, 1 FROM list_value WHERE key = :key
                UNION ALL
                SELECT above.key, above.parent, depth + 1
                FROM up JOIN list_value AS above ON above.key = up.parent WHERE depth < 100)
            SELECT key FROM up ORDER BY depth
            """
        ),
        {"key": key},
    )
    return list(result.scalars())


async def height(connection: AsyncConnection, key: int) -> int:
    """Return how many levels a subtree has, its root included."""
    result = await connection.execute(
        text(f"{_SUBTREE} SELECT max(depth) FROM down"), {"keys": [key]}
    )
    return int(result.scalar_one())


async def move_relations(
    connection: AsyncConnection,
    source: int,
    target: int | None,
    *,
    referring: Collection[Reference],
    now: datetime,
) -> list[int]:
    """
    Hand children, bundles and references over to the target; return whom.

    Without one, bundles drop the source; nothing is inside it or refers to it then.
    """
    # Each row by itself, as it is when it is locked: whoever names another by now keeps that.
    result = await connection.execute(
        text(
            f"""
            UPDATE list_value SET version = version + 1, updated_at = :now,
                parent = CASE WHEN parent = :source THEN CAST(:target AS int) ELSE parent END,
                members = array_remove(
                    CASE WHEN :target IS NULL OR members @> ARRAY[CAST(:target AS int)]
                         THEN members ELSE array_replace(members, :source, :target) END, :source),
                facts = facts || coalesce(
                    (SELECT jsonb_object_agg(fact, CAST(:target AS int)) {_REFERRING}), '{{}}')
            WHERE parent = :source OR members @> ARRAY[CAST(:source AS int)]
               OR EXISTS (SELECT {_REFERRING})
            RETURNING key
            """
        ),
        {"source": source, "target": target, "now": now, **_columns(referring)},
    )
    return list(result.scalars())


async def values_referring(
    connection: AsyncConnection, key: int, referring: Collection[Reference]
) -> list[str]:
    """Return the titles of the other values that name a value in one of these facts."""
    result = await connection.execute(
        text(
            f"""
            SELECT title FROM list_value
            WHERE list = ANY(CAST(:lists AS text[])) AND key <> :source
              AND EXISTS (SELECT {_REFERRING})
            ORDER BY list, number
            """
        ),
        {"source": key, **_columns(referring)},
    )
    return list(result.scalars())


async def numbers_of(connection: AsyncConnection, keys: Collection[int]) -> dict[int, int]:
    """Return the numbers of the values of these keys."""
    result = await connection.execute(
        text("SELECT key, number FROM list_value WHERE key = ANY(CAST(:keys AS int[]))"),
        {"keys": list(keys)},
    )
    return {row.key: row.number for row in result}


def _columns(referring: Collection[Reference]) -> dict[str, list[str]]:
    return {"lists": [name for name, _ in referring], "facts": [fact for _, fact in referring]}


async def values_inside(connection: AsyncConnection, key: int) -> list[str]:
    """Return the titles of the values directly below or inside a value."""
    result = await connection.execute(
        text("SELECT title FROM list_value WHERE parent = :key ORDER BY number"), {"key": key}
    )
    return list(result.scalars())


async def shared_title(connection: AsyncConnection, one: int, other: int) -> str | None:
    """Return a title that live values inside both of two values have; None if there is none."""
    result = await connection.execute(
        text(
            """
            SELECT mine.title FROM list_value AS mine
            JOIN list_value AS theirs ON theirs.list = mine.list
                                     AND lower(theirs.title) = lower(mine.title)
            WHERE mine.parent = :one AND theirs.parent = :other
              AND mine.archived_at IS NULL AND theirs.archived_at IS NULL
            LIMIT 1
            """
        ),
        {"one": one, "other": other},
    )
    return result.scalar_one_or_none()


_REFERRING = """
    FROM unnest(CAST(:lists AS text[]), CAST(:facts AS text[])) AS referring (list, fact)
    WHERE referring.list = list_value.list
      AND list_value.facts -> referring.fact = to_jsonb(CAST(:source AS int))
"""
_SUBTREE = """
    WITH RECURSIVE down (key, depth) AS (
        SELECT key, 1 FROM list_value WHERE key = ANY(CAST(:keys AS int[]))
        UNION ALL
        SELECT below.key, depth + 1
        FROM down JOIN list_value AS below ON below.parent = down.key
                                          AND below.list = (SELECT list FROM list_value AS top
                                                            WHERE top.key = down.key)
        WHERE depth < 100)
"""
