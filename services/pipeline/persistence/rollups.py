"""What forecasts read instead of opportunities, and how the database keeps it by itself.

`forecast_share` holds what each seller has in what is open and won, `forecast_shared` how many of
these several share, since the first has each of them several times. What is lost or expired is in
neither: no figure of a forecast has it, and it would be a third of the rows. Triggers per statement
add what has come and take what has gone, whatever changes opportunities; their cost is that of the
change, however many there are. A key whose sums stay is not touched, one that comes to nothing is
removed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.history.migration import Operations

_DAY = """
    CASE outcome WHEN 'open'
         THEN CAST(date_trunc('month', CAST(expected_close AS timestamp)) AS date)
         ELSE closed_on END
"""
_COUNTED = "deleted_at IS NULL AND outcome IN ('open', 'won')"


def shares_of(rows: str, *, beside: tuple[str, ...] = ()) -> str:
    """
    Return a subquery of what each seller has in these rows of `opportunity`, a row per share.

    Its columns are those of `forecast_share`, and what is named in `beside`. The expected part is
    rounded half up once, then split as the value is, so that parts sum to it (domain/money.py).
    """
    others = "".join(f", {column}" for column in beside)
    return f"""(
        SELECT day, part.seller, currency, stage, type, probability, part.value, part.weighted,
               1 AS opportunities{others}
        FROM (SELECT {_DAY} AS day, currency, stage, coalesce(type, 0) AS type, probability, value,
                     (value * probability + 50) / 100 AS weighted, sellers, weights{others}
              FROM {rows} AS one WHERE {_COUNTED}) AS whole
        CROSS JOIN LATERAL (
            SELECT coalesce(sellers[1], '') AS seller, value, weighted
            WHERE cardinality(sellers) < 2
            UNION ALL
            SELECT seller, value * upto / 100 - value * (upto - weight) / 100,
                   weighted * upto / 100 - weighted * (upto - weight) / 100
            FROM (SELECT seller, weight, sum(weight) OVER (ORDER BY place) AS upto
                  FROM unnest(sellers, weights) WITH ORDINALITY AS one (seller, weight, place)
                  WHERE cardinality(sellers) > 1) AS reached
        ) AS part
    )"""


def shared_of(rows: str, *, beside: tuple[str, ...] = ()) -> str:
    """Return a subquery of what several share of these rows, as in `forecast_shared`."""
    others = "".join(f", {column}" for column in beside)
    return f"""(
        SELECT {_DAY} AS day, ARRAY(SELECT seller FROM unnest(sellers) AS one (seller) ORDER BY 1)
                   AS sellers,
               currency, stage, coalesce(type, 0) AS type, probability, 1 AS opportunities{others}
        FROM {rows} AS one WHERE {_COUNTED} AND cardinality(sellers) > 1
    )"""


@dataclass(frozen=True, slots=True)
class Rollup:
    """A table of sums by key, and what of an opportunity is summed there."""

    table: str
    key: str
    sums: tuple[str, ...]
    of: Callable[[str], str]

    def differences(self, more: str | None, less: str | None) -> str:
        """Return a subquery of the keys whose sums differ in two subqueries, and by how much."""
        sides = [
            f"SELECT {self.key}, {', '.join(f'{sign}{one} AS {one}' for one in self.sums)} "
            f"FROM {rows} AS side"
            for sign, rows in (("", more), ("-", less))
            if rows is not None
        ]
        return f"""(
            SELECT {self.key}, {", ".join(f"sum({one}) AS {one}" for one in self.sums)}
            FROM ({" UNION ALL ".join(sides)}) AS changed
            GROUP BY {self.key} HAVING {" OR ".join(f"sum({one}) <> 0" for one in self.sums)}
        )"""

    def add(self, differences: str) -> str:
        """
        Return the statement that adds differences, in the order of keys, so that nobody waits in a
        ring; it returns the place `ctid` of each row, and whether it is now `empty`.
        """
        return f"""
            INSERT INTO {self.table} AS kept ({self.key}, {", ".join(self.sums)})
            SELECT {self.key}, {", ".join(self.sums)} FROM {differences} AS differing
            ORDER BY {self.key}
            ON CONFLICT ({self.key}) DO UPDATE
                SET {", ".join(f"{one} = kept.{one} + EXCLUDED.{one}" for one in self.sums)}
            RETURNING kept.ctid, {" AND ".join(f"kept.{one} = 0" for one in self.sums)} AS empty
        """


ROLLUPS = (
    Rollup(
        "forecast_share",
        "day, seller, currency, stage, type, probability",
        ("value", "weighted", "opportunities"),
        shares_of,
    ),
    Rollup(
        "forecast_shared",
        "day, sellers, currency, stage, type, probability",
        ("opportunities",),
        shared_of,
    ),
)


def keep_rollups(op: Operations) -> None:
    """Let both rollups follow every statement that changes opportunities."""
    for event, came, went in (
        ("INSERT", "came", None),
        ("UPDATE", "came", "went"),
        ("DELETE", None, "went"),
    ):
        name = f"keep_rollups_at_{event.lower()}"
        kept = "".join(
            _KEPT.format(
                table=one.table,
                added=one.add(one.differences(came and one.of(came), went and one.of(went))),
            )
            for one in ROLLUPS
        )
        op.execute(_FUNCTION.format(name=name, kept=kept))
        tables = [
            f"{sort} TABLE AS {rows}" for sort, rows in (("NEW", came), ("OLD", went)) if rows
        ]
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON opportunity REFERENCING {' '.join(tables)} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


async def mend(connection: AsyncConnection, rollup: Rollup) -> int:
    """
    Add to a rollup what it lacks against a recount; return how many keys were wrong.

    Both are read in one statement, and what is added are differences: others may write meanwhile.
    """
    await connection.execute(text("SET LOCAL work_mem = '64MB'"))
    differences = rollup.differences(rollup.of("opportunity"), rollup.table)
    added = await connection.execute(
        text(f"WITH mended AS ({rollup.add(differences)}) SELECT count(*) FROM mended")
    )
    await connection.execute(
        text(
            f"DELETE FROM {rollup.table} WHERE {' AND '.join(f'{one} = 0' for one in rollup.sums)}"
        )
    )
    return int(added.scalar_one())


_FUNCTION = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        gone tid[];
    BEGIN
        {kept}
        RETURN NULL;
    END $$
"""
# What is empty is removed by its place, since this transaction holds the row: to look for it by key
# could read the whole table, by a plan made when there was little of it.
_KEPT = """
        WITH added AS ({added})
        SELECT array_agg(ctid) INTO gone FROM added WHERE empty;
        IF gone IS NOT NULL THEN
            DELETE FROM {table} WHERE ctid = ANY(gone);
        END IF;
"""
