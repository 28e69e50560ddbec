"""How statements read states: which held at a moment, and whose part of an amount is meant.

An opportunity counts with the parts of the sellers who are asked for, of a group with all below it
on the day on which it was closed, or, of an open one, on the day of the moment (TS-A6).
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.pipeline.persistence.groups import subtree_members

EXPECTED = "((value * probability + 50) / 100)"
"""The part of a value that its probability lets expect, as `domain/money.py` has it."""
DAY = "coalesce(closed_on, expected_close)"
"""The day with which an opportunity counts: when it was closed, or is expected to be."""
COUNTED = "NOT deleted AND outcome IN ('open', 'won')"
"""The condition that a state is part of forecasts."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whose parts are meant: those of all, of a seller, of a group with all below it, or both."""

    seller: str | None = None
    group: UUID | None = None

    @property
    def everybody(self) -> bool:
        """Tell whether opportunities are meant as a whole, those of nobody too."""
        return self.seller is None and self.group is None

    @property
    def values(self) -> dict[str, Any]:
        """Return the parameters of statements that ask for them."""
        named = {"seller": self.seller, "group": self.group}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def members(self) -> str:
        """Return what goes behind WITH, before other subqueries: `member` of the group, if any.

        One row: by seller, the days on which he is there. What reads it asks once for each part,
        and a table without an index would be read as often.
        """
        if self.group is None:
            return ""
        return f"""
            member AS MATERIALIZED (
                SELECT jsonb_object_agg(seller, days) AS present
                FROM (SELECT seller, range_agg(daterange(since, until, '[]')) AS days
                      FROM {subtree_members(_GROUP)} AS found GROUP BY seller) AS stay
            ),
        """


def held_at(moment: str) -> str:
    """Return the condition that a state held at this moment."""
    return f"(since <= {moment} AND (until IS NULL OR until > {moment}))"


def cuts(row: str, who: Who, *, day: str, by_seller: bool = False) -> str:
    """
    Return the subquery, for LATERAL, of the parts that are meant of a row with sellers and weights.

    Its columns are `seller` (empty: nobody's), `weight`, and `reached`, the sum of weights up to
    his. A whole opportunity is one part, unless sellers are to be told apart. `day` is an
    expression for the day of membership.
    """
    if who.everybody and not by_seller:
        return "(SELECT '' AS seller, 100 AS weight, 100 AS reached)"
    conditions = ["true"]
    if who.seller is not None:
        conditions.append("part.seller = :seller")
    if who.group is not None:
        conditions.append(
            "CAST((SELECT present FROM member) ->> part.seller AS datemultirange) "
            f"@> CAST({day} AS date)"
        )
    return f"""(
        SELECT part.seller, part.weight, part.reached
        FROM (SELECT seller, weight, sum(weight) OVER (ORDER BY place) AS reached
              FROM unnest({row}.sellers, {row}.weights)
                   WITH ORDINALITY AS given (seller, weight, place)
              UNION ALL
              SELECT '', 100, 100 WHERE cardinality({row}.sellers) = 0) AS part
        WHERE {" AND ".join(conditions)}
    )"""


def cut(amount: str) -> str:
    """Return the part of an amount that `weight` and `reached` give, as `domain/money.py` cuts."""
    return f"({amount} * reached / 100 - {amount} * (reached - weight) / 100)"


_GROUP = "CAST(:group AS uuid)"
