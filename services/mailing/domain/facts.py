"""What is known of customers, contacts and all that was done with them, and how it changed.

Fields are called as the columns of the tables that keep them. A tombstone holds nothing but its id
and version.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

AttributeValues = Mapping[str, str | int | float]
"""Values of attributes that are more than ticks, by number of the attribute."""


class Facts(Protocol):
    """What is known of one record; of one `key`, the highest `order` holds."""

    @property
    def key(self) -> Any:
        """Return what names the record."""

    @property
    def order(self) -> Any:
        """Return what tells which of two is newer."""


F = TypeVar("F", bound=Facts)


@dataclass(frozen=True, slots=True)
class Told:
    """Which event told it, by type and id, and the moment at which it was taken over."""

    type: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class News(Generic[F]):
    """What an event says of a record; older news than what is known change nothing."""

    facts: F
    told: Told


@dataclass(frozen=True, slots=True)
class Changed(Generic[F]):
    """A record that is another one than before: None where it was not known."""

    before: F | None
    after: F
    told: Told


@dataclass(frozen=True, slots=True)
class Moved:
    """Customers who have given, or were given, documents, activities or opportunities."""

    customer_ids: frozenset[UUID]
    told: Told


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """A customer; `held` are its values of lists, as tokens."""

    customer_id: UUID
    version: int
    deleted: bool = False
    number: str = ""
    name: str = ""
    started_on: date | None = None
    start_source: str | None = None
    ended_on: date | None = None
    business_id: str | None = None
    email: str | None = None
    phone: str | None = None
    headcount: int | None = None
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None
    attribute_values: AttributeValues = field(default_factory=dict)
    merged_into: UUID | None = None
    held: tuple[str, ...] = ()

    @property
    def key(self) -> UUID:
        """Return the id."""
        return self.customer_id

    @property
    def order(self) -> int:
        """Return the version."""
        return self.version


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """A contact; links are (customer, role). One who is erased is nothing else for ever."""

    contact_id: UUID
    version: int
    deleted: bool = False
    first_name: str = ""
    last_name: str = ""
    email: str | None = None
    mobile: str | None = None
    phone: str | None = None
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None
    language: str | None = None
    attributes: tuple[int, ...] = ()
    attribute_values: AttributeValues = field(default_factory=dict)
    erased: bool = False
    merged_into: UUID | None = None
    email_key: str | None = None
    sms_key: str | None = None
    post_key: str | None = None
    email_hash: str | None = None
    sms_hash: str | None = None
    post_hash: str | None = None
    call_hash: str | None = None
    held: tuple[str, ...] = ()
    links: tuple[tuple[UUID, str | None], ...] = ()

    @property
    def key(self) -> UUID:
        """Return the id."""
        return self.contact_id

    @property
    def order(self) -> int:
        """Return the version."""
        return self.version


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """An ERP document; of one version, what was recorded last holds.

    `told_customer_id` is whose it was told to be, `customer_id` who stands for him now.
    """

    source: str
    kind: str
    document_id: str
    version: int
    recorded_at: datetime
    told_customer_id: UUID
    customer_id: UUID
    voided: bool = False
    document_date: date | None = None
    currency: str | None = None
    net_amount: Decimal | None = None
    margin: Decimal | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Return source, kind and id."""
        return self.source, self.kind, self.document_id

    @property
    def order(self) -> tuple[int, datetime]:
        """Return version and moment of recording."""
        return self.version, self.recorded_at


@dataclass(frozen=True, slots=True)
class ActivityFacts:
    """An activity; `day` is when it began. Its customers are as those of documents."""

    activity_id: UUID
    version: int
    deleted: bool = False
    told_customer_id: UUID | None = None
    customer_id: UUID | None = None
    contacts: tuple[UUID, ...] = ()
    category: int | None = None
    kind: int | None = None
    type: int | None = None
    attributes: tuple[int, ...] = ()
    seller: str | None = None
    state: str | None = None
    channel: str | None = None
    direction: str | None = None
    day: date | None = None

    @property
    def key(self) -> UUID:
        """Return the id."""
        return self.activity_id

    @property
    def order(self) -> int:
        """Return the version."""
        return self.version


@dataclass(frozen=True, slots=True)
class OpportunityFacts:
    """An opportunity, with the keys of its sellers. Its customers are as those of documents."""

    opportunity_id: UUID
    version: int
    deleted: bool = False
    told_customer_id: UUID | None = None
    customer_id: UUID | None = None
    contacts: tuple[UUID, ...] = ()
    name: str | None = None
    pipeline: int | None = None
    stage: int | None = None
    type: int | None = None
    source: int | None = None
    outcome: str | None = None
    closed: bool | None = None
    closed_on: date | None = None
    expected_close: date | None = None
    value: Decimal | None = None
    currency: str | None = None
    sellers: tuple[str, ...] = ()

    @property
    def key(self) -> UUID:
        """Return the id."""
        return self.opportunity_id

    @property
    def order(self) -> int:
        """Return the version."""
        return self.version


@dataclass(frozen=True, slots=True)
class ValueFacts:
    """One value of a list; what it lies in and what it bundles are named by tokens."""

    token: str
    list_name: str
    number: int
    version: int
    title: str
    titles: Mapping[str, str] = field(default_factory=dict)
    above: str | None = None
    bundled: tuple[str, ...] = ()
    flags: Mapping[str, bool] = field(default_factory=dict)
    archived: bool = False
    removed: bool = False

    @property
    def key(self) -> str:
        """Return the token."""
        return self.token

    @property
    def order(self) -> int:
        """Return the version."""
        return self.version
