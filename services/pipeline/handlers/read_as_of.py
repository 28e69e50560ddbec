"""Read the forecast as it was believed at a moment, with labels (TS-27, TS-30, TS-31)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.as_of import AsOf
from services.pipeline.domain.forecasts import Dimension
from services.pipeline.handlers.known_group import refuse_unknown_group
from services.pipeline.handlers.read_forecast import MOST_LINES, TooManyLines
from services.pipeline.persistence.as_of import forecast_as_of
from services.pipeline.persistence.forecast_names import group_titles
from services.pipeline.persistence.known_values import known_values


@dataclass(frozen=True, slots=True)
class Line:
    """Amounts of one thing in one currency; no key is none of it, or all in a total."""

    key: str | None
    label: str | None
    amounts: Any


@dataclass(frozen=True, slots=True)
class Believed:
    """The lines, and the total of each currency, which has every opportunity once."""

    lines: Sequence[Line]
    totals: Sequence[Line]


async def read_as_of(asked: AsOf, connection: AsyncConnection, *, language: str | None) -> Believed:
    """Return what was believed; refuse, by field, what cannot be asked."""
    await refuse_unknown_group(asked.group, connection)
    rows = await forecast_as_of(connection, asked, limit=MOST_LINES + 1)
    lines = [row for row in rows if not row.total]
    if len(lines) > MOST_LINES:
        raise TooManyLines(f"There are more than {MOST_LINES:,} lines.")
    names = await _names(asked.by, {row.key for row in lines} - {None}, connection, language)
    return Believed(
        [_line(row, names) for row in lines],
        [Line(None, None, row) for row in rows if row.total],
    )


def _line(row: Any, names: Mapping[str, tuple[str, str]]) -> Line:
    key, label = names.get(row.key, (row.key, row.key))
    return Line(key, label, row)


async def _names(
    by: Dimension, keys: Collection[str], connection: AsyncConnection, language: str | None
) -> Mapping[str, tuple[str, str]]:
    """Return number or id, and label, of keys that are no names themselves."""
    match by:
        case Dimension.GROUP:
            titles = await group_titles(connection, keys)
            return {key: (key, title) for key, title in titles.items()}
        case Dimension.PIPELINE | Dimension.STAGE | Dimension.TYPE:
            values = await known_values(connection, [int(key) for key in keys])
            return {
                str(key): (str(row.number), row.titles.get(language, row.title))
                for key, row in values.items()
            }
    return {}
