"""Rules as SQL over live contacts: the one evaluator, over all of them or over some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.conditions import (
    ContactHas,
    CustomerEnded,
    CustomerFlagged,
    CustomerHas,
    Holder,
    holder_of,
)
from services.mailing.domain.lists import CUSTOMER_STATUS, ENDED
from services.mailing.domain.rules import (
    All,
    Any_,
    Node,
    Not,
    Place,
    Rule,
    SameCustomer,
    conditions,
    is_condition,
    walk,
)
from services.mailing.persistence.classifications import covered, flagged
from services.mailing.persistence.conditions import Asked, Conditions


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean over the alias `contact`, never null, and its bind parameters.

    `changes_on` is the next day on which passing time alone may change it, as SQL that may be null;
    None where time never does. `behind` is the same for contacts behind `:after`, where the planner
    does not see by itself what that saves.
    """

    sql: str
    parameters: Mapping[str, Any]
    changes_on: str | None = None
    behind: str | None = None

    def within(self, statement: str) -> str:
        """Return a statement with this condition in the place of `{rule}`."""
        return statement.replace("{rule}", self.sql)

    def within_page(self, statement: str) -> str:
        """Return a statement about contacts behind `:after` with this in the place of `{rule}`."""
        return statement.replace("{rule}", self.behind or self.sql)


async def compile_rule(connection: AsyncConnection, rule: Rule, today: date) -> Condition:
    """
    Return a rule as SQL over all contacts, as the lists stand now.

    What the named values cover is read first and bound as constants, since the planner knows how
    many hold a constant, and guesses for anything that it would have to look up. For the same
    reason the transaction plans anew each time: a segment of 200 among 200,000 contacts is counted
    in 5 ms, and in 40 ms by a plan that fits any values.
    """
    if any(True for _ in conditions(rule)):
        await connection.execute(_PLAN_ANEW)
    (condition,) = await compile_rules(connection, [rule], today)
    return condition


async def compile_rules(
    connection: AsyncConnection, rules: Sequence[Rule], today: date
) -> list[Condition]:
    """Return several rules as SQL for one statement: they share their parameters."""
    made = Conditions(await _covers(connection, rules), today)
    return [_whole(rule, made) for rule in rules]


@dataclass(frozen=True, slots=True)
class AskedNode:
    """
    A node of a rule as SQL over `contact`, or over each `customer` of his if it asks customers.

    `covers` are the values that count where it is about values.
    """

    place: Place
    asked: Asked
    of_customer: bool
    covers: Sequence[str] = ()


async def compile_nodes(
    connection: AsyncConnection, rule: Rule, today: date, at: datetime
) -> tuple[Condition, list[AskedNode]]:
    """Return a rule as a whole and node by node, for one statement, as the lists stood then."""
    covers = await _covers(connection, [rule], at)
    made = Conditions(covers, today)
    whole = _whole(rule, made)
    return whole, [_node(place, made) for place in walk(rule.root)]


def _whole(rule: Rule, made: Conditions) -> Condition:
    asked = _of_contact(rule.root, made)
    return Condition(asked.holds, made.parameters, asked.changes_on)


def _node(place: Place, made: Conditions) -> AskedNode:
    node = place.node
    covers = sorted({token for one in _values(node) for token in made.covers.get(one, ())})
    of_customer = is_condition(node) and holder_of(node) is Holder.CUSTOMER
    if place.at_customer or of_customer:
        return AskedNode(place, _of_customer(node, made), True, covers)
    return AskedNode(place, _of_contact(node, made), False, covers)


async def _covers(
    connection: AsyncConnection, rules: Sequence[Rule], at: datetime | None = None
) -> Mapping[str, Sequence[str]]:
    asked = {value for rule in rules for node, _ in conditions(rule) for value in _values(node)}
    return await covered(connection, asked, at) if asked else {}


def _values(node: Node) -> tuple[str, ...]:
    """Return the values and flags that a condition names."""
    match node:
        case CustomerHas() | ContactHas():
            return node.tokens
        case CustomerFlagged():
            return (flagged(node.list, node.flag),)
        case CustomerEnded():
            return (flagged(CUSTOMER_STATUS, ENDED),)
        case _:
            return ()


def _of_contact(node: Node, made: Conditions) -> Asked:
    match node:
        case All() | Any_():
            return _joined(node, [_of_contact(child, made) for child in node.rules])
        case Not():
            return _negated(_of_contact(node.rule, made))
        case SameCustomer():
            return _at_customer(_of_customer(node.rule, made))
        case _:
            asked = made.asked(node)
            return asked if holder_of(node) is Holder.CONTACT else _at_customer(asked)


def _of_customer(node: Node, made: Conditions) -> Asked:
    match node:
        case All() | Any_():
            return _joined(node, [_of_customer(child, made) for child in node.rules])
        case Not():
            return _negated(_of_customer(node.rule, made))
        case SameCustomer():
            raise AssertionError("a rule with one same_customer inside another is refused")
        case _:
            return made.asked(node)


def _joined(node: All | Any_, parts: Sequence[Asked]) -> Asked:
    operator, empty = (" AND ", "TRUE") if isinstance(node, All) else (" OR ", "FALSE")
    days = [part.changes_on for part in parts if part.changes_on is not None]
    return Asked(
        operator.join(f"({part.holds})" for part in parts) or empty,
        f"LEAST({', '.join(days)})" if days else None,
    )


def _negated(part: Asked) -> Asked:
    return Asked(f"NOT ({part.holds})", part.changes_on)


def _at_customer(part: Asked) -> Asked:
    # A day of one customer counts even if another makes the condition true: it is looked at then.
    changes_on = part.changes_on
    return Asked(
        f"EXISTS (SELECT {_LINKED} AND ({part.holds}))",
        None if changes_on is None else f"(SELECT min({changes_on}) {_LINKED})",
    )


_PLAN_ANEW = text("SET LOCAL plan_cache_mode = 'force_custom_plan'")
_LINKED = """
    FROM contact_customer AS link
    JOIN customer ON customer.customer_id = link.customer_id AND NOT customer.deleted
    WHERE link.contact_id = contact.contact_id"""
