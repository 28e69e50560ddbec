"""Conditions on the fragment: who is hit, and which way the hits are found soonest.

A sample tells whether a fragment is so common that its hits are met wherever one looks. Others are
looked up by trigrams, up to a bound. Few hits are named, sorted and counted. Many are met soon in
any order, so the order is walked: that by name in an index that has the texts beside the names, a
small part of what a look at the table for each would cost.
"""

import re
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.persistence.search_lookups import LAST_CHARACTER
from shared.chassis.conditions import Conditions, escaped

# By code point, on every server alike: what begins alike lies together.
NAME, NUMBER = 'lower(name) COLLATE "C"', 'lower(number) COLLATE "C"'
# Below this many characters there is no trigram: names and numbers are then searched by beginning.
SHORTEST_FRAGMENT = 3
# With so many hits among a million, sorting them costs what walking to a page of them costs.
FEW_HITS = 1000
# Beyond so many places, asking each customer that is walked for its own is cheaper.
PLACES_AT_HAND = 8000
# Among so many hits of a common fragment are matches counted.
SAMPLE = 300
# With so many of a sample of 0.2 %, a table has some 10,000 hits, met soonest without an index.
EVERYWHERE = 20
# The index of fragments has borders of words as letters, or no trigram would reach across one.
BORDERS, LETTERS = " .@-", "qqqq"
# Without a trigram, an index tells hardly anything.
_TRIGRAM = re.compile(r"[^\W_]{3}")
# An index takes no row of 2,700 bytes, so that texts beyond this have one of their own, by name.
PARTS = ("octet_length(search_text) <= 600", "octet_length(search_text) > 600")


@dataclass(slots=True)
class CustomerConditions(Conditions):
    """Conditions on customers, the first on deletion."""

    # What finds the many hits of a common fragment, and what stands for it in counts.
    common: str | None = None
    sample: str = ""


async def add_fragment(
    connection: AsyncConnection, building: CustomerConditions, fragment: str, *, deleted: bool
) -> None:
    """Add that a fragment is part of a customer; a short one, that a name or number begins so."""
    # The database folds fragments as it folds names, which is not in all scripts as Python does.
    asked = {"f": fragment, "pattern": f"%{escaped(fragment)}%"}
    folded, customers, places = (await connection.execute(text(_FOLDED), asked)).one()
    joined = folded.translate(str.maketrans(BORDERS, LETTERS))
    values = {
        "beginning": folded,
        "last": f"{folded}{LAST_CHARACTER}",
        "pattern": f"%{escaped(folded)}%",
        "joined": f"%{escaped(joined)}%",
    }
    is_short = len(fragment) < SHORTEST_FRAGMENT
    if deleted:
        # They are few, and have an index; the indexes of fragments find live ones.
        building.add(_BEGINS if is_short else _IS_HIT, **values)
        return
    if is_short:
        statement, few, at_hand = _BEGIN_WITH, FEW_HITS, FEW_HITS
    else:
        tells = bool(_TRIGRAM.search(joined))
        of_customers, few = _looked_up(customers, FEW_HITS, tells=tells)
        of_places, at_hand = _looked_up(places, PLACES_AT_HAND, tells=tells)
        statement = _HITS.format(of_customers=of_customers, of_places=of_places)
    first, second, hits = (
        await connection.execute(text(statement), {**values, "few": few + 1, "places": at_hand + 1})
    ).one()
    if first <= few and second <= min(FEW_HITS, at_hand):
        building.add(_IS_NAMED, hits=hits)
        return
    condition = _beginning(first, second) if is_short else _hit(all_at_hand=second <= at_hand)
    building.common = condition
    building.sample = f"customer_id IN ({_HIT_IDS} LIMIT {SAMPLE})"
    building.add(condition, **values, hits=hits)


def _looked_up(sampled: int, bound: int, *, tells: bool) -> tuple[str, int]:
    """Return how hits are looked up in a table and how many, after so many of a sample are hit."""
    if sampled >= (EVERYWHERE if tells else 2):
        return _TEXT_IS_HIT, SAMPLE
    return _IS_FOUND, bound


def _beginning(names: int, numbers: int) -> str:
    """Return what finds beginnings: one range where only names or only numbers begin so."""
    if not numbers:
        return _NAME_BEGINS
    return _NUMBER_BEGINS if not names else _BEGINS


def _hit(*, all_at_hand: bool) -> str:
    """Return what finds hits; no place need be looked at where all that are hit are at hand."""
    return f"({_TEXT_IS_HIT} OR {_IS_NAMED})" if all_at_hand else _IS_HIT


_FOLDED = """
    SELECT lower(:f), (SELECT count(*) FROM customer TABLESAMPLE SYSTEM (0.2)
                       WHERE search_text LIKE lower(:pattern)),
           (SELECT count(*) FROM contact_customer TABLESAMPLE SYSTEM (0.2)
            WHERE search_text LIKE lower(:pattern))
"""
_HIT_IDS = "SELECT unnest(CAST(CAST(:hits AS text) AS uuid[]))"
_IS_NAMED = f"customer_id IN ({_HIT_IDS})"
# Hits come and go as one text: thousands of ids would cost more to read than to find.
_FOUND = """
    SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM other),
           CAST(ARRAY(SELECT customer_id FROM one UNION SELECT customer_id FROM other) AS text)
"""
_HITS = f"""
    WITH one AS MATERIALIZED (
        SELECT customer_id FROM customer
        WHERE deleted_at IS NULL AND {{of_customers}} LIMIT :few),
    other AS MATERIALIZED (
        SELECT customer_id FROM contact_customer WHERE {{of_places}} LIMIT :places)
    {_FOUND}
"""
_TEXT_IS_HIT = "search_text LIKE :pattern"
_IS_FOUND = f"(translate(search_text, '{BORDERS}', '{LETTERS}') LIKE :joined AND {_TEXT_IS_HIT})"
# OFFSET: each customer is asked, lest the planner read every place there is.
_IS_HIT = f"""
    ({_TEXT_IS_HIT} OR EXISTS (
        SELECT FROM contact_customer AS place
        WHERE place.customer_id = customer.customer_id AND place.search_text LIKE :pattern
        OFFSET 0))
"""
# Ranges, not LIKE: an index serves them whatever the plan was made for.
_NAME_BEGINS = f"({NAME} >= :beginning AND {NAME} <= :last)"
_NUMBER_BEGINS = f"({NUMBER} >= :beginning AND {NUMBER} <= :last)"
_BEGINS = f"({_NAME_BEGINS} OR {_NUMBER_BEGINS})"
_BEGIN_WITH = f"""
    WITH one AS MATERIALIZED (
        SELECT customer_id FROM customer
        WHERE deleted_at IS NULL AND {_NAME_BEGINS} LIMIT :few),
    other AS MATERIALIZED (
        SELECT customer_id FROM customer
        WHERE deleted_at IS NULL AND {_NUMBER_BEGINS} LIMIT :places)
    {_FOUND}
"""
