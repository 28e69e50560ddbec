"""The facts that a condition looks at, with the event that told each."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from services.mailing.domain.conditions import (
    Condition,
    ContactField,
    ContactHas,
    ContactValue,
    CustomerEnded,
    CustomerField,
    CustomerFlagged,
    CustomerHas,
    CustomerValue,
    HasAttribute,
    RelationshipStart,
)
from services.mailing.domain.lists import CONTACT_ATTRIBUTE
from services.mailing.domain.scenes import Fields
from shared.contracts.held import token


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One fact: what it is called and its value, or the row that was counted.

    Which event told it is not known of links, and of what was told before that was kept.
    """

    name: str
    value: Any
    told_type: str | None
    told_by: str | None
    told_at: str | None


def facts_behind(
    node: Condition, row: Fields, links: Collection[Fields], covers: Collection[str]
) -> Iterator[Fact]:
    """Return the facts of a contact or customer that a condition looks at; `links` are his."""
    match node:
        case CustomerHas() | ContactHas() | CustomerFlagged() | CustomerEnded():
            lists = {one.partition("/")[0] for one in covers}
            for held in row["held"]:
                if held.partition("/")[0] in lists:
                    yield _told("held", held, row)
            if isinstance(node, CustomerEnded) and not node.is_ever:
                yield _told("ended_on", row["ended_on"], row)
        case HasAttribute():
            value = token(CONTACT_ATTRIBUTE, node.number)
            if node.number in row["attributes"]:
                yield _told("held", value, row)
        case RelationshipStart():
            yield _told("started_on", row["started_on"], row)
        case ContactField(field="role"):
            yield from (_told("role", link["role"], link) for link in links)
        case CustomerField() | ContactField():
            yield _told(node.field, row[node.field], row)
        case CustomerValue() | ContactValue():
            number = str(node.attribute)
            yield _told(f"attribute {number}", row["attribute_values"].get(number), row)
        case _:
            # What it counts is told by the rows counted.
            return


def counted_fact(table: str, row: Fields) -> Fact:
    """Return a row that a condition counts as a fact, without what says nothing to a reader."""
    keep = _COUNTED[table]
    return _told(table, {name: row[name] for name in keep}, row)


def _told(name: str, value: Any, row: Fields) -> Fact:
    return Fact(name, value, row.get("told_type"), row.get("told_by"), _moment(row.get("told_at")))


def _moment(at: Any) -> str | None:
    # Rows from before it was kept have no moment.
    return None if at in (None, "-infinity") else str(at)


_COUNTED = {
    "document": ("source", "kind", "document_id", "document_date", "currency", "net_amount"),
    "activity": ("activity_id", "category", "kind", "type", "seller", "state", "day"),
    "opportunity": (
        "opportunity_id", "name", "pipeline", "stage", "outcome", "closed_on", "expected_close",
        "currency", "value",
    ),
}  # fmt: skip
