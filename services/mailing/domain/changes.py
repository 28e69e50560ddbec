"""Which keys a change of facts touches, and at whom: what rules ask about (dependencies.py)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from services.mailing.domain.conditions import Holder
from services.mailing.domain.dependencies import (
    CUSTOMERS,
    DOCUMENT,
    EXISTENCE,
    GONE,
    UNLINKED,
    activity_keys,
    field_key,
    list_key,
    opportunity_key,
    pin_key,
    shape_key,
    value_key,
)
from services.mailing.domain.facts import (
    ActivityFacts,
    Changed,
    ContactFacts,
    CustomerFacts,
    DocumentFacts,
    Moved,
    OpportunityFacts,
    Told,
    ValueFacts,
)
from services.mailing.domain.lists import covering

T = TypeVar("T")

CUSTOMER_FIELDS = (
    "name", "number", "business_id", "email", "phone", "headcount", "street", "postal_code",
    "city", "country", "started_on", "ended_on",
)  # fmt: skip
CONTACT_FIELDS = (
    "first_name", "last_name", "email", "mobile", "phone", "language", "street", "postal_code",
    "city", "country",
)  # fmt: skip
_ASKED_OF_ACTIVITIES = (
    "deleted", "customer_id", "contacts", "category", "kind", "type", "attributes", "seller",
    "state", "day",
)  # fmt: skip
_ASKED_OF_OPPORTUNITIES = (
    "deleted", "customer_id", "contacts", "pipeline", "stage", "type", "outcome", "closed_on",
    "expected_close", "value", "currency",
)  # fmt: skip
_ASKED_OF_DOCUMENTS = ("voided", "customer_id", "document_date", "currency", "net_amount")


@dataclass(frozen=True, slots=True)
class Touch:
    """
    What changed at one contact, at one customer, or at all who hold a value (`token`).

    `keys` are complete but for two: `held` are values, by holder, of which all that covers them is
    touched too; `linked` are customers to whom the contact has come, whose values count when he is
    evaluated.
    """

    keys: frozenset[str]
    told: Told | None = None
    cause: str = "event"
    contact_id: UUID | None = None
    customer_id: UUID | None = None
    token: str | None = None
    held: frozenset[tuple[Holder, str]] = frozenset()
    linked: frozenset[UUID] = frozenset()

    @property
    def told_type(self) -> str | None:
        """Return the type of the event that told it."""
        return self.told.type if self.told else None

    @property
    def told_by(self) -> str | None:
        """Return the id of the event that told it."""
        return self.told.by if self.told else None


Change = (
    Changed[CustomerFacts]
    | Changed[ContactFacts]
    | Changed[DocumentFacts]
    | Changed[ActivityFacts]
    | Changed[OpportunityFacts]
    | Changed[ValueFacts]
    | Moved
)


def touches_of(change: Change) -> Iterator[Touch]:
    """Return what a change touches; nothing if no rule could ask about the difference."""
    if isinstance(change, Moved):
        # Whatever is asked of customers but the values they hold.
        for customer_id in sorted(change.customer_ids):
            yield Touch(frozenset({CUSTOMERS}), change.told, customer_id=customer_id)
        return
    before, after, told = change.before, change.after, change.told
    if isinstance(after, ContactFacts):
        yield from _of_contact(_as(ContactFacts, before), after, told)
    elif isinstance(after, CustomerFacts):
        yield from _of_customer(_as(CustomerFacts, before), after, told)
    elif isinstance(after, ValueFacts):
        yield from _of_value(_as(ValueFacts, before), after, told)
    elif isinstance(after, DocumentFacts):
        if _differs(before, after, _ASKED_OF_DOCUMENTS):
            for customer_id in _customers(before, after):
                yield Touch(frozenset({DOCUMENT}), told, customer_id=customer_id)
    elif isinstance(after, ActivityFacts):
        if _differs(before, after, _ASKED_OF_ACTIVITIES):
            yield from _of_activity(_as(ActivityFacts, before), after, told)
    elif _differs(before, after, _ASKED_OF_OPPORTUNITIES):
        for customer_id in _customers(before, after):
            keys = frozenset({opportunity_key(Holder.CUSTOMER)})
            yield Touch(keys, told, customer_id=customer_id)
        for contact_id in _contacts(before, after):
            keys = frozenset({opportunity_key(Holder.CONTACT)})
            yield Touch(keys, told, contact_id=contact_id)


def _of_contact(before: ContactFacts | None, after: ContactFacts, told: Told) -> Iterator[Touch]:
    was = before if before is not None and _lives(before) else None
    if not _lives(after):
        if was is not None:
            yield Touch(frozenset({GONE}), told, contact_id=after.contact_id)
        return
    blank = ContactFacts(after.contact_id, 0)
    keys = set(_differences(Holder.CONTACT, was or blank, after, CONTACT_FIELDS))
    if was is None:
        keys |= {EXISTENCE, pin_key(after.contact_id)}
    former, present = dict((was or blank).links), dict(after.links)
    linked = present.keys() - former.keys()
    if linked:
        keys.add(CUSTOMERS)
    if former.keys() - present.keys():
        keys.add(UNLINKED)
    if sorted(map(str, former.values())) != sorted(map(str, present.values())):
        keys.add(field_key(Holder.CONTACT, "role"))
    held = frozenset((Holder.CONTACT, one) for one in {*(was or blank).held} ^ {*after.held})
    if keys or held:
        yield Touch(
            frozenset(keys),
            told,
            contact_id=after.contact_id,
            held=held,
            linked=frozenset(linked),
        )


def _of_customer(before: CustomerFacts | None, after: CustomerFacts, told: Told) -> Iterator[Touch]:
    blank = CustomerFacts(after.customer_id, 0)
    was = blank if before is None or before.deleted else before
    now = blank if after.deleted else after
    keys = set(_differences(Holder.CUSTOMER, was, now, CUSTOMER_FIELDS))
    if (was is blank) is not (now is blank):
        keys.add(CUSTOMERS)
    held = frozenset((Holder.CUSTOMER, one) for one in {*was.held} ^ {*now.held})
    if keys or held:
        yield Touch(frozenset(keys), told, customer_id=after.customer_id, held=held)


def _of_value(before: ValueFacts | None, after: ValueFacts, told: Told) -> Iterator[Touch]:
    was = before or replace(after, above=None, bundled=(), flags={}, removed=True)
    keys = set()
    if _differs(was, after, ("flags", "removed")):
        keys |= {list_key(holder, after.list_name) for holder in Holder}
    if _differs(was, after, ("above", "bundled", "removed")):
        # All that is asked of these lists, not only what covers the value: by when it is found out
        # who holds it, others may lie elsewhere than when it moved.
        keys |= {shape_key(holder, one) for holder in Holder for one in covering(after.list_name)}
    if keys:
        # Those whom it bundled before hold values that lead nowhere from here.
        for token in sorted({after.token} | ({*was.bundled} - {*after.bundled})):
            yield Touch(frozenset(keys), told, token=token)


def _of_activity(before: ActivityFacts | None, after: ActivityFacts, told: Told) -> Iterator[Touch]:
    for holder, ids in (
        (Holder.CUSTOMER, _customers(before, after)),
        (Holder.CONTACT, _contacts(before, after)),
    ):
        keys = {
            key
            for one in (before, after)
            if one is not None
            for key in activity_keys(
                holder,
                category=one.category,
                kind=one.kind,
                type_=one.type,
                attributes=one.attributes,
            )
        }
        for one_id in ids:
            whom: dict[str, Any] = {f"{holder}_id": one_id}
            yield Touch(frozenset(keys), told, **whom)


def _differences(
    holder: Holder,
    was: CustomerFacts | ContactFacts,
    now: CustomerFacts | ContactFacts,
    fields: Iterable[str],
) -> Iterator[str]:
    yield from (
        field_key(holder, name) for name in fields if getattr(was, name) != getattr(now, name)
    )
    old: Mapping[str, object] = was.attribute_values
    new: Mapping[str, object] = now.attribute_values
    for number in old.keys() | new.keys():
        if old.get(number) != new.get(number):
            yield value_key(holder, number)


def _differs(before: object | None, after: object, names: Iterable[str]) -> bool:
    return before is None or any(getattr(before, name) != getattr(after, name) for name in names)


def _lives(contact: ContactFacts) -> bool:
    return not contact.deleted and not contact.erased


def _customers(*facts: Any) -> list[UUID]:
    return sorted({one.customer_id for one in facts if one is not None and one.customer_id})


def _contacts(*facts: Any) -> list[UUID]:
    return sorted({contact for one in facts if one is not None for contact in one.contacts})


def _as(kind: type[T], one: object | None) -> T | None:
    return one if isinstance(one, kind) else None
