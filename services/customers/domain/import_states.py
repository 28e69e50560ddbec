"""Customers and contacts as imports see them: as they stand, or as a plan lets them stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.customers.domain.attribute_values import Value

CUSTOMER_FIELDS = (
    *("number", "name", "business_id", "email", "phone", "headcount"),
    *("street", "postal_code", "city", "country"),
)
CONTACT_FIELDS = (
    *("first_name", "last_name", "email", "mobile", "phone"),
    *("street", "postal_code", "city", "country", "language"),
)


@dataclass(frozen=True, slots=True)
class CustomerState:
    """A customer as it stands, or as a plan lets it stand."""

    customer_id: UUID
    fields: Mapping[str, Any]
    keys: frozenset[int]
    # Of attributes that have values, by number.
    values: Mapping[int, Value] = field(default_factory=dict)
    ended_on: date | None = None
    started_on: date | None = None
    started_by_hand: bool = False
    deleted: bool = False
    created: bool = False
    ends_now: bool = False
    # Outside keys of the import's source that it gets.
    refs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ContactState:
    """A contact as it stands, or as a plan lets it stand."""

    contact_id: UUID
    ref: str
    fields: Mapping[str, str | None]
    attributes: frozenset[int]
    # Roles by customer.
    places: Mapping[UUID, str | None]
    # Of categories and of choices of attributes.
    keys: frozenset[int] = frozenset()
    values: Mapping[int, Value] = field(default_factory=dict)
    deleted: bool = False
    created: bool = False


@dataclass(slots=True)
class Present:
    """What is there of all that some rows name; a plan writes into it what it decides."""

    customers: dict[UUID, CustomerState] = field(default_factory=dict)
    # Whose is (kind, value), for ref, number and business_id. Deleted ones own refs only.
    owners: dict[tuple[str, str], UUID] = field(default_factory=dict)
    contacts: dict[str, ContactState] = field(default_factory=dict)
