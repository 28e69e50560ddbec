"""Statements on who holds a list value, and on letting all of them hold another."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.lists.definition import ListDefinition


@dataclass(frozen=True, slots=True)
class Holder:
    """
    A column in which a table's rows hold values: as keys, or by number.

    The table is called as the record and has `version`, `updated_at` and `deleted_at`. The column
    is an array of integers, or one integer that every row has (`single`). A column that has `only`
    one list is for that list, in place of the record's common one. `said` is a column with what a
    holder says of each value beyond holding it, by number.
    """

    table: str
    plural: str
    id: str
    column: str = "classifications"
    reference: str = "key"
    only: str | None = None
    said: str | None = None
    single: bool = False

    def held(self, value: str) -> str:
        """Return the condition that a row holds a value, which is a parameter's name."""
        cast = f"CAST(:{value} AS int)"
        return f"{self.column} = {cast}" if self.single else f"{self.column} @> ARRAY[{cast}]"

    @property
    def array(self) -> str:
        """Return all values that a row holds, as an array."""
        return f"ARRAY[{self.column}]" if self.single else self.column


def holders_of(holders: Iterable[Holder], definition: ListDefinition) -> list[Holder]:
    """Return those columns in which values of a list may be held, one per record."""
    possible = [one for one in holders if one.table in definition.held_by]
    own = [one for one in possible if one.only == definition.name]
    taken = {one.table for one in own}
    return own + [one for one in possible if one.only is None and one.table not in taken]


def classified(table: str) -> str:
    """Return the column `classified`: the numbers of the values a row holds, by list."""
    return f"""(SELECT jsonb_object_agg(held.list, held.numbers)
                FROM (SELECT list, jsonb_agg(value.number ORDER BY value.number) AS numbers
                      FROM list_value AS value WHERE value.key = ANY({table}.classifications)
                      GROUP BY list) AS held) AS classified"""


@dataclass(frozen=True, slots=True)
class Usage:
    """How many live and deleted holders a value has, and the first of the live ones."""

    live: int
    deleted: int
    first: tuple[UUID, ...]


async def usage(connection: AsyncConnection, row: Row[Any], holder: Holder) -> Usage:
    """Count who holds a value, and name the first ten live ones."""
    held = holder.held("reference")
    result = await connection.execute(
        text(
            f"""
            SELECT count(*) FILTER (WHERE deleted_at IS NULL) AS live,
                   count(*) FILTER (WHERE deleted_at IS NOT NULL) AS deleted,
                   ARRAY(SELECT {holder.id} FROM {holder.table} WHERE {held}
                         AND deleted_at IS NULL ORDER BY {holder.id} LIMIT 10) AS first
            FROM {holder.table} WHERE {held}
            """
        ),
        {"reference": getattr(row, holder.reference)},
    )
    counted = result.one()
    return Usage(counted.live, counted.deleted, tuple(counted.first))


async def count_usage(connection: AsyncConnection, name: str, holder: Holder) -> dict[int, int]:
    """Return how many live holders each value of a list has, by number; its cost is one scan."""
    result = await connection.execute(
        text(
            f"""
            SELECT value.number, count(*) AS live
            FROM {holder.table} CROSS JOIN LATERAL unnest({holder.array}) AS held (reference)
            JOIN list_value AS value ON value.{holder.reference} = held.reference
                                    AND value.list = :list
            WHERE deleted_at IS NULL GROUP BY value.number
            """
        ),
        {"list": name},
    )
    return {row.number: row.live for row in result}


async def move_holders(
    connection: AsyncConnection,
    holder: Holder,
    source: Row[Any],
    target: Row[Any],
    *,
    now: datetime,
) -> list[UUID]:
    """
    Let everybody who holds the source hold the target instead, deleted ones too; return whom.

    What a holder says of it goes along, unless it says something of the target already.
    """
    said = _said_moves(holder.said) if holder.said else ""
    other = "CAST(:target AS int)" if holder.single else _REPLACED.format(column=holder.column)
    numbers = {"old": str(source.number), "new": str(target.number)} if said else {}
    # In the order in which all lock them, so that no two wait for each other.
    await connection.execute(
        text(
            f"SELECT {holder.id} FROM {holder.table} "
            f"WHERE {holder.held('source')} "
            f"ORDER BY {holder.id} FOR NO KEY UPDATE"
        ),
        {"source": getattr(source, holder.reference)},
    )
    result = await connection.execute(
        text(
            f"""
            UPDATE {holder.table} SET version = version + 1, updated_at = :now, {said}
                {holder.column} = {other}
            WHERE {holder.held("source")}
            RETURNING {holder.id}
            """
        ),
        {
            "source": getattr(source, holder.reference),
            "target": getattr(target, holder.reference),
            "now": now,
            **numbers,
        },
    )
    return list(result.scalars())


async def take_from_holders(
    connection: AsyncConnection, holder: Holder, row: Row[Any], *, now: datetime
) -> list[tuple[UUID, bool]]:
    """Let nobody hold a value of an array any more; return whom, and whether each is deleted."""
    reference = {"reference": getattr(row, holder.reference)}
    held = holder.held("reference")
    # In the order in which all lock them, so that no two wait for each other.
    await connection.execute(
        text(
            f"SELECT {holder.id} FROM {holder.table} WHERE {held} "
            f"ORDER BY {holder.id} FOR NO KEY UPDATE"
        ),
        reference,
    )
    result = await connection.execute(
        text(
            f"""
            UPDATE {holder.table} SET version = version + 1, updated_at = :now,
                {holder.column} = array_remove({holder.column}, CAST(:reference AS int))
            WHERE {held} RETURNING {holder.id} AS id, deleted_at
            """
        ),
        {**reference, "now": now},
    )
    return [(one.id, one.deleted_at is not None) for one in result]


async def count_holding_both(
    connection: AsyncConnection, holder: Holder, keys: Collection[int], others: Collection[int]
) -> int:
    """Count the holders, deleted ones too, that hold a value of each."""
    result = await connection.execute(
        text(
            f"SELECT count(*) FROM {holder.table} "
            f"WHERE {holder.array} && CAST(:keys AS int[]) "
            f"AND {holder.array} && CAST(:others AS int[])"
        ),
        {"keys": list(keys), "others": list(others)},
    )
    return int(result.scalar_one())


def _said_moves(column: str) -> str:
    # What is on the right wins: what is said of the target stays.
    return f"""
        {column} = CASE WHEN {column} ? CAST(:old AS text)
            THEN jsonb_build_object(CAST(:new AS text), {column} -> CAST(:old AS text))
                 || ({column} - CAST(:old AS text))
            ELSE {column} END,
    """


_REPLACED = """(
    SELECT array_agg(DISTINCT CASE reference WHEN :source THEN CAST(:target AS int)
                                             ELSE reference END)
    FROM unnest({column}) AS held (reference))"""
