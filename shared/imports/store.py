"""Statements on imports: the files, their rows, and what becomes of each."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

COLUMNS = """import_id, version, source, name, encoding, delimiter, sheet, time_zone, columns, rows,
             mapping, counts, rehearsal_job, run_job, undo_job, created_at, updated_at"""


@dataclass(frozen=True, slots=True)
class RowFate:
    """What became of one row, and of which record; problems are (field, reason, remedy)."""

    line: int
    fate: str
    ref: str | None = None
    record_id: UUID | None = None
    problems: tuple[tuple[str, str, str], ...] = ()


class ImportStore:
    """The statements on a service's imports, whose tables are called after the record."""

    def __init__(self, record: str) -> None:
        self._file = f"{record}_import"
        self._row = f"{record}_import_row"
        self._key = f"{record}_id"

    @property
    def outdated(self) -> str:
        """Return what removes files of before `:before`; what was recorded stays."""
        return f"""
            DELETE FROM {self._file} WHERE import_id IN (
                SELECT import_id FROM {self._file} WHERE created_at < :before ORDER BY created_at
                LIMIT least(CAST(:chunk AS int), 1))
        """

    async def insert_import(
        self, connection: AsyncConnection, row: Mapping[str, Any], *, now: datetime
    ) -> None:
        """Insert an import; its rows come when the file is read."""
        await connection.execute(
            text(
                f"""
                INSERT INTO {self._file} (import_id, version, source, name, encoding, delimiter,
                                          sheet, time_zone, columns, rows, mapping, created_at,
                                          updated_at)
                VALUES (:import_id, 1, :source, :name, :encoding, :delimiter, :sheet, :time_zone,
                        CAST(:columns AS text[]), 0, CAST(:mapping AS jsonb), :now, :now)
                """
            ),
            {**row, "mapping": json.dumps(row["mapping"]), "now": now},
        )

    async def copy_rows(
        self, connection: AsyncConnection, import_id: UUID, rows: Sequence[tuple[int, list[str]]]
    ) -> None:
        """Append rows of a file, by COPY."""
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.copy_records_to_table(
            self._row,
            records=[(import_id, line, cells) for line, cells in rows],
            columns=["import_id", "line", "cells"],
        )

    async def set_rows(self, connection: AsyncConnection, import_id: UUID, rows: int) -> None:
        """Note how many rows the file has."""
        await connection.execute(
            text(f"UPDATE {self._file} SET rows = :rows WHERE import_id = :id"),
            {"id": import_id, "rows": rows},
        )

    async def find_import(
        self, connection: AsyncConnection, import_id: UUID, *, lock: bool = False
    ) -> Row[Any] | None:
        """Return an import, or None; locked so that its mapping and jobs stay as they are."""
        result = await connection.execute(
            text(
                f"SELECT {COLUMNS} FROM {self._file} WHERE import_id = :id "
                f"{'FOR NO KEY UPDATE' if lock else ''}"
            ),
            {"id": import_id},
        )
        return result.one_or_none()

    async def list_imports(
        self, connection: AsyncConnection, *, before: UUID | None, limit: int
    ) -> Sequence[Row[Any]]:
        """Return imports, the newest first."""
        result = await connection.execute(
            text(
                f"""
                SELECT {COLUMNS} FROM {self._file}
                WHERE CAST(:before AS uuid) IS NULL OR import_id < CAST(:before AS uuid)
                ORDER BY import_id DESC LIMIT :limit
                """
            ),
            {"before": before, "limit": limit},
        )
        return result.all()

    async def set_mapping(
        self,
        connection: AsyncConnection,
        import_id: UUID,
        mapping: Mapping[str, str],
        *,
        now: datetime,
    ) -> None:
        """Replace what the columns mean; what an earlier mapping came to is forgotten."""
        await connection.execute(
            text(
                f"UPDATE {self._file} SET mapping = CAST(:mapping AS jsonb), "
                "version = version + 1, counts = '{}', rehearsal_job = NULL, updated_at = :now "
                "WHERE import_id = :id"
            ),
            {"id": import_id, "mapping": json.dumps(mapping), "now": now},
        )
        await self.clear_fates(connection, import_id)

    async def set_jobs(
        self, connection: AsyncConnection, import_id: UUID, jobs: Mapping[str, UUID]
    ) -> None:
        """Note which job rehearses, runs or undoes the import, by the name of its column."""
        changes = ", ".join(f"{name} = :{name}" for name in jobs)
        await connection.execute(
            text(f"UPDATE {self._file} SET {changes} WHERE import_id = :id"),
            {"id": import_id, **jobs},
        )

    async def set_counts(
        self, connection: AsyncConnection, import_id: UUID, counts: Mapping[str, int]
    ) -> None:
        """Note how many rows have met which fate so far."""
        await connection.execute(
            text(f"UPDATE {self._file} SET counts = CAST(:counts AS jsonb) WHERE import_id = :id"),
            {"id": import_id, "counts": json.dumps(counts)},
        )

    async def delete_import(self, connection: AsyncConnection, import_id: UUID) -> None:
        """Remove an import with its rows; what it has recorded stays."""
        await connection.execute(
            text(f"DELETE FROM {self._file} WHERE import_id = :id"), {"id": import_id}
        )

    async def next_rows(
        self, connection: AsyncConnection, import_id: UUID, *, after: int, limit: int
    ) -> Sequence[Row[Any]]:
        """Return line and cells of the next rows in the order of the file."""
        result = await connection.execute(
            text(
                f"SELECT line, cells FROM {self._row} "
                "WHERE import_id = :id AND line > :after ORDER BY line LIMIT :limit"
            ),
            {"id": import_id, "after": after, "limit": limit},
        )
        return result.all()

    async def rows_by_fate(
        self,
        connection: AsyncConnection,
        import_id: UUID,
        *,
        fate: str | None,
        after: int,
        limit: int,
    ) -> Sequence[Row[Any]]:
        """Return rows that have met a fate, or one of all, in the order of the file."""
        result = await connection.execute(
            text(
                f"""
                SELECT line, cells, fate, problems, {self._key} AS record_id FROM {self._row}
                WHERE import_id = :id AND line > :after
                  AND {"fate = :fate" if fate else "fate IS NOT NULL"}
                ORDER BY line LIMIT :limit
                """
            ),
            {"id": import_id, "after": after, "limit": limit, **({"fate": fate} if fate else {})},
        )
        return result.all()

    async def earlier_lines(
        self, connection: AsyncConnection, import_id: UUID, refs: Collection[str], *, before: int
    ) -> dict[str, int]:
        """Return where these keys stood in rows before a line, as far as those were looked at."""
        result = await connection.execute(
            text(
                f"""
                SELECT ref, min(line) AS line FROM {self._row}
                WHERE import_id = :id AND ref = ANY(CAST(:refs AS text[])) AND line < :before
                GROUP BY ref
                """
            ),
            {"id": import_id, "refs": list(refs), "before": before},
        )
        return {row.ref: row.line for row in result}

    async def clear_fates(self, connection: AsyncConnection, import_id: UUID) -> None:
        """Forget what rows have come to."""
        await connection.execute(
            text(
                f"UPDATE {self._row} SET fate = NULL, ref = NULL, problems = '[]', "
                f"{self._key} = NULL WHERE import_id = :id AND fate IS NOT NULL"
            ),
            {"id": import_id},
        )

    async def set_fates(
        self, connection: AsyncConnection, import_id: UUID, fates: Sequence[RowFate]
    ) -> None:
        """Keep what has become of rows."""
        await connection.execute(
            text(
                f"""
                UPDATE {self._row} AS row
                SET fate = new.fate, ref = new.ref, {self._key} = new.record_id,
                    problems = CAST(new.problems AS jsonb)
                FROM unnest(CAST(:lines AS int[]), CAST(:fates AS text[]), CAST(:refs AS text[]),
                            CAST(:records AS uuid[]), CAST(:problems AS text[]))
                     AS new (line, fate, ref, record_id, problems)
                WHERE row.import_id = :id AND row.line = new.line
                """
            ),
            {
                "id": import_id,
                "lines": [one.line for one in fates],
                "fates": [one.fate for one in fates],
                "refs": [one.ref for one in fates],
                "records": [one.record_id for one in fates],
                "problems": [
                    json.dumps(
                        [
                            {"column": column, "reason": reason, "remedy": remedy}
                            for column, reason, remedy in one.problems
                        ]
                    )
                    for one in fates
                ],
            },
        )
