"""What the rows of an import do to customers and contacts: one answer for rehearsal and run.

A row is taken whole or refused whole, and a refused one never stops the others. Blank cells leave
what is there. An import sets bans and lifts none, whatever a cell says and whatever else is wrong
with the row (DESIGN 7.3).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from services.customers.domain.attribute_values import Holding
from services.customers.domain.classification import (
    Held,
    Outcome,
    check_chosen,
    holding_of,
    reclassified,
    refuse_archived,
    with_attributes,
)
from services.customers.domain.import_cells import Rules, Told, read_cell
from services.customers.domain.import_fields import CONTACT, CUSTOMER, Column
from services.customers.domain.import_holdings import (
    NAMES,
    archived_in,
    asked_by,
    held_by_contact,
)
from services.customers.domain.import_states import (
    CONTACT_FIELDS,
    CUSTOMER_FIELDS,
    ContactState,
    CustomerState,
    Present,
)
from services.customers.domain.lists import CATEGORY, CONTACT_ATTRIBUTE, CUSTOMER_ATTRIBUTE, LISTS
from shared.chassis.errors import FieldProblem, InvalidField


@dataclass(frozen=True, slots=True)
class RowFate:
    """What became of one row: field by field what it changes, or why it is refused."""

    line: int
    fate: str
    changes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    problems: Sequence[FieldProblem] = ()
    customer_id: UUID | None = None
    contact_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The fates of some rows, and the records that are to be another way than they were."""

    fates: Sequence[RowFate]
    customers: Mapping[UUID, CustomerState]
    contacts: Mapping[str, ContactState]


class _Refused(Exception):
    def __init__(self, column: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.problem = FieldProblem(column, reason, remedy)


def plan_rows(rows: Iterable[tuple[int, Sequence[str]]], present: Present, rules: Rules) -> Plan:
    """Decide what each row does, in order; later rows find what earlier ones have done."""
    fates: list[RowFate] = []
    customers: dict[UUID, CustomerState] = {}
    contacts: dict[str, ContactState] = {}
    for line, cells in rows:
        row = _Row(line, cells, present, rules)
        fates.append(row.fate())
        customers |= {one.customer_id: one for one in row.customers_out}
        contacts |= {one.ref: one for one in row.contacts_out}
    return Plan(fates, customers, contacts)


@dataclass(slots=True)
class _Row:
    line: int
    cells: Sequence[str]
    present: Present
    rules: Rules
    changes: dict[str, Sequence[Any]] = field(default_factory=dict)
    # Countries by record.
    homes: dict[str, str] = field(default_factory=dict)
    # What its cells tell of attributes.
    told: list[tuple[Column, Told]] = field(default_factory=list)
    customers_out: list[CustomerState] = field(default_factory=list)
    contacts_out: list[ContactState] = field(default_factory=list)

    def fate(self) -> RowFate:
        given, problems = self._given()
        customer: CustomerState | None = None
        contact: ContactState | None = None
        if not problems:
            try:
                customer = self._customer(given)
                contact = self._contact(given, customer)
            except _Refused as refused:
                problems.append(refused.problem)
        if problems:
            return self._refused(given, problems)
        if customer is None and contact is None:
            nothing = FieldProblem("row", "names neither a customer nor a contact", "Fill its key.")
            return self._refused(given, [nothing])
        if customer is not None:
            self._take_customer(customer)
        if contact is not None:
            self._take_contact(contact)
        fresh = {"customer.created", "contact.created"} & self.changes.keys()
        for name in fresh:
            del self.changes[name]
        return RowFate(
            self.line,
            "created" if fresh else "changed" if self.changes else "unchanged",
            self.changes,
            customer_id=customer.customer_id if customer else None,
            contact_id=contact.contact_id if contact else None,
        )

    def _given(self) -> tuple[dict[Column, Any], list[FieldProblem]]:
        given: dict[Column, Any] = {}
        problems: dict[int, FieldProblem] = {}
        # Countries first: a number without a prefix is seen from where the row says it is.
        for column in sorted(self.rules.columns, key=lambda one: one.field != "country"):
            text = self.cells[column.place]
            if not text:
                continue
            region = self.homes.get(column.record, self.rules.region)
            try:
                given[column] = value = read_cell(column, text, self.rules, region=region)
            except InvalidField as error:
                reason = error.fields[0].reason
                problems[column.place] = FieldProblem(column.header, reason, error.remedy)
                continue
            if column.field == "country":
                self.homes[column.record] = value
            if column.attribute is not None:
                self.told.append((column, value))
        return given, [problems[place] for place in sorted(problems)]

    def _refused(self, given: Mapping[Column, Any], problems: list[FieldProblem]) -> RowFate:
        """Refuse the row; a ban that it tells of a contact who is there is set all the same."""
        self.changes = {}
        ref = next((value for one, value in given.items() if one.to == "contact.ref"), None)
        known = self.present.contacts.get(ref) if ref else None
        if known is not None:
            banned = known.attributes | self._bans(given)
            if banned != known.attributes:
                self._note("contact.attributes", sorted(known.attributes), sorted(banned))
                self._take_contact(replace(known, attributes=banned))
        return RowFate(
            self.line,
            "refused",
            self.changes,
            problems,
            contact_id=known.contact_id if known is not None and self.changes else None,
        )

    def _bans(self, given: Mapping[Column, Any]) -> set[int]:
        numbers = {
            self.rules.settings[one.ban]
            for one, value in given.items()
            if one.ban is not None and value is True
        }
        return {number for number in numbers if number is not None}

    def _note(self, name: str, before: Any, after: Any) -> None:
        if before != after:
            self.changes[name] = [before, after]

    def _header(self, field_: str) -> str:
        columns = self.rules.columns
        named = (one for one in columns if field_ in (one.to, f"{one.record}.{one.list_name}"))
        return next((one.header for one in named), field_)

    # Customers.

    def _customer(self, given: Mapping[Column, Any]) -> CustomerState | None:
        told = {one.field: value for one, value in given.items() if one.record == CUSTOMER}
        if not told:
            return None
        state = self._found(told)
        if state is not None and state.deleted:
            raise _Refused(
                self._header("customer.ref"),
                f"customer {state.customer_id} is deleted",
                "Restore it first: POST /v1/deleted-customers/{id}/restore.",
            )
        if state is None:
            state = self._new_customer(told)
        return self._changed_customer(state, given, told)

    def _found(self, told: Mapping[str, Any]) -> CustomerState | None:
        for kind in self.rules.match:
            if kind in told and (owner := self.present.owners.get((kind, told[kind]))) is not None:
                return self.present.customers[owner]
        if not any(kind in told for kind in self.rules.match):
            raise _Refused(
                self._header(f"customer.{self.rules.match[0]}"),
                "is empty, and so is every other key to find the customer by",
                "Fill in the key.",
            )
        return None

    def _new_customer(self, told: Mapping[str, Any]) -> CustomerState:
        if "name" not in told:
            keys = " or ".join(repr(told[kind]) for kind in self.rules.match if kind in told)
            raise _Refused(
                self._header("customer.name"),
                f"is empty, and there is no customer {keys} yet",
                "Fill in the name, or the key of a customer that is there.",
            )
        self.changes["customer.created"] = [None, True]
        return CustomerState(
            self.rules.new_id(),
            dict.fromkeys(CUSTOMER_FIELDS),
            frozenset(self.rules.default_keys),
            created=True,
        )

    def _changed_customer(
        self, state: CustomerState, given: Mapping[Column, Any], told: Mapping[str, Any]
    ) -> CustomerState:
        for kind in ("ref", "number", "business_id"):
            owner = self.present.owners.get((kind, told[kind])) if kind in told else None
            if owner is not None and owner != state.customer_id:
                raise _Refused(
                    self._header(f"customer.{kind}"),
                    f"{told[kind]!r} is customer {owner}'s already",
                    f"Correct it, or find customers by it: add {kind!r} to `match`.",
                )
        number = state.fields["number"]
        # A new customer has one after the row that creates it, be it of the series.
        is_new = "customer.created" in self.changes
        if not is_new and told.get("number", number) != number:
            raise _Refused(
                self._header("customer.number"),
                "the customer has another number",
                "An import changes no number: leave it out, or tell it in the first row of the "
                "customer.",
            )
        fields = {one: told.get(one, state.fields[one]) for one in CUSTOMER_FIELDS}
        for name in CUSTOMER_FIELDS:
            self._note(f"customer.{name}", state.fields[name], fields[name])
        refs = state.refs
        if "ref" in told and ("ref", told["ref"]) not in self.present.owners:
            refs |= {told["ref"]}
            if not state.created:
                self._note("customer.ref", None, told["ref"])
        started, by_hand = state.started_on, state.started_by_hand
        if "relationship_start" in told:
            started, by_hand = told["relationship_start"], True
            self._note("customer.relationship_start", _day(state.started_on), started.isoformat())
        state = replace(
            state, fields=fields, refs=refs, started_on=started, started_by_hand=by_hand
        )
        return self._classified(state, given, told)

    def _classified(
        self, state: CustomerState, given: Mapping[Column, Any], told: Mapping[str, Any]
    ) -> CustomerState:
        chosen: dict[str, list[Held]] = {}
        removed: set[int] = set()
        for column, value in given.items():
            if column.record != CUSTOMER or column.list_name is None or column.attribute:
                continue
            if column.tick is None:
                chosen.setdefault(column.list_name, []).extend(value)
            elif value[0]:
                chosen.setdefault(column.list_name, []).append(value[1])
            else:
                removed.add(value[1].key)
        if "headcount" in told and "headcount_class" not in chosen:
            key = self.rules.headcount_class(told["headcount"])
            chosen["headcount_class"] = [
                one for one in self.rules.values.get("headcount_class", ()) if one.key == key
            ]
        cells = self._told(CUSTOMER)
        if not chosen and not removed and not cells:
            return state
        replaced = removed | {
            one.key
            for name, values in chosen.items()
            for one in self.rules.values.get(name, ())
            if not LISTS[name].several or _same_object(name, one, values)
        }
        held = [one for values in chosen.values() for one in values]
        try:
            for name, values in chosen.items():
                if values:
                    check_chosen(name, values)
            refuse_archived(held, state.keys)
            outcome = reclassified(
                state.keys,
                state.ended_on,
                replaced=replaced,
                given={one.key for one in held},
                ended_statuses=set(self.rules.ended_statuses),
                end_reasons=set(self.rules.end_reasons),
                day=self.rules.day,
            )
        except InvalidField as error:
            problem = error.fields[0]
            name = f"customer.{problem.field.removeprefix('classifications.')}"
            raise _Refused(self._header(name), problem.reason, problem.remedy) from None
        if cells:
            outcome = self._with_attributes(state, outcome, cells)
        if state.created or outcome.keys != state.keys:
            for name in chosen.keys() | {one.list_name or "" for one in given if one.numbered}:
                if name in LISTS and CUSTOMER in LISTS[name].held_by:
                    was = _shown(name, state.keys, self.rules)
                    self._note(f"customer.{name}", was, _shown(name, outcome.keys, self.rules))
        return replace(
            state,
            keys=outcome.keys,
            values=outcome.values if cells else state.values,
            ended_on=outcome.ended_on,
            ends_now=state.ends_now or outcome.ends_now,
        )

    def _with_attributes(
        self, state: CustomerState, outcome: Outcome, cells: Sequence[tuple[Column, Told]]
    ) -> Outcome:
        known = self.rules.attributes[CUSTOMER_ATTRIBUTE]
        before = holding_of(state.keys, state.values, known)
        self._refuse_archived(cells, before)
        asked = asked_by([one for _, one in cells])
        outcome = with_attributes(outcome, state.values, asked, known, NAMES)
        self._note_holdings(cells, before, holding_of(outcome.keys, outcome.values, known))
        return outcome

    def _told(self, record: str) -> Sequence[tuple[Column, Told]]:
        return [(column, told) for column, told in self.told if column.record == record]

    def _refuse_archived(self, cells: Sequence[tuple[Column, Told]], held: Holding) -> None:
        for column, told in cells:
            archived = archived_in(told, self.rules.attributes[column.list_name or ""], held)
            if archived is not None:
                raise _Refused(
                    column.header,
                    f"{archived!r} is archived",
                    "Choose a live one, or revive this one first.",
                )

    def _note_holdings(
        self, cells: Sequence[tuple[Column, Told]], before: Holding, after: Holding
    ) -> None:
        for column, told in cells:
            if told.value is not None:
                number = told.number
                self._note(column.to, before.values.get(number), after.values.get(number))
            if told.choice is not None:
                own = self.rules.attributes[column.list_name or ""][told.number].choices
                name = told.choice.list_name
                was, now = (_shown(name, one.choices & own, self.rules) for one in (before, after))
                self._note(column.to, was, now)

    def _take_customer(self, state: CustomerState) -> None:
        present = self.present
        present.customers[state.customer_id] = state
        for ref in state.refs:
            present.owners["ref", ref] = state.customer_id
        for kind in ("number", "business_id"):
            if state.fields[kind]:
                present.owners[kind, state.fields[kind]] = state.customer_id
        if any(one.startswith("customer.") for one in self.changes):
            self.customers_out.append(state)

    # Contacts.

    def _contact(
        self, given: Mapping[Column, Any], customer: CustomerState | None
    ) -> ContactState | None:
        told = {one.field: value for one, value in given.items() if one.record == CONTACT}
        if not told:
            return None
        ref = told.get("ref")
        if ref is None:
            raise _Refused(
                self._header("contact.ref"),
                "is empty, though the row tells of a contact",
                "Fill in the contact's key.",
            )
        state = self.present.contacts.get(ref)
        if state is not None and state.deleted:
            raise _Refused(
                self._header("contact.ref"),
                f"contact {state.contact_id} is deleted",
                "Restore it first: POST /v1/deleted-contacts/{id}/restore.",
            )
        if state is None:
            fields: dict[str, str | None] = dict.fromkeys(CONTACT_FIELDS)
            fields |= {"first_name": "", "last_name": ""}
            new_id = self.rules.new_id()
            state = ContactState(new_id, ref, fields, frozenset(), {}, created=True)
            self.changes["contact.created"] = [None, True]
        fields = {one: told.get(one, state.fields[one]) for one in CONTACT_FIELDS}
        if not any((fields["first_name"], fields["last_name"], fields["email"])):
            raise _Refused(
                self._header("contact.last_name"),
                "the contact has neither a name nor an e-mail address",
                "Fill in one of them.",
            )
        for name in CONTACT_FIELDS:
            self._note(f"contact.{name}", state.fields[name] or None, fields[name] or None)
        held = self._held(state, given)
        return replace(
            state,
            fields=fields,
            attributes=held.attributes,
            keys=held.choices,
            values=held.values,
            places=self._places(state, told, customer),
        )

    def _held(self, state: ContactState, given: Mapping[Column, Any]) -> Holding:
        before = Holding(state.attributes, state.keys, state.values)
        cells = self._told(CONTACT)
        self._refuse_archived(cells, before)
        bans = {self.rules.settings.get(one) for one in ("NO_EMAIL", "NO_SMS", "NO_MARKETING")}
        known = self.rules.attributes[CONTACT_ATTRIBUTE]
        try:
            told = [one for _, one in cells]
            after = held_by_contact(before, given, told, known, banned=self._bans(given), bans=bans)
        except InvalidField as error:
            problem, name = error.fields[0], f"contact.{CATEGORY}"
            raise _Refused(self._header(name), problem.reason, problem.remedy) from None
        self._note("contact.attributes", sorted(before.attributes), sorted(after.attributes))
        self._note_holdings(cells, before, after)
        if after.choices != before.choices:
            shown = (_shown(CATEGORY, one.choices, self.rules) for one in (before, after))
            self._note(f"contact.{CATEGORY}", *shown)
        return after

    def _places(
        self, state: ContactState, told: Mapping[str, Any], customer: CustomerState | None
    ) -> Mapping[UUID, str | None]:
        if customer is None:
            return state.places
        there = state.places.get(customer.customer_id)
        role = told.get("role", there)
        if customer.customer_id in state.places and role == there:
            return state.places
        self._note("contact.customer", there, role or str(customer.customer_id))
        return {**state.places, customer.customer_id: role}

    def _take_contact(self, state: ContactState) -> None:
        self.present.contacts[state.ref] = state
        if any(one.startswith("contact.") for one in self.changes):
            self.contacts_out.append(state)


def _same_object(name: str, one: Held, values: Sequence[Held]) -> bool:
    return LISTS[name].one_inside and one.parent in {value.parent for value in values}


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _shown(name: str, keys: Set[int], rules: Rules) -> str | None:
    known = [one for one in rules.values.get(name, ()) if one.key in keys]
    titles = sorted(one.title for one in known)
    # A rehearsal does not know any more how those of earlier rows are called.
    if any(key < 0 for key in keys - {one.key for one in known}):
        titles.append("(new)")
    return ", ".join(titles) or None
