"""A plain reading of what was told last: who is in a segment, by the words of the rules alone.

It shares no code with the service, and knows nothing of how members are kept.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.contracts import activities, customers, pipeline
from shared.contracts.types import Contract
from tests.integration.mailing.laws.world import INSIDE, ZONE

Pins = Mapping[UUID, Mapping[UUID, bool]]


@dataclass
class Reading:
    """What was heard, of each thing what is newest; rules and pins by segment."""

    last: dict[Any, Contract] = field(default_factory=dict)
    order: dict[Any, Any] = field(default_factory=dict)
    erased: set[UUID] = field(default_factory=set)
    rules: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    pins: dict[UUID, dict[UUID, bool]] = field(default_factory=dict)

    def hear(self, told: Contract) -> None:
        """Remember it, if it is newer than what was heard of the same thing."""
        key: Any
        match told:
            case customers.PersonErased():
                self.erased.add(told.contact_id)
                return
            case customers.BansChanged():
                key, order = ("ban", told.customer_id), told.consent_seq
            case customers.DocumentRecorded():
                key, order = ("document", told.kind, told.document_id), told.document_version or 0
            case customers.ClassificationSaved():
                key, order = ("value", told.list_name, told.number), told.version
            case _:
                kind = type(told).__name__.removesuffix("Saved").removesuffix("Deleted")
                ids = {"Customer": "customer_id", "Contact": "contact_id",
                       "Activity": "activity_id", "Opportunity": "opportunity_id"}  # fmt: skip
                key, order = (kind, getattr(told, ids[kind])), told.version  # type: ignore[attr-defined]
        if key not in self.last or order > self.order[key]:
            self.last[key], self.order[key] = told, order

    def each(self, kind: type[Any]) -> Iterable[Any]:
        return [one for one in self.last.values() if isinstance(one, kind)]

    def contacts(self) -> list[customers.ContactSaved]:
        return [one for one in self.each(customers.ContactSaved) if not self._is_erased(one)]

    def _is_erased(self, contact: customers.ContactSaved) -> bool:
        # Nobody who is merged into somebody is told as living again.
        return contact.contact_id in self.erased

    def members(self, segment_id: UUID, today: date) -> set[UUID]:
        return {one.contact_id for one in self.contacts() if self.is_member(segment_id, one, today)}

    def is_member(self, segment_id: UUID, contact: customers.ContactSaved, today: date) -> bool:
        pin = self.pins.get(segment_id, {}).get(contact.contact_id)
        if pin is not None:
            return pin
        return self.holds(self.rules[segment_id], contact, today)

    def banned(self, contact: customers.ContactSaved, channel: str) -> bool:
        bans = [self.last.get(("ban", role.customer_id)) for role in contact.customers]
        return any(
            getattr(ban.bans, channel) for ban in bans if isinstance(ban, customers.BansChanged)
        )

    # --- Rules.
    def holds(self, rule: dict[str, Any], contact: customers.ContactSaved, today: date) -> bool:
        match rule["op"]:
            case "all":
                return all(self.holds(one, contact, today) for one in rule["rules"])
            case "any":
                return any(self.holds(one, contact, today) for one in rule["rules"])
            case "not":
                return not self.holds(rule["rule"], contact, today)
            case "same_customer":
                return any(
                    self.holds_at(rule["rule"], one, today) for one in self.customers_of(contact)
                )
            case "in_segment":
                return self.is_member(UUID(rule["segment_id"]), contact, today)
            case "contact_has":
                held = {**contact.classifications, "contact_attribute": contact.attributes}
                return self.has(rule, held)
            case "has_attribute":
                return rule["number"] in contact.attributes
            case "contact_field" if rule["field"] == "role":
                return any(compares(rule, role.role) for role in contact.customers)
            case "contact_field":
                return compares(rule, self.field_of_contact(contact, rule["field"]))
            case "contact_value":
                return value_compares(rule, contact.attribute_values)
            case "activities" | "opportunities" if rule.get("of") == "contact":
                done = self.activities(rule) if rule["op"] == "activities" else self.deals(rule)
                days = [day for one, day in done if contact.contact_id in one.contacts]
                return sum(within(rule, day, today) for day in days) >= rule.get("at_least", 1)
        return any(self.holds_at(rule, one, today) for one in self.customers_of(contact))

    def holds_at(
        self, rule: dict[str, Any], customer: customers.CustomerSaved, today: date
    ) -> bool:
        match rule["op"]:
            case "all":
                return all(self.holds_at(one, customer, today) for one in rule["rules"])
            case "any":
                return any(self.holds_at(one, customer, today) for one in rule["rules"])
            case "not":
                return not self.holds_at(rule["rule"], customer, today)
            case "customer_has":
                return self.has(rule, customer.classifications)
            case "customer_flagged":
                return self.flagged(customer, rule["list"], rule["flag"])
            case "customer_ended":
                ever = not set(rule) & {*PERIODS}
                return self.flagged(customer, "customer_status", "ended") and (
                    ever or within(rule, customer.ended_on, today)
                )
            case "relationship_start":
                began = customer.relationship
                return within(rule, began.started_on if began else None, today)
            case "customer_field":
                address = customer.address
                if rule["field"] in ("street", "postal_code", "city", "country"):
                    return compares(rule, getattr(address, rule["field"]) if address else None)
                return compares(rule, getattr(customer, rule["field"]))
            case "customer_value":
                return value_compares(rule, customer.attribute_values)
        return self.done_with(rule, customer.customer_id, today)

    def done_with(self, rule: dict[str, Any], customer_id: UUID, today: date) -> bool:
        if rule["op"] in ("activities", "opportunities"):
            done = self.activities(rule) if rule["op"] == "activities" else self.deals(rule)
            days = [day for one, day in done if self.stands_for(one.customer_id) == customer_id]
            return sum(within(rule, day, today) for day in days) >= rule.get("at_least", 1)
        documents = [
            one
            for one in self.each(customers.DocumentRecorded)
            if not one.voided
            and self.stands_for(one.customer_id) == customer_id
            and within(rule, one.document_date, today)
        ]
        if rule["op"] == "documents":
            kinds = rule.get("kinds", ["invoice"])
            return sum(one.kind in kinds for one in documents) >= rule.get("at_least", 1)
        total = sum(
            (
                -abs(one.net_amount) if one.kind == "credit_note" else one.net_amount
                for one in documents
                if one.kind != "sales_order" and one.currency == rule["currency"]
            ),
            Decimal(0),
        )
        return in_bounds(total, rule, "at_least", "below")

    def activities(self, rule: dict[str, Any]) -> list[tuple[activities.ActivitySaved, date]]:
        return [
            (one, one.starts_at.astimezone(ZONE).date())
            for one in self.each(activities.ActivitySaved)
            if rule.get("state", "done") in ("any", one.state)
            and one.category in rule.get("categories", [one.category])
            and one.kind in rule.get("kinds", [one.kind])
            and one.type in rule.get("types", [one.type])
            and ("attributes" not in rule or set(rule["attributes"]) & set(one.attributes))
            and ("sellers" not in rule or one.seller in rule["sellers"])
        ]

    def deals(self, rule: dict[str, Any]) -> list[tuple[pipeline.OpportunitySaved, date]]:
        return [
            (one, one.closed_on or one.expected_close)
            for one in self.each(pipeline.OpportunitySaved)
            if one.outcome in rule.get("outcomes", [one.outcome])
            and one.pipeline in rule.get("pipelines", [one.pipeline])
            and one.stage in rule.get("stages", [one.stage])
            and ("types" not in rule or one.type in rule["types"])
            and one.currency == rule.get("currency", one.currency)
            and in_bounds(one.value, rule, "value_at_least", "value_below")
        ]

    def stands_for(self, customer_id: UUID) -> UUID:
        told = self.last.get(("Customer", customer_id))
        if isinstance(told, customers.CustomerDeleted) and told.merged_into:
            return self.stands_for(told.merged_into)
        return customer_id

    def customers_of(self, contact: customers.ContactSaved) -> list[customers.CustomerSaved]:
        told = [self.last.get(("Customer", role.customer_id)) for role in contact.customers]
        return [one for one in told if isinstance(one, customers.CustomerSaved)]

    def field_of_contact(self, contact: customers.ContactSaved, name: str) -> Any:
        if name == "language":
            return contact.language
        if name in ("street", "postal_code", "city", "country"):
            return getattr(contact.person.address, name) if contact.person.address else None
        return getattr(contact.person, name)

    # --- Values of lists.
    def has(self, rule: dict[str, Any], held: Mapping[str, list[int]]) -> bool:
        return any(
            number in held.get(name, [])
            for wanted in rule["numbers"]
            for name, number in self.covered(rule["list"], wanted)
        )

    def covered(self, list_name: str, number: int) -> set[tuple[str, int]]:
        found = {(list_name, number)}
        while True:
            more = {
                (one.list_name, one.number)
                for one in self.values()
                if one.parent is not None
                and (INSIDE.get(one.list_name, one.list_name), one.parent) in found
            }
            if more <= found:
                break
            found |= more
        for one in self.values():
            if list_name == "status_group" == one.list_name and one.number == number:
                found |= {("customer_status", member) for member in one.members}
        return found

    def flagged(self, customer: customers.CustomerSaved, list_name: str, flag: str) -> bool:
        return any(
            one.flags.get(flag) and one.number in customer.classifications.get(list_name, [])
            for one in self.values()
            if one.list_name == list_name
        )

    def values(self) -> list[Any]:
        return [one for one in self.each(customers.ClassificationSaved) if not one.removed]


PERIODS = ("last_days", "next_days", "older_than_days", "from_day", "before_day")


def within(rule: dict[str, Any], day: date | None, today: date) -> bool:
    if not set(rule) & {*PERIODS}:
        # Only of what is counted is a day not asked for.
        return day is not None or rule["op"] not in ("relationship_start", "customer_ended")
    if day is None:
        return False
    ago = (today - day) // timedelta(days=1)
    if "last_days" in rule:
        return 0 <= ago < rule["last_days"]
    if "next_days" in rule:
        return 0 <= -ago < rule["next_days"]
    if "older_than_days" in rule:
        return bool(ago >= rule["older_than_days"])
    text = day.isoformat()
    return bool(rule.get("from_day", text) <= text < rule.get("before_day", "9999"))


def in_bounds(value: Decimal, rule: dict[str, Any], low: str, high: str) -> bool:
    return not (
        (low in rule and value < Decimal(str(rule[low])))
        or (high in rule and value >= Decimal(str(rule[high])))
    )


def compares(rule: dict[str, Any], value: Any) -> bool:
    """Compare a text without regard to case, or a number; what is not there compares with none."""
    if value is None or value == "":
        return False
    if rule.get("is_set"):
        return True
    if isinstance(value, str):
        lower = value.lower()
        if "is_one_of" in rule:
            return lower in [one.lower() for one in rule["is_one_of"] if isinstance(one, str)]
        if "starts_with" in rule:
            return lower.startswith(rule["starts_with"].lower())
        if "contains" in rule:
            return rule["contains"].lower() in lower
        return False
    if "is_one_of" in rule:
        return value in [one for one in rule["is_one_of"] if not isinstance(one, str)]
    if "starts_with" in rule or "contains" in rule:
        return False
    return bool(rule.get("at_least", value) <= value < rule.get("below", float("inf")))


def value_compares(rule: dict[str, Any], values: Mapping[str, Any]) -> bool:
    value = values.get(str(rule["attribute"]))
    bounds = [rule[name] for name in ("at_least", "below") if name in rule]
    if not bounds:
        return compares(rule, value)
    if isinstance(bounds[0], str):
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return False
        return bool(rule.get("at_least", value) <= value < rule.get("below", "9999"))
    return not isinstance(value, str) and compares(rule, value)


def day_of(moment: datetime) -> date:
    """Return the day of a moment where the installation is."""
    return moment.astimezone(ZONE).date()
