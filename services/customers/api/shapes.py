"""Shapes of requests and answers: their own models, apart from the domain."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    BaseModel,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
)
from sqlalchemy.engine import Row

from services.customers.domain.contact_data import PostalAddress
from services.customers.domain.lists import CATEGORY, CONTACT_ATTRIBUTE_CHOICE
from services.customers.persistence.rows import places_of
from shared.chassis.http.shapes import Input, Name, Number, Required

ONE, OTHER = "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10", "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a11"
"""Ids of two records, for examples."""

BusinessId = Annotated[
    Required,
    Field(
        description="brought into its normal form; a VAT number or a known form must check",
        examples=["0201724-4"],
    ),
]
BoundedDay = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2199, 12, 31))]
Headcount = Annotated[int, Field(ge=0, le=10_000_000)]
ClassificationsInput = Annotated[
    dict[
        Annotated[str, Field(max_length=40)],
        Annotated[list[Number], Field(max_length=100)],
    ],
    Field(
        max_length=40,
        description='numbers of the values to hold, by list: {"customer_status": [2]}',
        examples=[{"customer_status": [1], "customer_type": [2]}],
    ),
]


AttributeValuesInput = Annotated[
    dict[Number, StrictStr | StrictInt | StrictFloat | None],
    Field(
        max_length=100,
        description="values by number of the attribute: a text, a number, or a day as ISO 8601; "
        "what is left out stays as it is, null takes attribute and value away",
        examples=[{"7": "gold", "8": 12.5, "9": "2026-01-31", "10": None}],
    ),
]
AttributeValues = Annotated[
    dict[str, str | int | float], Field(description="values by number of the attribute")
]


class Reference(Input):
    """The customer's key in an ERP; `source` is the CloudEvents source of that ERP."""

    source: Required = Field(examples=["/erp/main"])
    ref: Required = Field(examples=["17850"])


class AddressShape(Input):
    """A postal address; a letter needs all four."""

    street: Name | None = None
    postal_code: Name | None = None
    city: Name | None = None
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None

    def to_domain(self) -> PostalAddress:
        """Return the address as the domain has it."""
        return PostalAddress(self.street, self.postal_code, self.city, self.country)


def _address(row: Row[Any]) -> AddressShape:
    return AddressShape(
        street=row.street, postal_code=row.postal_code, city=row.city, country=row.country
    )


class CustomerInput(Input):
    """A customer as a person describes it."""

    name: Required = Field(examples=["Kauppa Oy"])
    number: Required | None = Field(default=None, description="given by the series if left out")
    business_id: BusinessId | None = None
    email: Name | None = None
    phone: Name | None = None
    headcount: Headcount | None = Field(default=None, description="finds the headcount class")
    address: AddressShape = AddressShape()
    references: list[Reference] = Field(default_factory=list, max_length=50)
    classifications: ClassificationsInput = Field(default_factory=dict)
    attribute_values: AttributeValuesInput = Field(default_factory=dict)
    ended_on: BoundedDay | None = Field(default=None, description="with an ended status")


class CustomerChange(Input):
    """The fields of a customer; what is left out is emptied, references are only ever added,
    and lists that are not named keep their values.
    """

    name: Required = Field(examples=["Kauppa Oy"])
    business_id: BusinessId | None = None
    email: Name | None = None
    phone: Name | None = None
    headcount: Headcount | None = None
    address: AddressShape = AddressShape()
    references: list[Reference] = Field(default_factory=list, max_length=50)
    classifications: ClassificationsInput = Field(default_factory=dict)
    attribute_values: AttributeValuesInput = Field(default_factory=dict)
    ended_on: BoundedDay | None = Field(default=None, description="with an ended status")


class RelationshipOutput(BaseModel):
    """Since when, by which source and document, and when that was decided."""

    started_on: date
    source: str
    document_source: str | None
    document_id: str | None
    recorded_at: datetime | None
    decided_at: datetime | None


class BansOutput(BaseModel):
    """True forbids the channel for marketing; `post` is letter post only."""

    email: bool
    sms: bool
    post: bool


class CustomerOutput(BaseModel):
    """A customer as it stands."""

    customer_id: UUID
    version: int
    number: str
    name: str
    business_id: str | None
    email: str | None
    phone: str | None
    headcount: int | None
    address: AddressShape
    references: list[Reference]
    classifications: dict[str, list[int]] = Field(description="numbers of the values, by list")
    attribute_values: AttributeValues
    colour: str | None = Field(description="of its status, to highlight its row with (VF-10)")
    ended_on: date | None
    relationship: RelationshipOutput | None
    bans: BansOutput
    created_at: datetime
    updated_at: datetime


def customer_output(row: Row[Any], references: list[tuple[str, str]]) -> CustomerOutput:
    """Return the answer for a customer's row."""
    return CustomerOutput(
        customer_id=row.customer_id,
        version=row.version,
        number=row.number,
        name=row.name,
        business_id=row.business_id,
        email=row.email,
        phone=row.phone,
        headcount=row.headcount,
        address=_address(row),
        classifications=row.classified or {},
        attribute_values=row.attribute_values,
        colour=row.colour,
        ended_on=row.ended_on,
        references=[Reference(source=source, ref=ref) for source, ref in references],
        relationship=None
        if row.started_on is None
        else RelationshipOutput(
            started_on=row.started_on,
            source=row.start_source,
            document_source=row.start_document_source,
            document_id=row.start_document_id,
            recorded_at=row.start_recorded_at,
            decided_at=row.start_decided_at,
        ),
        bans=BansOutput(email=row.ban_email, sms=row.ban_sms, post=row.ban_post),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class DeletedAnswer(BaseModel):
    """A record is deleted; restored, it goes on at a higher version."""

    version: int
    deleted_at: datetime


class RelationshipStartInput(Input):
    """A start date set by hand; null lets the documents decide again."""

    started_on: BoundedDay | None = Field(examples=["2026-01-31"])


class Place(Input):
    """A contact's place at a customer."""

    customer_id: UUID
    role: Name | None = None
    position: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(
        default=None,
        description="whom a document goes to first; left out, it stays as it is, at first 0",
    )


class ContactInput(Input):
    """A contact as a person describes it; `attributes` are the numbers that are ticked."""

    first_name: Name = Field(default="", examples=["Aino"])
    last_name: Name = Field(default="", examples=["Virtanen"])
    email: Name | None = Field(default=None, examples=["aino.virtanen@example.com"])
    mobile: Name | None = None
    phone: Name | None = None
    address: AddressShape = AddressShape()
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None
    customers: list[Place] = Field(default_factory=list, max_length=100)
    attributes: Annotated[list[Number], Field(max_length=500)] | None = Field(
        default=None,
        description="left out, they stay as they are: a ban is never lifted in passing",
    )
    attribute_choices: Annotated[list[Number], Field(max_length=100)] | None = Field(
        default=None,
        description="numbers of choices of attributes of type list; left out, they stay as they "
        "are; a choice ticks its attribute",
    )
    attribute_values: AttributeValuesInput = Field(default_factory=dict)
    categories: Annotated[list[Number], Field(max_length=100)] | None = Field(
        default=None, description="numbers of categories; left out, they stay as they are"
    )


class ContactOutput(BaseModel):
    """A contact as it stands, e-mail and numbers in their normal form."""

    contact_id: UUID
    version: int
    first_name: str
    last_name: str
    email: str | None
    mobile: str | None
    phone: str | None
    address: AddressShape
    language: str | None
    customers: list[Place]
    attributes: list[int]
    attribute_choices: list[int]
    attribute_values: AttributeValues
    categories: list[int]
    created_at: datetime
    updated_at: datetime


def contact_output(row: Row[Any]) -> ContactOutput:
    """Return the answer for a contact's row with its customers."""
    return ContactOutput(
        contact_id=row.contact_id,
        version=row.version,
        first_name=row.first_name,
        last_name=row.last_name,
        email=row.email,
        mobile=row.mobile,
        phone=row.phone,
        address=_address(row),
        language=row.language,
        customers=[
            Place(customer_id=one.customer_id, role=one.role, position=one.position)
            for one in places_of(row)
        ],
        attributes=sorted(row.attributes),
        attribute_choices=(row.classified or {}).get(CONTACT_ATTRIBUTE_CHOICE, []),
        attribute_values=row.attribute_values,
        categories=(row.classified or {}).get(CATEGORY, []),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class BansInput(Input):
    """Channels to ban (true) or to free (false); what is left out stays as it is."""

    email: bool | None = Field(default=None, examples=[True])
    sms: bool | None = None
    post: bool | None = None


class BansAnswer(BaseModel):
    """`accepted`: stored here, and on its way to mailing, which has it for certain as soon as its
    GET /v1/consent shows `applied_through` of this `consent_seq` or more.
    """

    fence: str = "accepted"
    consent_seq: int


class SettingInput(Input):
    """A setting's value: 1 or 2 for the switches, else an attribute number, or null for unset."""

    value: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(examples=[1])


class SettingOutput(BaseModel):
    """A setting as it stands."""

    name: str
    value: int | None
    version: int


class StartChangeOutput(BaseModel):
    """One start date that changes."""

    customer_id: UUID
    before: date | None
    after: date | None


class EffectOutput(BaseModel):
    """What a change does, or would do (`dry_run`)."""

    dry_run: bool
    contacts_with_changed_bans: int = 0
    starts_changed: int = 0
    first_starts: list[StartChangeOutput] = Field(
        default_factory=list, description="the first hundred of them"
    )


class SettingChanged(BaseModel):
    """The setting after the change and what it did."""

    setting: SettingOutput
    effect: EffectOutput


class AddresseeOutput(BaseModel):
    """Where a document goes; no contact_id means the customer's own address."""

    contact_id: UUID | None
    name: str
    email: str


class GapOutput(BaseModel):
    """A customer whom no document of the purpose can reach."""

    customer_id: UUID
    number: str
    name: str


class EventAnswer(BaseModel):
    """What became of one event: `accepted`, `duplicate`, or, with the field at fault and the
    remedy, `parked` (kept for a person, who deals with it here) or `refused` (not kept).
    """

    id: str | None
    status: str
    reason: str | None = None
    detail: str | None = None


class EventsAnswer(BaseModel):
    """One answer per event, in the order they were sent."""

    results: list[EventAnswer]
