"""How rows of facts are taken over: those that are newer than what stands, in whatever order.

The fields of the facts are called as the columns; statements and types follow from both.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.facts import Changed, Facts, News
from services.mailing.persistence.tables import metadata

F = TypeVar("F", bound=Facts)
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class Rows(Generic[F]):
    """
    One table of facts.

    `newer` is the condition under which the row called `new` takes the place of the one that
    stands, called as the table. `derived` are columns that follow from others of `new`.
    """

    def __init__(
        self,
        table: str,
        facts: type[F],
        *,
        newer: str | None = None,
        derived: Mapping[str, str] | None = None,
    ) -> None:
        columns = metadata.tables[table].columns
        self._facts = facts
        self._names = [one.name for one in fields(facts) if one.name in columns]  # type: ignore[arg-type]
        self._key = [column.name for column in metadata.tables[table].primary_key]
        sent = {name: _Sent(columns[name]) for name in (*self._names, "told_type", "told_by")}
        told = {"told_at": ":told_at", **(derived or {})}
        new = f"""
            SELECT {", ".join(f"{one.made} AS {name}" for name, one in sent.items())}
            FROM unnest({", ".join(f"CAST(:{name} AS {one.type}[])" for name, one in sent.items())})
                 AS sent ({", ".join(sent)})
        """
        order = ", ".join(
            f'new.{name} COLLATE "C"' if sent[name].type == "TEXT" else f"new.{name}"
            for name in self._key
        )
        same = " AND ".join(f"{table}.{name} = new.{name}" for name in self._key)
        changing = [name for name in sent if name not in self._key]
        self._insert = text(
            f"""
            INSERT INTO {table} ({", ".join((*sent, *told))})
            SELECT {", ".join((*(f"new.{name}" for name in sent), *told.values()))}
            FROM ({new}) AS new ORDER BY {order}
            ON CONFLICT DO NOTHING RETURNING {", ".join(self._key)}
            """
        )
        # What stood is locked before it is compared, so that it is what the new row replaces.
        # No clock that is behind another one makes it end before it began.
        update = f"""
            WITH new AS ({new}),
            before AS (
                SELECT {table}.* FROM {table} JOIN new ON {same}
                WHERE {{newer}}
                ORDER BY {order} FOR UPDATE OF {table})
            UPDATE {table} SET
                {", ".join(f"{name} = new.{name}" for name in changing)},
                {"".join(f"{name} = {made}, " for name, made in (derived or {}).items())}
                told_at = greatest(before.told_at, :told_at)
            FROM before JOIN new USING ({", ".join(self._key)})
            WHERE {" AND ".join(f"{table}.{name} = before.{name}" for name in self._key)}
            RETURNING {", ".join(f"before.{name}" for name in self._names)}
        """
        self._update = text(update.format(newer=newer or f"new.version > {table}.version"))
        self._replace = text(update.format(newer="TRUE"))
        self._select = f"SELECT {', '.join(self._names)} FROM {table} WHERE "
        self._arrays = {name for name, one in sent.items() if one.is_array}
        self._objects = {name for name, one in sent.items() if one.is_object}

    async def take_over(
        self, connection: AsyncConnection, news: Sequence[News[F]]
    ) -> list[Changed[F]]:
        """Take over what is newer than what stands, and return it; one of a key, please."""
        if not news:
            return []
        result = await connection.execute(self._insert, self._parameters(news))
        unknown = {_key_of(row) for row in result}
        changed = [Changed(None, one.facts, one.told) for one in news if one.facts.key in unknown]
        known = [one for one in news if one.facts.key not in unknown]
        return changed + (await self._changed(connection, self._update, known) if known else [])

    async def replace(
        self, connection: AsyncConnection, news: Sequence[News[F]]
    ) -> list[Changed[F]]:
        """Let these rows, which are known, stand as they are given, and return what they were."""
        return await self._changed(connection, self._replace, news) if news else []

    async def find(
        self, connection: AsyncConnection, condition: str, parameters: Mapping[str, Any]
    ) -> list[F]:
        """Return the rows that meet a condition."""
        result = await connection.execute(text(self._select + condition), dict(parameters))
        return [self._read(row) for row in result]

    async def _changed(
        self, connection: AsyncConnection, statement: TextClause, news: Sequence[News[F]]
    ) -> list[Changed[F]]:
        result = await connection.execute(statement, self._parameters(news))
        before = {one.key: one for one in map(self._read, result)}
        return [
            Changed(before[one.facts.key], one.facts, one.told)
            for one in news
            if one.facts.key in before
        ]

    def _read(self, row: Row[Any]) -> F:
        found: dict[str, Any] = {}
        for name in self._names:
            value = getattr(row, name)
            if name in self._arrays:
                value = tuple(value)
            elif name in self._objects and isinstance(value, str):
                value = json.loads(value)
            found[name] = value
        return self._facts(**found)

    def _parameters(self, news: Sequence[News[F]]) -> dict[str, Any]:
        parameters: dict[str, Any] = {
            name: [self._sent(name, getattr(one.facts, name)) for one in news]
            for name in self._names
        }
        parameters["told_type"] = [one.told.type for one in news]
        parameters["told_by"] = [one.told.by for one in news]
        parameters["told_at"] = news[0].told.at
        return parameters

    def _sent(self, name: str, value: Any) -> Any:
        if name in self._arrays:
            return array_text(value)
        return json.dumps(dict(value)) if name in self._objects else value


class _Sent:
    """How a column is sent, and made of what was sent: an array of arrays must be a rectangle."""

    def __init__(self, column: Column[Any]) -> None:
        kept = str(column.type.compile(dialect=_DIALECT))
        self.is_array = kept.endswith("[]")
        self.is_object = kept == "JSONB"
        if self.is_array or self.is_object:
            self.type, self.made = "TEXT", f"CAST({column.name} AS {kept})"
        else:
            self.type, self.made = kept, column.name


def array_text(values: Collection[object]) -> str:
    """Return values as PostgreSQL writes an array."""
    quoted = (str(one).replace("\\", "\\\\").replace('"', '\\"') for one in values)
    return "{" + ",".join(f'"{one}"' for one in quoted) + "}"


def _key_of(row: Row[Any]) -> Any:
    return row[0] if len(row) == 1 else tuple(row)
