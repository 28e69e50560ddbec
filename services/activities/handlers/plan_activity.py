"""Plan an activity: what it names is looked up, and what cannot be is refused by field.

Many are planned with a constant number of statements; so are imports, which refuse row by row.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from services.activities.domain.activity import (
    Category,
    Channel,
    Direction,
    State,
    checked_times,
    steered,
    subject_of,
)
from services.activities.domain.lists import (
    ACTIVITY_ATTRIBUTE,
    ACTIVITY_CATEGORY,
    ACTIVITY_KIND,
    ACTIVITY_TYPE,
    LISTS,
)
from services.activities.persistence.sellers import keep_sellers
from shared.chassis.clock import day_of
from shared.chassis.errors import InvalidField
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.store import find_values
from shared.projection.store import find_contacts, find_customers


@dataclass(frozen=True, slots=True)
class SaveActivity:
    """What is said about an activity; values of lists go by number, sellers by their key.

    Kind and type that are left out are as the category says (LE-18), or stay as they are.
    """

    customer_id: UUID
    category: int
    subject: str = ""
    memo: str = ""
    result: str = ""
    contacts: tuple[UUID, ...] = ()
    opportunity_id: UUID | None = None
    kind: int | None = None
    type: int | None = None
    attributes: frozenset[int] = frozenset()
    seller: str | None = None
    participants: tuple[str, ...] = ()
    state: State = State.DONE
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    duration: timedelta | None = None
    due_at: datetime | None = None
    channel: Channel | None = None
    direction: Direction | None = None
    follows: UUID | None = None
    source: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What commands name, as it is known here; values and sellers are kept from deletion."""

    values: Mapping[tuple[str, int], Row[Any]]
    customers: Mapping[UUID, Row[Any]]
    contacts: Mapping[UUID, Row[Any]]
    sellers: Mapping[str, Row[Any]]


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes rows of commands, at one moment and in one time zone."""

    known: Known
    now: datetime
    zone: ZoneInfo

    def new(self, command: SaveActivity) -> dict[str, Any]:
        """Return the row of a new activity; raise the refusal that names the field."""
        return {
            "activity_id": new_id(),
            **self._row(command, None),
            "follows": command.follows,
            "source": command.source,
            "ref": command.ref,
        }

    def changed(self, command: SaveActivity, present: Row[Any]) -> dict[str, Any]:
        """Return the row of a changed activity; what it holds already may stay (LE-A3)."""
        return {"activity_id": present.activity_id, **self._row(command, present)}

    def _row(self, command: SaveActivity, present: Row[Any] | None) -> dict[str, Any]:
        category, kind, type_, counts = self._steered(command, present)
        times = checked_times(
            command.state,
            starts_at=command.starts_at,
            ends_at=command.ends_at,
            duration=command.duration,
            due_at=command.due_at,
            now=self.now,
        )
        day = day_of(times.starts_at, self.zone)
        return {
            "customer_id": self._customer(command, present),
            "contacts": self._contacts(command, present),
            "opportunity_id": command.opportunity_id,
            "category": category,
            "kind": kind,
            "type": type_,
            "attributes": self._attributes(command, present),
            "seller": self._seller("seller", command.seller, day, _held(present, "seller")),
            "participants": [
                self._seller("participants", one, day, _held(present, "participants"))
                for one in dict.fromkeys(command.participants)
            ],
            "state": command.state,
            "starts_at": times.starts_at,
            "ends_at": times.ends_at,
            "due_at": times.due_at,
            "day": day,
            "channel": command.channel,
            "direction": command.direction,
            "subject": subject_of(command.subject, command.memo),
            "memo": command.memo,
            "result": command.result,
            "counts_to_target": counts,
        }

    def _steered(
        self, command: SaveActivity, present: Row[Any] | None
    ) -> tuple[int, int, int, bool]:
        """Return category, kind and type as keys, and whether the activity counts to targets."""
        held = _held(present, "category")
        row = self._value("category", ACTIVITY_CATEGORY, command.category, held)
        stays = present is not None and row.key == present.category
        category = Category(
            number=row.number,
            title=row.title,
            kind=present.kind if stays and present is not None else row.facts["kind"],
            type=present.type if stays and present is not None else row.facts["type"],
            allow_selection=row.facts["allow_selection"],
        )
        chosen = {
            field: None
            if number is None
            else self._value(field, name, number, _held(present, field)).key
            for field, name, number in (
                ("kind", ACTIVITY_KIND, command.kind),
                ("type", ACTIVITY_TYPE, command.type),
            )
        }
        kind, type_ = steered(category, kind=chosen["kind"], type_=chosen["type"])
        counts = row.facts["sales_target"]
        if stays and present is not None:
            counts = present.counts_to_target
        return row.key, kind, type_, counts

    def _value(self, field: str, name: str, number: int, held: Collection[int]) -> Row[Any]:
        row = self.known.values.get((name, number))
        path = LISTS[name].path
        if row is None:
            raise InvalidField(field, f"there is no {name} {number}", f"List them: GET /v1/{path}.")
        if row.archived_at is not None and row.key not in held:
            raise InvalidField(
                field, f"{row.title!r} is archived", f"Choose a live one: GET /v1/{path}."
            )
        return row

    def _attributes(self, command: SaveActivity, present: Row[Any] | None) -> list[int]:
        held = _held(present, "attributes")
        return sorted(
            self._value("attributes", ACTIVITY_ATTRIBUTE, number, held).key
            for number in command.attributes
        )

    def _customer(self, command: SaveActivity, present: Row[Any] | None) -> UUID:
        row = self.known.customers.get(command.customer_id)
        if row is None:
            raise InvalidField(
                "customer_id",
                f"no customer {command.customer_id} is known here",
                "Check the id; a customer created just now is known in a moment, so try again.",
            )
        if present is not None and present.customer_id == command.customer_id:
            return command.customer_id
        if row.merged_into is not None:
            raise InvalidField(
                "customer_id",
                f"customer {command.customer_id} was merged into {row.merged_into}",
                f"Send {row.merged_into}.",
            )
        if row.deleted:
            raise InvalidField(
                "customer_id", f"customer {command.customer_id} is deleted", "Restore it first."
            )
        return command.customer_id

    def _contacts(self, command: SaveActivity, present: Row[Any] | None) -> list[UUID]:
        held = _held(present, "contacts")
        wanted = sorted(set(command.contacts))
        for one in wanted:
            row = self.known.contacts.get(one)
            if row is None:
                raise InvalidField(
                    "contacts",
                    f"no contact {one} is known here",
                    "Check the id; a contact created just now is known in a moment, so try again.",
                )
            if (row.deleted or row.erased) and one not in held:
                raise InvalidField("contacts", f"contact {one} is deleted", "Leave it out.")
        return wanted

    def _seller(
        self, field: str, seller: str | None, day: date, held: Collection[str]
    ) -> str | None:
        if seller is None:
            return None
        row = self.known.sellers.get(seller)
        if row is None:
            raise InvalidField(
                field, f"there is no seller {seller!r}", f"Add him: PUT /v1/sellers/{seller}."
            )
        if row.left_on is not None and row.left_on < day and seller not in held:
            raise InvalidField(
                field,
                f"{row.name or seller} left on {row.left_on}",
                "Choose somebody who was there on that day.",
            )
        return seller


async def planner(commands: Iterable[SaveActivity], uow: UnitOfWork, zone: ZoneInfo) -> Planner:
    """Return who plans these commands: what they name is looked up, and kept until the commit."""
    commands = list(commands)
    connection = uow.connection
    values = await find_values(connection, sorted({one for c in commands for one in _values(c)}))
    sellers = {one for c in commands for one in (c.seller, *c.participants) if one is not None}
    known = Known(
        values=values,
        customers=await find_customers(connection, {c.customer_id for c in commands}),
        contacts=await find_contacts(connection, {one for c in commands for one in c.contacts}),
        sellers=await keep_sellers(connection, sellers),
    )
    return Planner(known, uow.now, zone)


def _values(command: SaveActivity) -> Sequence[tuple[str, int]]:
    return [
        (ACTIVITY_CATEGORY, command.category),
        *([] if command.kind is None else [(ACTIVITY_KIND, command.kind)]),
        *([] if command.type is None else [(ACTIVITY_TYPE, command.type)]),
        *((ACTIVITY_ATTRIBUTE, number) for number in command.attributes),
    ]


def _held(present: Row[Any] | None, field: str) -> Collection[Any]:
    """Return what an activity holds in a field already, and so may keep."""
    held = None if present is None else getattr(present, field)
    return held if isinstance(held, list) else [held]
