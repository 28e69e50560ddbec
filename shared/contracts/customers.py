"""What the customers service tells. Events about a record carry its whole public state."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.erp import PostalAddress
from shared.contracts.types import Contract, Currency, Day, Key, Moment, Money, Text

Version = Annotated[int, Field(ge=1)]
StartSource = Literal["invoice", "sales_order", "manual"]
DocumentKind = Literal["invoice", "credit_note", "sales_order"]
PostalKey = Annotated[str, StringConstraints(max_length=3 * 3 * 500 + 5)]
"""Street, postal code and city of 500 characters each, of which any may fold to three; country."""


class Relationship(Contract):
    """Since when, and how we know: the document whose recording began it, or a person's word."""

    started_on: Day
    source: StartSource
    document_id: Text | None = None
    document_source: Text | None = None
    recorded_at: Moment | None = None


class Bans(Contract):
    """True forbids that channel for marketing (`post` is letter post and nothing else)."""

    email: bool = False
    sms: bool = False
    post: bool = False


Classifications = Annotated[
    dict[str, list[int]],
    Field(description="numbers of the values held, by list, such as customer_status: [2]"),
]


AttributeValues = Annotated[
    dict[str, Text | int | float],
    Field(
        description="values of attributes that are more than ticks, by number of the attribute: "
        "a text, a number, or a day as ISO 8601"
    ),
]


class CustomerSaved(Contract):
    """A customer was created or changed."""

    customer_id: UUID
    version: Version
    number: Text
    name: Text
    business_id: Text | None = None
    email: Text | None = None
    relationship: Relationship | None = None
    bans: Bans = Bans()
    phone: Text | None = None
    headcount: int | None = None
    ended_on: Day | None = None
    classifications: Classifications = Field(default_factory=dict)
    attribute_values: AttributeValues = Field(default_factory=dict)
    address: PostalAddress | None = None
    saved_at: Moment | None = Field(
        default=None, description="when it came to be so, however late this is told"
    )


class CustomerDeleted(Contract):
    """A customer was deleted; it may be restored under a higher version."""

    customer_id: UUID
    version: Version
    merged_into: UUID | None = Field(
        default=None, description="the customer that has taken its place, contacts and documents"
    )
    deleted_at: Moment | None = Field(
        default=None, description="when it was deleted, however late this is told"
    )


class Role(Contract):
    """What a contact is at one customer."""

    customer_id: UUID
    role: Text | None = None
    position: int = Field(default=0, description="its place among the contacts of the customer")


class PersonalData(Contract):
    """What identifies a person. A type of its own, so that it is easily left out of logs."""

    first_name: Text = ""
    last_name: Text = ""
    email: Text | None = None
    mobile: Text | None = None
    phone: Text | None = None
    address: PostalAddress | None = None


class ContactSaved(Contract):
    """A contact was created or changed. E-mail is normalised, mobile and phone are E.164."""

    contact_id: UUID
    version: Version
    person: PersonalData
    language: Text | None = None
    customers: list[Role] = Field(default_factory=list)
    attributes: list[int] = Field(default_factory=list, description="numbers of ticked attributes")
    classifications: Classifications = Field(default_factory=dict)
    attribute_values: AttributeValues = Field(default_factory=dict)


class ContactDeleted(Contract):
    """A contact was deleted; its bans stay in force."""

    contact_id: UUID
    version: Version
    merged_into: UUID | None = Field(
        default=None, description="the contact that has taken its place"
    )


class ClassificationSaved(Contract):
    """A value of a list that sorts customers or contacts was created or changed."""

    list_name: Text = Field(description="such as contact_attribute")
    value_id: UUID
    version: Version
    number: int | None = None
    title: Text
    titles: dict[str, Text] = Field(default_factory=dict, description="by language: fi sv hu en")
    order: int = 0
    archived: bool = Field(default=False, description="stays where it is, is given to nobody")
    removed: bool = Field(default=False, description="nobody holds it, and it will not come back")
    parent: int | None = Field(default=None, description="number of the value it is below or in")
    members: list[int] = Field(default_factory=list, description="numbers that it bundles")
    flags: dict[str, bool] = Field(default_factory=dict)
    facts: dict[str, Text] = Field(default_factory=dict, description="such as colour, min, max")


class OperationCompleted(Contract):
    """Many customers were changed as one operation; each change is told by an event of its own."""

    operation_id: UUID
    customers: Annotated[int, Field(ge=0)]
    deleted: Annotated[int, Field(ge=0, description="deleted customers that were changed too")]


class FirstInvoicePosted(Contract):
    """A customer's first recorded invoice is known, or is now another one than before.

    Of what is told of one customer the highest version holds; without one it is the oldest.
    """

    customer_id: UUID
    version: Version | None = None
    document_source: Text
    document_id: Key
    document_date: Day
    recorded_at: Moment
    withdrawn: bool = Field(
        default=False, description="it was the last that counted: there is no first one any more"
    )


class FirstSalesOrderPosted(FirstInvoicePosted):
    """A customer's first recorded sales order is known, or is now another one than before."""


class RelationshipStarted(Contract):
    """The relationship has a start date, or a corrected one (`previously` tells the former)."""

    customer_id: UUID
    version: Version
    relationship: Relationship
    previously: Day | None = None


class RelationshipEnded(Contract):
    """The relationship has ended."""

    customer_id: UUID
    version: Version
    ended_on: Day
    reason: Text | None = None


class DocumentRecorded(Contract):
    """An ERP document was resolved to a customer and recorded, in this version."""

    customer_id: UUID
    document_source: Text
    kind: DocumentKind
    document_id: Key
    document_version: int | None = None
    voided: bool = False
    document_date: Day | None = None
    recorded_at: Moment | None = None
    currency: Currency | None = None
    net_amount: Money | None = None
    gross_amount: Money | None = None
    margin: Money | None = None
    order_id: Text | None = None


class RuleViolated(Contract):
    """A customer was picked though its status forbids it. It is recorded, not turned away."""

    customer_id: UUID
    purpose: Text = Field(description="what it was picked for, such as project")
    rule: Text = Field(description="the flag of the status, such as selectable_in_project")
    status_number: int | None = None
    status_title: Text | None = Field(default=None, description="as the status was called then")
    project_source: Text
    project_ref: Key
    said_at: Moment


class ProjectRecorded(Contract):
    """A project of an ERP was recorded for the customer that it names, or was changed there.

    It is recorded whatever the customer's status allows. Of what is told of one project the highest
    `version` holds. If the customer was merged since, the one that took its place is meant.
    """

    customer_id: UUID
    version: Version
    project_source: Text
    project_ref: Key
    project_version: int | None = Field(
        default=None, description="that of the ERP; without one `said_at` decides there"
    )
    said_at: Moment = Field(description="when the ERP said it")
    name: Text
    active: bool
    violated_rule: Text | None = Field(
        default=None,
        description="the flag of the status, such as selectable_in_project, that forbade the "
        "customer when it was picked for this project",
    )


class BansChanged(Contract):
    """The bans of one contact or of one customer (then: of all its contacts in that role).

    `consent_seq` counts these events without a gap, so that a listener knows what it has missed.
    The bans of the newest `consent_seq` of a subject hold.
    """

    consent_seq: Annotated[int, Field(ge=1)]
    contact_id: UUID | None = None
    customer_id: UUID | None = None
    bans: Bans
    email: Text | None = Field(default=None, description="normalised address the ban covers too")
    mobile: Text | None = Field(default=None, description="E.164 number the ban covers too")
    post: PostalKey | None = Field(default=None, description="normalised postal address, likewise")


class ConsentConfirmed(Contract):
    """Answer to a probe: no ban later than `consent_seq` was acknowledged when this was said."""

    nonce: UUID
    consent_seq: Annotated[int, Field(ge=0)]
    configured: Bans = Field(description="channels whose ban setting holds an attribute number")


class ConsentBaselined(Contract):
    """The bans of all subjects are told anew in the consent numbers `after` + 1 to `through`.

    Whoever has these numbers has all bans; those up to `after` need not be waited for. This may
    arrive before the numbers it speaks of: until the last of them is applied, bans are missing.
    """

    after: Annotated[int, Field(ge=0)]
    through: Annotated[int, Field(ge=0)] = Field(description="not less than `after`")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.through < self.after:
            raise ValueError("through is less than after; send the last number that was told")
        return self


class PersonErased(Contract):
    """A person was erased; whoever holds data about him removes it."""

    contact_id: UUID
    version: Version
