"""What happened in the domain. `messaging/publications.py` decides how the public hears of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from services.customers.domain.attribute_values import Value
from services.customers.domain.bans import Bans
from services.customers.domain.contact_data import Place, PostalAddress
from services.customers.domain.eligibility import Purpose, Status
from services.customers.domain.projects import ProjectState
from services.customers.domain.relationship import CountedDocument, Relationship


@dataclass(frozen=True, slots=True)
class CustomerSaved:
    """A customer as it now stands."""

    customer_id: UUID
    version: int
    number: str
    name: str
    business_id: str | None
    email: str | None
    relationship: Relationship | None
    bans: Bans
    phone: str | None = None
    headcount: int | None = None
    ended_on: date | None = None
    classifications: Mapping[str, list[int]] = field(default_factory=dict)
    attribute_values: Mapping[str, Value] = field(default_factory=dict)
    address: PostalAddress = field(default_factory=PostalAddress)
    saved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContactSaved:
    """A contact as it now stands."""

    contact_id: UUID
    version: int
    first_name: str
    last_name: str
    email: str | None
    mobile: str | None
    phone: str | None
    address: PostalAddress
    language: str | None
    customers: tuple[Place, ...] = ()
    attributes: tuple[int, ...] = ()
    classifications: Mapping[str, list[int]] = field(default_factory=dict)
    attribute_values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RelationshipEnded:
    """A customer's status turned to one that means ended."""

    customer_id: UUID
    version: int
    ended_on: date
    reason: str | None


@dataclass(frozen=True, slots=True)
class OperationCompleted:
    """Many customers were changed at once; each is told by itself besides."""

    operation_id: UUID
    customers: int
    deleted: int


@dataclass(frozen=True, slots=True)
class CustomerDeleted:
    """A customer was deleted, perhaps as merged into another; it can be restored."""

    customer_id: UUID
    version: int
    merged_into: UUID | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContactDeleted:
    """A contact was deleted, perhaps as merged into another; its bans stay in force."""

    contact_id: UUID
    version: int
    merged_into: UUID | None = None


@dataclass(frozen=True, slots=True)
class DocumentRecorded:
    """An ERP document was recorded in a new state."""

    customer_id: UUID
    source: str
    kind: str
    document_id: str
    document_version: int | None
    voided: bool
    document_date: date | None = None
    recorded_at: datetime | None = None
    currency: str | None = None
    net_amount: Decimal | None = None
    gross_amount: Decimal | None = None
    margin: Decimal | None = None
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class RuleViolated:
    """
    A customer was picked though its status forbids it: recorded all the same (VF-A6).

    `status` is the one that it had then; `event_id` names the event of the project's source.
    """

    customer_id: UUID
    purpose: Purpose
    rule: str
    status: Status | None
    project_source: str
    project_ref: str
    event_id: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class ProjectRecorded:
    """
    A project stands recorded like this.

    Of one project the highest `version` is the newest word; that of the ERP is in the state.
    """

    state: ProjectState
    version: int


@dataclass(frozen=True, slots=True)
class FirstDocumentKnown:
    """A customer's first invoice or sales order is known, is now another one, or is withdrawn."""

    customer_id: UUID
    document: CountedDocument
    version: int
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class RelationshipStarted:
    """The relationship has a start date, or a corrected one."""

    customer_id: UUID
    version: int
    relationship: Relationship
    previously: date | None


@dataclass(frozen=True, slots=True)
class BansChanged:
    """The bans of a contact, or of a customer for all its contacts, are these from now on."""

    consent_seq: int
    bans: Bans
    contact_id: UUID | None = None
    customer_id: UUID | None = None
    email: str | None = None
    mobile: str | None = None
    post: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentConfirmed:
    """Every ban acknowledged so far has a number up to `consent_seq`."""

    nonce: UUID
    consent_seq: int
    configured: Bans = field(default_factory=Bans)


@dataclass(frozen=True, slots=True)
class ConsentBaselined:
    """The bans of all subjects are told anew in the numbers `after` + 1 to `through`."""

    after: int
    through: int
