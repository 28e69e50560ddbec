"""What an ERP tells: its documents and its master data."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.contracts.types import Contract, Currency, Day, Key, Moment, Money, Text


class CustomerReference(Contract):
    """Whose document it is: exactly one of the ERP's own key, our number, or the business id."""

    erp_ref: Key | None = None
    customer_number: Key | None = None
    business_id: Key | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = (self.erp_ref, self.customer_number, self.business_id)
        if sum(value is not None for value in given) != 1:
            raise ValueError(
                "name the customer by exactly one of erp_ref, customer_number, business_id"
            )
        return self


class Line(Contract):
    """One row of a document."""

    product: Text | None = None
    description: Text | None = None
    quantity: Money | None = None
    net_amount: Money | None = None


class DocumentIdentity(Contract):
    """Which document is meant; the source of the event is part of its identity."""

    document_id: Key
    document_version: Annotated[int, Field(ge=1, le=2**53)] | None = None
    customer: CustomerReference
    recorded_at: Moment | None = Field(
        default=None, description="when the ERP recorded it, never when it was sent"
    )


class Document(DocumentIdentity):
    """A document as it stands in the ERP. An unversioned one is ordered by the event's `time`."""

    document_date: Day
    currency: Currency
    net_amount: Money
    gross_amount: Money
    margin: Money | None = None
    order_id: Key | None = None
    lines: Annotated[list[Line], Field(max_length=1000)] | None = None


class InvoicePosted(Document):
    """An invoice was recorded. Its total is not negative: a refund is a credit note."""

    @model_validator(mode="after")
    def _not_negative(self) -> Self:
        if self.net_amount < 0:
            raise ValueError(
                "net_amount is negative; publish a credit note (erp.credit-note-posted.v1)"
            )
        return self


class CreditNotePosted(Document):
    """A credit note was recorded. The sign of its amounts does not matter: they are credited."""

    invoice_id: Key | None = Field(default=None, description="the invoice that is credited")


class InvoiceVoided(DocumentIdentity):
    """An invoice was cancelled and never counts again, unless a higher version is posted."""


class SalesOrderPosted(Document):
    """A sales order was recorded."""


class SalesOrderCancelled(DocumentIdentity):
    """A sales order was cancelled and never counts again, unless a higher version is posted."""


class PostalAddress(Contract):
    """Where letters go; a letter needs street, postal code, city and country."""

    street: Text | None = None
    postal_code: Text | None = None
    city: Text | None = None
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None


class ErpContact(Contract):
    """A person at the customer, as the ERP knows him."""

    contact_ref: Key
    first_name: Text = ""
    last_name: Text = ""
    email: Text | None = None
    mobile: Text | None = None
    phone: Text | None = None
    address: PostalAddress | None = None
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None
    bans: Annotated[
        list[Annotated[str, Field(pattern="^(NO_EMAIL|NO_SMS|NO_MARKETING)$")]], Field(max_length=3)
    ] = Field(default_factory=list, description="bans to set; an import never lifts one")


class CustomerSaved(Contract):
    """A customer of the ERP was created or changed; carries its whole public state."""

    erp_ref: Key
    version: Annotated[int, Field(ge=1, le=2**53)] | None = None
    name: Annotated[Text, Field(min_length=1)]
    customer_number: Key | None = None
    business_id: Key | None = None
    email: Text | None = None
    phone: Text | None = Field(default=None, description="left out, it stays as it is")
    address: PostalAddress | None = Field(default=None, description="likewise")
    contacts: Annotated[list[ErpContact], Field(max_length=200)] = Field(default_factory=list)


class ProjectSaved(Contract):
    """A project of the ERP was created or changed. An unversioned one is ordered by `time`."""

    project_ref: Key
    version: Annotated[int, Field(ge=1, le=2**53)] | None = None
    name: Annotated[Text, Field(min_length=1)]
    customer: CustomerReference
    active: bool = True
