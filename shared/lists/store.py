"""Statements on lists and their values."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

DEFAULT_MOVES_AT_MOST = 3


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


async def keep_all_values(connection: AsyncConnection) -> None:
    """Keep the values of all lists from deletion until the commit, before any record is locked."""
    await connection.execute(text("SELECT FROM list_value ORDER BY key FOR KEY SHARE"))


async def values_of(connection: AsyncConnection, keys: Collection[int]) -> dict[int, Row[Any]]:
    """Return the values of these keys."""
    result = await connection.execute(
        text(f"{_VALUES} WHERE value.key = ANY(CAST(:keys AS int[]))"),
        {"keys": list(keys)},
    )
    return {row.key: row for row in result}


async def keys_of(
    connection: AsyncConnection, numbers: Mapping[str, Collection[int]]
) -> dict[str, list[int]]:
    """Return by list the keys of the values that have these numbers; an unknown one has none."""
    keys: dict[str, list[int]] = {name: [] for name in numbers}
    if not any(numbers.values()):
        return keys
    result = await connection.execute(
        text(
            """
            SELECT DISTINCT value.list, value.key
            FROM unnest(CAST(:lists AS text[]), CAST(:numbers AS int[])) AS wanted (list, number)
            JOIN list_value AS value USING (list, number)
            """
        ),
        {
            "lists": [name for name, some in numbers.items() for _ in some],
            "numbers": [number for some in numbers.values() for number in some],
        },
    )
    for row in result:
        keys[row.list].append(row.key)
    return keys


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


async def list_settings(connection: AsyncConnection) -> dict[str, Row[Any]]:
    """Return version and settings of the lists that ever had a value or a setting, by name."""
    result = await connection.execute(text("SELECT list, version, own_tab FROM list_series"))
    return {row.list: row for row in result}


async def save_list_settings(connection: AsyncConnection, name: str, *, own_tab: bool) -> None:
    """Set how a list, which is held, is laid out."""
    await connection.execute(
        text("UPDATE list_series SET own_tab = :own_tab, version = version + 1 WHERE list = :name"),
        {"name": name, "own_tab": own_tab},
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
