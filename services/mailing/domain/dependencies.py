"""What a rule asks about, and what a change of facts touches, in the same keys.

If none of the keys of a contact's facts is among those of a rule, the rule answers for him as for a
contact of whom nothing is known. So it is enough to evaluate rules on the keys that changed, and,
for a new contact, those that hold for such a blank one (`EXISTENCE`).
"""

from collections.abc import Iterable, Iterator
from uuid import UUID

from services.mailing.domain.conditions import (
    Activities,
    Condition,
    ContactField,
    ContactHas,
    ContactValue,
    CustomerEnded,
    CustomerField,
    CustomerFlagged,
    CustomerHas,
    CustomerValue,
    Documents,
    HasAttribute,
    Holder,
    InSegment,
    Opportunities,
    RelationshipStart,
    Turnover,
    holder_of,
)
from services.mailing.domain.lists import CONTACT_ATTRIBUTE, CUSTOMER_STATUS
from services.mailing.domain.rules import (
    All,
    Any_,
    Node,
    Not,
    Rule,
    SameCustomer,
    conditions,
    walk,
)
from shared.contracts.held import token

EXISTENCE = "contact"
"""A contact came to be, or came back."""
GONE = "contact.gone"
"""A contact was deleted; no rule names it, every rule that he was a member of is touched."""
CUSTOMERS = "contact.customers"
"""He came to a customer, or one of his came to be or was deleted; its values are keys beside."""
UNLINKED = "contact.unlinked"
"""He is at one customer less. What that one held when he was last evaluated is not known, so all
that is asked of customers is touched."""


def held_key(holder: Holder, value: str) -> str:
    """Return the key of holding a value, by its token."""
    return f"{holder}.held/{value}"


def list_key(holder: Holder, list_name: str) -> str:
    """Return the key of holding anything else of a list, or of a new flag of one of its values."""
    return f"{holder}.held/{list_name}"


def shape_key(holder: Holder, list_name: str) -> str:
    """Return the key of what lies in what, or is bundled by what, in a list."""
    return f"{holder}.shape/{list_name}"


def field_key(holder: Holder, field: str) -> str:
    """Return the key of a field."""
    return f"{holder}.{field}"


def value_key(holder: Holder, attribute: int | str) -> str:
    """Return the key of the value of an attribute."""
    return f"{holder}.value/{attribute}"


def activity_keys(
    holder: Holder,
    *,
    category: int | None,
    kind: int | None,
    type_: int | None,
    attributes: Iterable[int],
) -> Iterator[str]:
    """Return all keys under which rules may ask about such an activity."""
    yield f"{holder}.activity"
    named = {"category": category, "kind": kind, "type": type_}
    yield from (f"{holder}.activity.{name}/{n}" for name, n in named.items() if n is not None)
    yield from (f"{holder}.activity.attribute/{number}" for number in attributes)


def opportunity_key(holder: Holder) -> str:
    """Return the key of opportunities."""
    return f"{holder}.opportunity"


DOCUMENT = f"{Holder.CUSTOMER}.document"


def pin_key(contact_id: UUID) -> str:
    """Return the key of what a person has decided about a contact by hand."""
    return f"pin/{contact_id}"


def segment_key(segment_id: UUID) -> str:
    """Return the key of being a member of a segment."""
    return f"segment/{segment_id}"


def keys_of(rule: Rule) -> frozenset[str]:
    """Return all that a rule asks about."""
    keys = {key for node, _ in conditions(rule) for key in _asked(node)}
    if any(isinstance(place.node, SameCustomer) for place in walk(rule.root)):
        # It may hold of a customer of whom nothing is known.
        keys |= {CUSTOMERS, UNLINKED}
    if holds_for_nobody_known(rule.root):
        keys.add(EXISTENCE)
    return frozenset(keys)


def holds_for_nobody_known(node: Node) -> bool:
    """Tell whether a rule holds for a contact of whom nothing is known."""
    match node:
        case All():
            return all(map(holds_for_nobody_known, node.rules))
        case Any_():
            return any(map(holds_for_nobody_known, node.rules))
        case Not():
            return not holds_for_nobody_known(node.rule)
        case _:
            # No condition is true of nothing; nor is one of a customer when there is none.
            return False


def _asked(node: Condition) -> Iterator[str]:
    holder = holder_of(node)
    match node:
        case CustomerHas() | ContactHas():
            yield from (held_key(holder, value) for value in node.tokens)
            yield shape_key(holder, node.list)
            if holder is Holder.CUSTOMER:
                yield UNLINKED
            return
        case HasAttribute():
            yield held_key(holder, token(CONTACT_ATTRIBUTE, node.number))
            return
        case InSegment():
            yield segment_key(node.segment_id)
            return
        case CustomerFlagged():
            yield list_key(holder, node.list)
        case CustomerEnded():
            yield list_key(holder, CUSTOMER_STATUS)
            if not node.is_ever:
                yield field_key(holder, "ended_on")
        case RelationshipStart():
            yield field_key(holder, "started_on")
        case CustomerField() | ContactField():
            yield field_key(holder, node.field)
        case CustomerValue() | ContactValue():
            yield value_key(holder, node.attribute)
        case Turnover() | Documents():
            yield DOCUMENT
        case Activities():
            yield from _asked_activities(node)
        case Opportunities():
            yield opportunity_key(holder)
    # What was told of a customer or contact before it came, or came to be linked, counts from then.
    if holder is Holder.CUSTOMER:
        yield from (CUSTOMERS, UNLINKED)
    elif isinstance(node, Activities | Opportunities):
        yield EXISTENCE


def _asked_activities(node: Activities) -> Iterator[str]:
    # By one of its filters, the one that fewest activities pass: who passes all passes this one.
    named = (
        ("category", node.categories),
        ("type", node.types),
        ("attribute", node.attributes),
        ("kind", node.kinds),
    )
    for name, numbers in named:
        if numbers:
            yield from (f"{node.of}.activity.{name}/{number}" for number in numbers)
            return
    yield f"{node.of}.activity"
