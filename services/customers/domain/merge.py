"""
What records that are the same become: the survivor's values, blanks filled from the others.

A map may take a field from another record. Lists with several values are united, bans as well:
no merge weakens one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.customers.domain.lists import CUSTOMER, CUSTOMER_STATUS, END_REASON, LISTS
from shared.chassis.errors import InvalidField

Record = Mapping[str, Any]
"""A record's columns by name, as JSON has them."""

ADDRESS = ("street", "postal_code", "city", "country")
START = (
    "started_on",
    "start_source",
    "start_document_source",
    "start_document_id",
    "start_recorded_at",
    "start_decided_at",
)
CUSTOMER_FIELDS = {
    **{name: (name,) for name in ("name", "number", "business_id", "email", "phone", "headcount")},
    "address": ADDRESS,
    "relationship": START,
}
CONTACT_FIELDS = {
    "name": ("first_name", "last_name"),
    **{name: (name,) for name in ("email", "mobile", "phone", "language")},
    "address": ADDRESS,
}
BANS = ("ban_email", "ban_sms", "ban_post")
_CLASSIFICATIONS = "classifications."
# The documents decide since when the relationship lasts; a day set by hand goes by the map only.
_NEVER_FILLED = {"relationship"}


@dataclass(frozen=True, slots=True)
class HeldValue:
    """A value of a list that any of the records holds."""

    list_name: str
    number: int
    parent: int | None


def checked_choice(
    chosen: Mapping[str, UUID], fields: Mapping[str, tuple[str, ...]], ids: Sequence[UUID]
) -> None:
    """Refuse a map that takes what there is not, or takes it from whom it cannot be taken."""
    single = [
        _CLASSIFICATIONS + one.name
        for one in LISTS.values()
        if CUSTOMER in one.held_by and not one.several and one.name != END_REASON
    ]
    known = [*fields, *(single if fields is CUSTOMER_FIELDS else ())]
    for field, record_id in chosen.items():
        if field not in known:
            raise InvalidField(
                f"fields.{field}"[:100],
                "nothing is taken by it",
                f"Send one of: {', '.join(known)}.",
            )
        if record_id not in ids:
            raise InvalidField(
                f"fields.{field}", "is none of those merged", "Name `into` or one of `from`."
            )


def merged_fields(
    records: Sequence[Record],
    ids: Sequence[UUID],
    fields: Mapping[str, tuple[str, ...]],
    chosen: Mapping[str, UUID],
) -> tuple[dict[str, Any], dict[str, UUID]]:
    """Return the columns that the records become, the survivor first, and whose each field is."""
    columns: dict[str, Any] = {}
    sources: dict[str, UUID] = {}
    for field, names in fields.items():
        source = chosen.get(field)
        if source is None:
            candidates = [0] if field in _NEVER_FILLED else range(len(records))
            filled = [n for n in candidates if any(records[n].get(name) for name in names)]
            source = ids[filled[0] if filled else 0]
        sources[field] = source
        record = records[ids.index(source)]
        columns |= {name: record[name] for name in names if name in record}
    return columns, sources


def united_classifications(
    records: Sequence[Record],
    ids: Sequence[UUID],
    values: Mapping[int, HeldValue],
    chosen: Mapping[str, UUID],
) -> list[int]:
    """
    Return the keys that are held together: of one list all, or the one of whom the map names.

    Status, reason of the end and its day come from one record: apart they would contradict.
    """
    keys: set[int] = set()
    taken: set[tuple[str, int | None]] = set()
    for name in {value.list_name for value in values.values()}:
        definition = LISTS[name]
        choice = CUSTOMER_STATUS if name == END_REASON else name
        source = chosen.get(_CLASSIFICATIONS + choice)
        if source is None and choice == CUSTOMER_STATUS:
            source = ids[0]
        for record_id, record in zip(ids, records, strict=True):
            if source not in (None, record_id):
                continue
            held = [key for key in record["classifications"] if values[key].list_name == name]
            if definition.one_inside:
                held = [key for key in held if (name, values[key].parent) not in taken]
                taken |= {(name, values[key].parent) for key in held}
            keys.update(held)
            if held and not definition.several:
                break
    return sorted(keys)


def ended_on(records: Sequence[Record], ids: Sequence[UUID], chosen: Mapping[str, UUID]) -> Any:
    """Return the day the relationship ended, of whom the status comes from."""
    source = chosen.get(_CLASSIFICATIONS + CUSTOMER_STATUS, ids[0])
    return records[ids.index(source)]["ended_on"]


def united_values(records: Sequence[Record]) -> dict[str, Any]:
    """Return the values of attributes, the survivor's before those of the others."""
    values: dict[str, Any] = {}
    for record in reversed(records):
        values |= record["attribute_values"]
    return values


def united_bans(records: Sequence[Record]) -> dict[str, bool]:
    """Return the bans of customers: what any of them has banned is banned."""
    return {ban: any(record[ban] for record in records) for ban in BANS}
