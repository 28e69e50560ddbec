"""What is known of one contact at one moment, as rows, and what they would be after a change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Patch:
    """
    One difference of rows: those of a table that match `where` are changed, or a `row` is added.

    `put` replaces fields, `values` those of attributes by number (None: without), `join` and `take`
    add to arrays and take from them; `gone` removes the rows.
    """

    table: str
    where: Fields = field(default_factory=dict)
    put: Fields = field(default_factory=dict)
    values: Fields = field(default_factory=dict)
    join: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    take: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    gone: bool = False
    row: Fields | None = None

    def matches(self, row: Fields) -> bool:
        """Tell whether a row of its table is meant."""
        return all(row[name] == value for name, value in self.where.items())

    def applied(self, row: Fields) -> Fields:
        """Return the row as it would be."""
        changed = {**row, **self.put}
        if self.values:
            all_values = {**changed["attribute_values"], **self.values}
            changed["attribute_values"] = {
                number: value for number, value in all_values.items() if value is not None
            }
        for name, items in self.take.items():
            changed[name] = [one for one in changed[name] if one not in items]
        for name, items in self.join.items():
            changed[name] = sorted({*changed[name], *items})
        return changed


@dataclass(frozen=True, slots=True)
class Scene:
    """The rows of one contact by table, as JSON; `asked` are the segments that the rule names."""

    segment_id: UUID
    contact_id: UUID
    asked: frozenset[UUID]
    rows: Mapping[str, Sequence[Fields]]

    def with_patches(self, patches: Iterable[Patch]) -> "Scene":
        """Return what would be known after these differences, in this order."""
        rows = {table: list(some) for table, some in self.rows.items()}
        for patch in patches:
            standing = rows[patch.table]
            if patch.row is not None:
                standing.append(patch.row)
            elif patch.gone:
                rows[patch.table] = [one for one in standing if not patch.matches(one)]
            else:
                rows[patch.table] = [
                    patch.applied(one) if patch.matches(one) else one for one in standing
                ]
        return replace(self, rows=rows)

    def row(self, table: str, **where: object) -> Fields | None:
        """Return the first row of a table with these fields."""
        patch = Patch(table, where)
        return next((one for one in self.rows[table] if patch.matches(one)), None)

    @property
    def contact(self) -> Fields | None:
        """Return the contact's own row."""
        return self.row("contact")

    @property
    def customers(self) -> list[Fields]:
        """Return the live customers he is at, by number."""
        linked = {link["customer_id"] for link in self.rows["contact_customer"]}
        live = [
            one
            for one in self.rows["customer"]
            if one["customer_id"] in linked and not one["deleted"]
        ]
        return sorted(live, key=lambda one: (one["number"], one["customer_id"]))

    @property
    def pin(self) -> Fields | None:
        """Return his pin in the segment."""
        return self.row("segment_pin")

    @property
    def size(self) -> int:
        """Return how many rows there are."""
        return sum(map(len, self.rows.values()))
