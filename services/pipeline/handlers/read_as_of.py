"""Read the forecast as it was believed at a moment, with labels (TS-27, TS-30, TS-31)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.as_of import AsOf
from services.pipeline.domain.forecasts import Dimension
from services.pipeline.persistence.as_of import forecast_as_of
from services.pipeline.persistence.report_names import group_titles
from shared.chassis.errors import InvalidField, Refusal
from shared.lists.store import values_of

MOST_LINES = 20_000


class ForecastTooLong(Refusal):
    """The answer would be longer than anybody reads."""

    slug = "forecast_too_long"
    remedy = "Ask for fewer months, or by something of which there is less."


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
    await known_group(asked.group, connection)
    rows = await forecast_as_of(connection, asked, limit=MOST_LINES + 1)
    lines = [row for row in rows if not row.total]
    if len(lines) > MOST_LINES:
        raise ForecastTooLong(f"There are more than {MOST_LINES:,} lines.")
    names = await _names(asked.by, {row.key for row in lines} - {None}, connection, language)
    return Believed(
        [_line(row, names) for row in lines],
        [Line(None, None, row) for row in rows if row.total],
    )


def _line(row: Any, names: Mapping[str, tuple[str, str]]) -> Line:
    key, label = names.get(row.key, (row.key, row.key))
    return Line(key, label, row)


async def known_group(group: Any, connection: AsyncConnection) -> None:
    """Refuse a user group that there is not."""
    if group is not None and str(group) not in await group_titles(connection, [str(group)]):
        raise InvalidField(
            "group", f"there is no user group {group}", "List them: GET /v1/user-groups."
        )


async def _names(
    by: Dimension, keys: Collection[str], connection: AsyncConnection, language: str | None
) -> Mapping[str, tuple[str, str]]:
    """Return number or id, and label, of keys that are no names themselves."""
    match by:
        case Dimension.GROUP:
            titles = await group_titles(connection, keys)
            return {key: (key, title) for key, title in titles.items()}
        case Dimension.PIPELINE | Dimension.STAGE | Dimension.TYPE:
            values = await values_of(connection, [int(key) for key in keys])
            return {
                str(key): (str(row.number), row.titles.get(language, row.title))
                for key, row in values.items()
            }
    return {}
