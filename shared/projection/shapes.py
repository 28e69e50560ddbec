"""Customers and contacts as answers show them beside what names them."""

from uuid import UUID

from pydantic import BaseModel


class NamedCustomer(BaseModel):
    """A customer; its name stays when it is deleted."""

    customer_id: UUID
    number: str
    name: str


class NamedContact(BaseModel):
    """A contact; the name of one who was erased is empty."""

    contact_id: UUID
    name: str
