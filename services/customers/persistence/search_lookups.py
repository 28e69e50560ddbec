"""Conditions that are looked up first, by their indexes: values of attributes, and addresses.

As with a fragment, few hits are taken as they are; where there are more than a bound, the sort
order is walked, since hits are then found soon. The planner cannot tell the two apart: it knows
neither how often a value occurs nor how many codes have a beginning in common.
"""

import json
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.attribute_values import NUMBER, Value
from services.customers.domain.lists import CONTACT_ATTRIBUTE, CUSTOMER_ATTRIBUTE
from services.customers.domain.search import (
    CustomerFilter,
    Scope,
    ValueFilter,
    checked_comparisons,
)
from services.customers.persistence.attributes import attributes_of
from shared.chassis.conditions import Conditions, escaped

FEW_HITS = 4000
LAST_CHARACTER = "\U0010ffff"


async def add_lookups(
    connection: AsyncConnection, building: Conditions, wanted: CustomerFilter
) -> None:
    """Add what addresses and values of attributes must be; refuse what does not fit a type."""
    looked_up = Conditions(building.conditions[:1])
    if wanted.city is not None:
        looked_up.add("lower(city) = lower(:city)", city=wanted.city)
    if wanted.postal_code is not None:
        looked_up.add(
            "(lower(postal_code) ~>=~ lower(:postal_code) "
            "AND lower(postal_code) ~<=~ (lower(:postal_code) || :last_character))",
            postal_code=wanted.postal_code,
            last_character=LAST_CHARACTER,
        )
    await _add_values(connection, looked_up, wanted.attribute_values)
    if len(looked_up.conditions) == 1:
        return
    found = await connection.execute(
        text(f"SELECT customer_id FROM customer WHERE {looked_up.where} LIMIT :few_hits"),
        {**looked_up.values, "few_hits": FEW_HITS + 1},
    )
    hits = found.scalars().all()
    if len(hits) <= FEW_HITS:
        building.add("customer_id = ANY(CAST(:lookup_hits AS uuid[]))", lookup_hits=list(hits))
    else:
        building.conditions += looked_up.conditions[1:]
        building.values |= looked_up.values


async def _add_values(
    connection: AsyncConnection, building: Conditions, wanted: Sequence[ValueFilter]
) -> None:
    """Add what values must be: who holds the attribute, by its index, and then the value."""
    scopes = {one.scope for one in wanted}
    known = {scope: await attributes_of(connection, _LISTS[scope]) for scope in scopes}
    for place, one in enumerate(wanted):
        attribute = known[one.scope].get(one.attribute)
        compared = checked_comparisons(place, one, attribute)
        assert attribute is not None
        reference = attribute.key if one.scope is Scope.CUSTOMER else attribute.number
        building.values |= {f"holds{place}": reference, f"attribute{place}": str(one.attribute)}
        comparisons = [
            _compared(f"{name}{place}", name, attribute.value_type, value, building, place)
            for name, value in compared.items()
        ]
        building.add(
            _CONDITIONS[one.scope].format(place=place, comparisons=" AND ".join(comparisons))
        )


def _compared(
    label: str, name: str, value_type: str, value: Value, building: Conditions, place: int
) -> str:
    """Return one comparison. Numbers are compared as JSON: nothing that is stored makes it fail."""
    held = f"(attribute_values ->> CAST(:attribute{place} AS text))"
    if value_type == NUMBER:
        building.values[label] = json.dumps(value)
        operator = _OPERATORS[name]
        return (
            f"(attribute_values -> CAST(:attribute{place} AS text)) {operator} "
            f"CAST(:{label} AS jsonb)"
        )
    if name == "contains":
        building.values[label] = f"%{escaped(str(value))}%"
        return f"lower({held}) LIKE lower(:{label})"
    building.values[label] = value
    if name == "equals":
        return f"lower({held}) = lower(:{label})"
    return f'{held} COLLATE "C" {_OPERATORS[name]} :{label}'


_LISTS = {Scope.CUSTOMER: CUSTOMER_ATTRIBUTE, Scope.CONTACT: CONTACT_ATTRIBUTE}
_OPERATORS = {"equals": "=", "at_least": ">=", "at_most": "<="}
_CONDITIONS = {
    Scope.CUSTOMER: "(classifications @> ARRAY[CAST(:holds{place} AS int)] AND {comparisons})",
    Scope.CONTACT: """customer_id IN (
        SELECT place.customer_id
        FROM (SELECT contact_id, attribute_values FROM contact
              WHERE deleted_at IS NULL AND attributes @> ARRAY[CAST(:holds{place} AS int)])
             AS contact
        JOIN contact_customer AS place USING (contact_id)
        WHERE {comparisons})""",
}
