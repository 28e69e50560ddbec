"""What would have to become of facts, so that one condition turns: said in words and in rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from math import ceil
from typing import Any
from uuid import UUID, uuid5

from services.mailing.domain.conditions import (
    Activities,
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
)
from services.mailing.domain.flips import ANOTHER, Turn
from services.mailing.domain.lists import (
    COMPULSORY,
    CONTACT_ATTRIBUTE,
    CUSTOMER_STATUS,
    ONE_EACH,
    UNHELD,
)
from services.mailing.domain.periods import Period
from services.mailing.domain.scenes import Fields, Patch, Scene
from shared.contracts.held import token

MOST_VALUES = 4
"""How many values, days or texts are tried for one condition."""
MOST_ROWS = 20
"""More documents, activities or opportunities than these are no small change."""
CENT = Decimal("0.01")
NOTHING: Fields = {
    "version": 1, "deleted": False, "voided": False, "attribute_values": {}, "attributes": [],
    "held": [], "held_version": 1, "contacts": [], "sellers": [], "number": "", "name": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One change of facts: in words, and the difference that it makes; a small one costs little."""

    words: str
    patches: tuple[Patch, ...]
    cost: float
    customer_id: UUID | None = None

    @property
    def key(self) -> tuple[str, UUID | None]:
        """Return what tells it from others."""
        return self.words, self.customer_id


Changes = tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows a condition counts, their sum of money, and the first of them."""

    count: int
    total: Decimal
    rows: Sequence[Fields]


@dataclass(frozen=True, slots=True)
class Known:
    """
    What is known where conditions are to turn.

    `covers` are the values that count for a condition, by its path; `counted` what it counts, by
    path and customer; `titles` those of values, among them some of each list that is asked about.
    """

    scene: Scene
    today: date
    covers: Mapping[str, Sequence[str]]
    counted: Mapping[tuple[str, UUID | None], Counted]
    titles: Mapping[str, str]


def changes_for(turn: Turn, known: Known) -> list[Changes]:
    """Return what would turn a condition, each in changes that all are needed, cheapest first."""
    if turn.condition is None:
        return [(_come_to_another(known.scene),)]
    found = list(_Turning(turn, known).changes())
    if turn.customer_id is not None and not turn.holds:
        found.append((_leave(turn.customer_id, known.scene),))
    return sorted(found, key=cost_of)


def cost_of(changes: Changes) -> float:
    """Return what some changes cost together."""
    return sum(one.cost for one in changes)


def pinned(scene: Scene, inside: bool) -> Change:
    """Return a pin as a change; the last resort."""
    row = {
        "segment_id": str(scene.segment_id), "contact_id": str(scene.contact_id),
        "inside": inside, "note": "",
    }  # fmt: skip
    patches = (Patch("segment_pin", gone=True), Patch("segment_pin", row=row))
    return Change(f"the contact is pinned {'in' if inside else 'out'}", patches, 1000)


def unpinned() -> Change:
    """Return the removal of the pin as a change."""
    return Change("the pin is removed", (Patch("segment_pin", gone=True),), 10)


def customer_words(row: Fields | None) -> str:
    """Return how a customer is called in a sentence."""
    if row is None:
        return "another customer"
    return " ".join(filter(None, ("customer", row["number"], row["name"])))


@dataclass(frozen=True, slots=True)
class _Turning:
    turn: Turn
    known: Known

    @property
    def _row(self) -> Fields | None:
        customer = self.turn.customer_id
        if customer is None:
            return self.known.scene.contact
        return self.known.scene.row("customer", customer_id=str(customer))

    @property
    def _whose(self) -> str:
        if self.turn.customer_id is None:
            return "the contact"
        return customer_words(self._row)

    def changes(self) -> Iterator[Changes]:
        node, holds = self.turn.condition, self.turn.holds
        match node:
            case CustomerHas() | ContactHas() | CustomerFlagged():
                yield from self._held(holds)
            case HasAttribute():
                value = token(CONTACT_ATTRIBUTE, node.number)
                yield (self._gets(value) if holds else self._loses(value),)
            case CustomerEnded():
                yield from self._ended(node)
            case RelationshipStart():
                days: list[date | None] = [*days_in(node, self.known.today)]
                for day in days if holds else [None, *days_out_of(node, self.known.today)]:
                    yield (self._dated("started_on", "relationship start", day),)
            case ContactField(field="role"):
                yield from self._role(node)
            case CustomerField() | ContactField():
                for text in _wanted(node) if holds else [None]:
                    words = f"{self._whose}: {_field(node.field)} {_shown(text)}"
                    yield (self._change(words, 2, self._patch(put={node.field: text})),)
            case CustomerValue() | ContactValue():
                for one in _wanted(node) if holds else [None]:
                    words = f"{self._whose}: value of attribute {node.attribute} {_shown(one)}"
                    patch = self._patch(values={str(node.attribute): one})
                    yield (self._change(words, 2, patch),)
            case Turnover():
                yield from self._turnover(node)
            case Documents() | Activities() | Opportunities():
                yield from self._more(node) if holds else self._fewer(node)
            case InSegment():
                member = {
                    "rule_id": str(node.segment_id),
                    "contact_id": str(self.known.scene.contact_id),
                }
                patch = Patch("member", row=member) if holds else Patch(
                    "member", where=member, gone=True
                )  # fmt: skip
                comes = "comes into" if holds else "leaves"
                words = f"the contact {comes} segment {node.segment_id}"
                yield (self._change(words, 5, patch),)

    # --- Values of lists.

    def _held(self, holds: bool) -> Iterator[Changes]:
        covers = self.known.covers[self.turn.path]
        if holds:
            named = getattr(self.turn.condition, "tokens", ())
            can_be_held = [one for one in covers if one.partition("/")[0] not in UNHELD]
            can_be_held.sort(key=lambda one: (one not in named, one))
            for value in can_be_held[:MOST_VALUES]:
                yield (self._gets(value),)
            return
        held = set(self._row["held"] if self._row else ())
        lost = [one for one in covers if one in held]
        replaced = [one for one in lost if one.partition("/")[0] in COMPULSORY]
        taken = tuple(self._loses(one) for one in lost if one not in replaced)
        if not replaced:
            yield taken
            return
        list_name = replaced[0].partition("/")[0]
        others = [one for one in self._of_list(list_name) if one not in covers]
        for other in others[:MOST_VALUES]:
            yield (*taken, self._gets(other))

    def _of_list(self, list_name: str) -> list[str]:
        return sorted(one for one in self.known.titles if one.startswith(f"{list_name}/"))

    def _gets(self, value: str) -> Change:
        list_name = value.partition("/")[0]
        held = self._row["held"] if self._row else ()
        others = [one for one in held if one.startswith(f"{list_name}/") and one != value]
        instead = others if list_name in ONE_EACH else []
        words = f"{self._whose} gets {self._titled(value)}"
        if instead:
            words += f" instead of {self._titled(instead[0])}"
        return self._change(words, 1, self._holding(join=[value], take=instead))

    def _loses(self, value: str) -> Change:
        words = f"{self._whose} loses {self._titled(value)}"
        return self._change(words, 1, self._holding(take=[value]))

    def _holding(self, *, join: Sequence[str] = (), take: Sequence[str] = ()) -> Patch:
        joined: dict[str, Sequence[Any]] = {"held": join}
        taken: dict[str, Sequence[Any]] = {"held": take}
        if self.turn.customer_id is None:
            # The ticks of a contact are told twice: as numbers, and among the values.
            joined["attributes"], taken["attributes"] = _ticks(join), _ticks(take)
        return self._patch(join=joined, take=taken)

    def _titled(self, value: str) -> str:
        title = self.known.titles.get(value)
        return f'{value} "{title}"' if title else value

    def _ended(self, node: CustomerEnded) -> Iterator[Changes]:
        covers = self.known.covers[self.turn.path]
        row = self._row or NOTHING
        is_ended = any(one in covers for one in row["held"])
        if not self.turn.holds:
            for other in [one for one in self._of_list(CUSTOMER_STATUS) if one not in covers][
                :MOST_VALUES
            ]:
                yield (self._gets(other),)
            if not node.is_ever:
                yield (self._dated("ended_on", "end of the relationship", None),)
            return
        statuses: list[Changes] = [()] if is_ended else [
            (self._gets(one),) for one in covers[:MOST_VALUES]
        ]  # fmt: skip
        days: list[Changes] = [()]
        if not node.is_ever:
            days = [
                (self._dated("ended_on", "end of the relationship", day),)
                for day in days_in(node, self.known.today)
            ]
        for status in statuses:
            yield from ((*status, *day) for day in days)
            if not is_ended and not node.is_ever:
                # It may have a fitting day already.
                yield status

    # --- Fields.

    def _dated(self, column: str, called: str, day: date | None) -> Change:
        said = "empty" if day is None else str(day)
        put = {column: None if day is None else day.isoformat()}
        return self._change(f"{self._whose}: {called} {said}", 2, self._patch(put=put))

    def _role(self, node: ContactField) -> Iterator[Changes]:
        links = self.known.scene.rows["contact_customer"]
        if not self.turn.holds:
            named = [link for link in links if link["role"]]
            yield tuple(self._has_role(link, None) for link in named)
            return
        for value in _wanted(node):
            yield from ((self._has_role(link, value),) for link in links[:MOST_VALUES])

    def _has_role(self, link: Fields, role: Any) -> Change:
        at = customer_words(self.known.scene.row("customer", customer_id=link["customer_id"]))
        where = {"customer_id": link["customer_id"]}
        patch = Patch("contact_customer", where, put={"role": role})
        return self._change(f"the contact's role at {at}: {_shown(role)}", 2, patch)

    # --- What was invoiced, done and may be sold.

    def _turnover(self, node: Turnover) -> Iterator[Changes]:
        total = self._tally.total
        low, high = node.at_least, node.below
        if self.turn.holds:
            if low is not None and total < low:
                yield from self._invoiced(node, low - total)
            elif high is not None:
                yield from self._invoiced(node, high - CENT - total)
            return
        if low is not None:
            yield from self._invoiced(node, low - CENT - total)
        if high is not None:
            yield from self._invoiced(node, high - total)

    def _invoiced(self, node: Turnover, amount: Decimal) -> Iterator[Changes]:
        kind = "invoice" if amount > 0 else "credit_note"
        for place, day in enumerate(days_in(node, self.known.today)):
            row = self._document(kind, day, f"{place}") | {
                "currency": node.currency,
                "net_amount": str(abs(amount)),
            }
            words = (
                f"one more {_field(kind)} of {abs(amount)} {node.currency} to {self._whose}, "
                f"dated {day}"
            )
            yield (self._change(words, 3, Patch("document", row=row)),)

    def _more(self, node: Documents | Activities | Opportunities) -> Iterator[Changes]:
        missing = node.at_least - self._tally.count
        if missing > MOST_ROWS:
            return
        for day in days_in(node, self.known.today):
            rows = [self._new(node, day, f"{day}/{number}") for number in range(missing)]
            thing = {Documents: "document", Activities: "activity"}.get(type(node), "opportunity")
            words = f"{missing} more {_things(node, missing)} {self._with}, dated {day}"
            patches = tuple(Patch(thing, row=row) for row in rows)
            yield (self._change(words, 2 + missing, *patches),)

    def _fewer(self, node: Documents | Activities | Opportunities) -> Iterator[Changes]:
        superfluous = self._tally.count - node.at_least + 1
        rows = self._tally.rows[:superfluous]
        if len(rows) < superfluous:
            return
        keys = {Documents: ("source", "kind", "document_id"), Activities: ("activity_id",)}
        key = keys.get(type(node), ("opportunity_id",))
        table = key[-1].removesuffix("_id")
        gone = {"voided": True} if isinstance(node, Documents) else {"deleted": True}
        patches = tuple(Patch(table, {name: row[name] for name in key}, put=gone) for row in rows)
        named = ", ".join(str(row[key[-1]]) for row in rows)
        words = f"{superfluous} {_things(node, superfluous)} {self._with} fewer: {named}"
        yield (self._change(words, 2 + superfluous, *patches),)

    @property
    def _tally(self) -> Counted:
        none = Counted(0, Decimal(0), ())
        return self.known.counted.get((self.turn.path, self.turn.customer_id), none)

    @property
    def _with(self) -> str:
        return f"with {self._whose}"

    def _new(self, node: Documents | Activities | Opportunities, day: date, name: str) -> Fields:
        if isinstance(node, Documents):
            return self._document(node.kinds[0], day, name)
        whose = self._of_customer() if node.of is Holder.CUSTOMER else {
            "contacts": [str(self.known.scene.contact_id)]
        }  # fmt: skip
        new = {**NOTHING, **whose}
        if isinstance(node, Activities):
            return new | {
                "activity_id": self._id(name),
                "category": _first(node.categories),
                "kind": _first(node.kinds),
                "type": _first(node.types),
                "attributes": [*(node.attributes or ())][:1],
                "seller": _first(node.sellers),
                "state": "done" if node.state == "any" else node.state,
                "day": day.isoformat(),
            }
        outcome = _first(node.outcomes) or "open"
        value = node.value_at_least
        if value is None and node.value_below is not None:
            value = node.value_below - CENT
        return new | {
            "opportunity_id": self._id(name),
            "pipeline": _first(node.pipelines),
            "stage": _first(node.stages),
            "type": _first(node.types),
            "outcome": outcome,
            "closed_on": None if outcome == "open" else day.isoformat(),
            "expected_close": day.isoformat(),
            "currency": node.currency,
            "value": None if value is None else str(value),
        }

    def _document(self, kind: str, day: date, name: str) -> dict[str, Any]:
        key = {"source": "", "kind": kind, "document_id": self._id(name)}
        return {**NOTHING, **self._of_customer(), **key, "document_date": day.isoformat()}

    def _of_customer(self) -> dict[str, str]:
        return {"customer_id": str(self.turn.customer_id)}

    def _id(self, name: str) -> str:
        return str(uuid5(ANOTHER, f"{self.turn.path} {self.turn.customer_id} {name}"))

    # --- How a change is put together.

    @property
    def _patch(self) -> partial[Patch]:
        if self.turn.customer_id is None:
            return partial(Patch, "contact", {})
        return partial(Patch, "customer", {"customer_id": str(self.turn.customer_id)})

    def _change(self, words: str, cost: float, *patches: Patch) -> Change:
        customer = self.turn.customer_id
        return Change(words, patches, cost, None if customer == ANOTHER else customer)


def days_in(period: Period, today: date) -> list[date]:
    """Return some days that lie in a period, on both ends of it if it has two."""
    if period.last_days is not None:
        days = [today, today - timedelta(period.last_days - 1)]
    elif period.next_days is not None:
        days = [today, today + timedelta(period.next_days - 1)]
    elif period.older_than_days is not None:
        days = [today - timedelta(period.older_than_days + more) for more in (0, 365)]
    else:
        first = period.from_day or date.min
        last = period.before_day - timedelta(1) if period.before_day else date.max
        days = [min(max(today, first), last), first if period.from_day else last]
        days = [day for day in days if date.min < day < date.max]
    return sorted(set(days), reverse=True)


def days_out_of(period: Period, today: date) -> list[date]:
    """Return some days that lie beside a period."""
    if period.last_days is not None:
        return [today - timedelta(period.last_days)]
    if period.next_days is not None:
        return [today - timedelta(1)]
    if period.older_than_days is not None:
        return [today]
    before = [period.from_day - timedelta(1)] if period.from_day else []
    return [*before, *([period.before_day] if period.before_day else [])]


def _come_to_another(scene: Scene) -> Change:
    row = {**NOTHING, "customer_id": str(ANOTHER)}
    link = {"contact_id": str(scene.contact_id), "customer_id": str(ANOTHER), "role": None}
    patches = (Patch("customer", row=row), Patch("contact_customer", row=link))
    return Change("the contact comes to another customer", patches, 6)


def _leave(customer_id: UUID, scene: Scene) -> Change:
    at = customer_words(scene.row("customer", customer_id=str(customer_id)))
    patch = Patch("contact_customer", {"customer_id": str(customer_id)}, gone=True)
    return Change(f"the contact leaves {at}", (patch,), 6, customer_id)


def _wanted(node: CustomerField | ContactField | CustomerValue | ContactValue) -> list[Any]:
    """Return some values that compare as the condition wants."""
    whole = isinstance(node, CustomerField) and node.field == "headcount"
    if node.is_one_of is not None:
        return [_number(one) if whole else one for one in node.is_one_of[:MOST_VALUES]]
    if node.starts_with is not None or node.contains is not None:
        return [node.starts_with or node.contains]
    for bound, less in ((node.at_least, 0), (node.below, 1)):
        if isinstance(bound, date):
            return [(bound - timedelta(less)).isoformat()]
        if bound is not None:
            return [(_number(bound) if whole else bound) - less]
    return [1 if whole else "something"]


def _number(value: Any) -> int:
    return ceil(float(value))


def _ticks(tokens: Sequence[str]) -> list[int]:
    named = [one.partition("/") for one in tokens]
    return [int(number) for list_name, _, number in named if list_name == CONTACT_ATTRIBUTE]


def _first(values: Sequence[Any] | None) -> Any:
    return values[0] if values else None


def _field(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: object) -> str:
    return "empty" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def _things(node: Documents | Activities | Opportunities, count: int) -> str:
    if isinstance(node, Documents):
        return _field(node.kinds[0]) + ("" if count == 1 else "s")
    one, many = ("activity", "activities") if isinstance(node, Activities) else (
        "opportunity", "opportunities"
    )  # fmt: skip
    kinds = f" of category {node.categories[0]}" if (
        isinstance(node, Activities) and node.categories
    ) else ""  # fmt: skip
    return (one if count == 1 else many) + kinds
