"""Statements on list values and on who holds them."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.attribute_values import Attribute, value_type_of
from services.customers.domain.lists import CHOICES_OF

DEFAULT_MOVES_AT_MOST = 3


def classified(table: str) -> str:
    """Return the column `classified`: the numbers of the values a row holds, by list."""
    return f"""(SELECT jsonb_object_agg(held.list, held.numbers)
                FROM (SELECT list, jsonb_agg(value.number ORDER BY value.number) AS numbers
                      FROM list_value AS value WHERE value.key = ANY({table}.classifications)
                      GROUP BY list) AS held) AS classified"""


async def hold_lists(connection: AsyncConnection, names: Collection[str]) -> dict[str, int]:
    """Hold lists against other edits until the commit; return the last numbers they have given."""
    await connection.execute(
        text(
            """
            INSERT INTO list_series (list, last_number)
            SELECT name, 0 FROM unnest(CAST(:names AS text[])) AS given (name) ORDER BY name
            ON CONFLICT DO NOTHING
            """
        ),
        {"names": list(names)},
    )
    # In one order for all, so that no two wait for each other.
    result = await connection.execute(
        text(
            "SELECT list, last_number FROM list_series WHERE list = ANY(CAST(:names AS text[])) "
            "ORDER BY list FOR UPDATE"
        ),
        {"names": list(names)},
    )
    return {row.list: row.last_number for row in result}


async def hold_list(connection: AsyncConnection, name: str) -> int:
    """Hold one list against other edits until the commit; return the last number it has given."""
    return (await hold_lists(connection, [name]))[name]


async def set_last_numbers(connection: AsyncConnection, numbers: Mapping[str, int]) -> None:
    """Remember the highest numbers that lists have given."""
    await connection.execute(
        text(
            """
            UPDATE list_series SET last_number = greatest(last_number, given.number)
            FROM unnest(CAST(:names AS text[]), CAST(:numbers AS int[])) AS given (name, number)
            WHERE list = given.name
            """
        ),
        {"names": list(numbers), "numbers": list(numbers.values())},
    )


async def list_values(
    connection: AsyncConnection, name: str, *, archived: bool = True
) -> Sequence[Row[Any]]:
    """Return the values of a list in the order of its drop-down: position, title, number."""
    result = await connection.execute(
        text(
            f"""
            {_VALUES}
            WHERE value.list = :list AND (:archived OR value.archived_at IS NULL)
            ORDER BY value.position, lower(value.title), value.number
            """
        ),
        {"list": name, "archived": archived},
    )
    return result.all()


async def values_in(connection: AsyncConnection, names: Collection[str]) -> Sequence[Row[Any]]:
    """Return key, list, number, title, position, parent, facts, archived_at of all in the lists."""
    result = await connection.execute(
        text(
            "SELECT key, list, number, title, position, parent, facts, archived_at FROM list_value "
            "WHERE list = ANY(CAST(:names AS text[]))"
        ),
        {"names": list(names)},
    )
    return result.all()


async def all_values(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return every value of every list."""
    result = await connection.execute(text(f"{_VALUES} ORDER BY value.key"))
    return result.all()


async def find_value(
    connection: AsyncConnection, name: str, number: int, *, lock: bool = False
) -> Row[Any] | None:
    """Return one value of a list, locked against being held or changed if asked; None if none."""
    mode = "FOR UPDATE OF value" if lock else ""
    result = await connection.execute(
        text(f"{_VALUES} WHERE value.list = :list AND value.number = :number {mode}"),
        {"list": name, "number": number},
    )
    return result.one_or_none()


async def find_values(
    connection: AsyncConnection, wanted: Collection[tuple[str, int]]
) -> dict[tuple[str, int], Row[Any]]:
    """Return these values by (list, number), kept from deletion until the commit."""
    result = await connection.execute(
        text(
            f"""
            {_VALUES}
            JOIN unnest(CAST(:lists AS text[]), CAST(:numbers AS int[])) AS wanted (list, number)
              ON wanted.list = value.list AND wanted.number = value.number
            ORDER BY value.key FOR KEY SHARE OF value
            """
        ),
        {"lists": [name for name, _ in wanted], "numbers": [number for _, number in wanted]},
    )
    return {(row.list, row.number): row for row in result}


async def keep_attributes(connection: AsyncConnection, name: str) -> None:
    """Keep the attributes of a list from deletion and change until the commit.

    So nobody moves a choice to another attribute meanwhile, for that needs one of them.
    """
    await connection.execute(
        text("SELECT FROM list_value WHERE list = :list ORDER BY key FOR KEY SHARE"),
        {"list": name},
    )


async def attributes_of(connection: AsyncConnection, name: str) -> dict[int, Attribute]:
    """Return the attributes of a list by number, each with its choices."""
    rows = await values_in(connection, [name, CHOICES_OF[name]])
    choices: dict[int, set[int]] = {}
    for row in rows:
        if row.list != name:
            choices.setdefault(row.parent, set()).add(row.key)
    return {
        row.number: Attribute(
            key=row.key,
            number=row.number,
            title=row.title,
            value_type=value_type_of(row.facts),
            archived=row.archived_at is not None,
            choices=frozenset(choices.get(row.key, ())),
        )
        for row in rows
        if row.list == name
    }


async def values_of(connection: AsyncConnection, keys: Collection[int]) -> dict[int, Row[Any]]:
    """Return the values of these keys."""
    result = await connection.execute(
        text(f"{_VALUES} WHERE value.key = ANY(CAST(:keys AS int[]))"),
        {"keys": list(keys)},
    )
    return {row.key: row for row in result}


async def default_values(
    connection: AsyncConnection, names: Collection[str]
) -> dict[str, Row[Any]]:
    """Return the default values of lists by list, kept from deletion until the commit."""
    statement = text(
        """
        SELECT key, list, facts FROM list_value
        WHERE list = ANY(CAST(:names AS text[])) AND facts @> '{"default": true}'
        ORDER BY key FOR KEY SHARE
        """
    )
    found: dict[str, Row[Any]] = {}
    # Whoever waited for a value that is the default no longer finds none, and looks again.
    for _ in range(DEFAULT_MOVES_AT_MOST):
        rows = await connection.execute(statement, {"names": list(names)})
        found = {row.list: row for row in rows}
        if len(found) == len(names):
            break
    return found


async def next_keys(connection: AsyncConnection, count: int) -> list[int]:
    """Return keys for new values, which may then name each other."""
    result = await connection.execute(
        text(
            "SELECT nextval(pg_get_serial_sequence('list_value', 'key')) "
            "FROM generate_series(1, :count)"
        ),
        {"count": count},
    )
    return list(result.scalars())


async def insert_values(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """Add values: key, value_id, list, number, title, titles, position, parent, members, facts."""
    await connection.execute(
        text(
            """
            INSERT INTO list_value (key, value_id, list, number, version, title, titles, position,
                                    parent, members, facts, created_at, updated_at)
            OVERRIDING SYSTEM VALUE
            SELECT key, value_id, list, number, 1, title, titles, position, parent, members, facts,
                   :now, :now
            FROM jsonb_to_recordset(CAST(:rows AS jsonb))
                 AS new (key int, value_id uuid, list text, number int, title text, titles jsonb,
                         position int, parent int, members int[], facts jsonb)
            """
        ),
        {"rows": json.dumps(rows, default=str), "now": now},
    )


async def update_value(
    connection: AsyncConnection, key: int, row: Mapping[str, Any], *, now: datetime
) -> None:
    """Replace what a value says; `archived` archives it or brings it back."""
    await connection.execute(
        text(
            """
            UPDATE list_value SET title = :title, titles = CAST(:titles AS jsonb),
                position = :position, parent = :parent, members = CAST(:members AS int[]),
                facts = CAST(:facts AS jsonb), version = version + 1, updated_at = :now,
                archived_at = CASE WHEN NOT :archived THEN NULL
                                   ELSE coalesce(archived_at, :now) END
            WHERE key = :key
            """
        ),
        {
            **{name: row[name] for name in ("title", "position", "parent", "members", "archived")},
            "titles": json.dumps(row["titles"]),
            "facts": json.dumps(row["facts"]),
            "key": key,
            "now": now,
        },
    )


async def clear_default(connection: AsyncConnection, name: str, *, now: datetime) -> list[int]:
    """Take the mark of the default away from whoever has it; return whom."""
    result = await connection.execute(
        text(
            """
            UPDATE list_value SET facts = facts || '{"default": false}', version = version + 1,
                                  updated_at = :now
            WHERE list = :list AND facts @> '{"default": true}' RETURNING key
            """
        ),
        {"list": name, "now": now},
    )
    return list(result.scalars())


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
    connection: AsyncConnection, source: int, target: int | None, *, now: datetime
) -> list[int]:
    """Hand children and bundles over to the target, or let bundles drop the source; return whom."""
    result = await connection.execute(
        text(
            """
            UPDATE list_value SET version = version + 1, updated_at = :now,
                parent = CASE WHEN parent = :source THEN CAST(:target AS int) ELSE parent END,
                members = array_remove(
                    CASE WHEN :target IS NULL OR members @> ARRAY[CAST(:target AS int)]
                         THEN members ELSE array_replace(members, :source, :target) END, :source)
            WHERE parent = :source OR members @> ARRAY[CAST(:source AS int)]
            RETURNING key
            """
        ),
        {"source": source, "target": target, "now": now},
    )
    return list(result.scalars())


async def values_inside(connection: AsyncConnection, key: int) -> list[str]:
    """Return the titles of the values directly below or inside a value."""
    result = await connection.execute(
        text("SELECT title FROM list_value WHERE parent = :key ORDER BY number"), {"key": key}
    )
    return list(result.scalars())


async def titled(
    connection: AsyncConnection, name: str, parent: int | None, title: str
) -> Row[Any] | None:
    """Return the live value beside others of its parent that has a title, whatever its case."""
    result = await connection.execute(
        text(
            """
            SELECT key, number, title FROM list_value
            WHERE list = :list AND coalesce(parent, 0) = coalesce(CAST(:parent AS int), 0)
              AND lower(title) = lower(:title) AND archived_at IS NULL
            """
        ),
        {"list": name, "parent": parent, "title": title},
    )
    return result.one_or_none()


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


async def archive_value(connection: AsyncConnection, key: int, *, now: datetime) -> None:
    """Archive a value: it stays where it is held and can be given to nobody."""
    await connection.execute(
        text(
            "UPDATE list_value SET archived_at = :now, updated_at = :now, version = version + 1 "
            "WHERE key = :key AND archived_at IS NULL"
        ),
        {"key": key, "now": now},
    )


async def delete_value(connection: AsyncConnection, key: int, *, now: datetime) -> None:
    """Remove a value that nobody holds; what it was stays in history, which may name its key."""
    await connection.execute(
        text(
            """
            WITH gone AS (DELETE FROM list_value WHERE key = :key RETURNING *)
            INSERT INTO history (record, record_id, at, actor, before, after)
            SELECT 'list_value', value_id, :now, nullif(current_setting('suhde.actor', true), ''),
                   to_jsonb(gone), '{}'
            FROM gone
            """
        ),
        {"key": key, "now": now},
    )


_VALUES = """
    SELECT value.value_id, value.key, value.list, value.number, value.version, value.title,
           value.titles, value.position, value.parent, value.members, value.facts,
           value.archived_at, value.created_at,
           (SELECT above.number FROM list_value AS above WHERE above.key = value.parent)
               AS parent_number,
           ARRAY(SELECT member.number FROM list_value AS member
                 WHERE member.key = ANY(value.members) ORDER BY member.number) AS member_numbers
    FROM list_value AS value
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
