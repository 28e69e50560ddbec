"""From rows to what the domain says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from services.customers.domain.bans import Bans
from services.customers.domain.contact_data import Place, PostalAddress
from services.customers.domain.events import (
    ContactDeleted,
    ContactSaved,
    CustomerDeleted,
    CustomerSaved,
)
from services.customers.domain.relationship import Relationship


def relationship_of(row: Row[Any]) -> Relationship | None:
    """Return the relationship start that a customer's row holds."""
    if row.started_on is None:
        return None
    return Relationship(
        started_on=row.started_on,
        source=row.start_source,
        document_source=row.start_document_source,
        document_id=row.start_document_id,
        recorded_at=row.start_recorded_at,
    )


def customer_bans(row: Row[Any]) -> Bans:
    """Return the bans that a customer's row holds."""
    return Bans(email=row.ban_email, sms=row.ban_sms, post=row.ban_post)


def customer_told(row: Row[Any]) -> CustomerSaved | CustomerDeleted:
    """Return what the public is to know of a customer: its whole state, or that it is deleted."""
    if row.deleted_at is not None:
        return CustomerDeleted(
            row.customer_id, row.version, row.merged_into, deleted_at=row.deleted_at
        )
    return CustomerSaved(
        customer_id=row.customer_id,
        version=row.version,
        number=row.number,
        name=row.name,
        business_id=row.business_id,
        email=row.email,
        relationship=relationship_of(row),
        bans=customer_bans(row),
        phone=row.phone,
        headcount=row.headcount,
        ended_on=row.ended_on,
        classifications=row.classified or {},
        attribute_values=row.attribute_values,
        address=PostalAddress(row.street, row.postal_code, row.city, row.country),
        saved_at=row.updated_at,
    )


def customer_given(row: Mapping[str, Any], *, now: datetime) -> CustomerSaved:
    """Return what the public is to know of a customer just inserted as this row gives it."""
    return CustomerSaved(
        customer_id=row["customer_id"],
        version=1,
        number=row["number"],
        name=row["name"],
        business_id=row["business_id"],
        email=row["email"],
        relationship=None,
        bans=Bans(),
        phone=row["phone"],
        headcount=row["headcount"],
        ended_on=row["ended_on"],
        classifications=row["classified"],
        attribute_values={str(number): one for number, one in row["attribute_values"].items()},
        address=PostalAddress(row["street"], row["postal_code"], row["city"], row["country"]),
        saved_at=now,
    )


def places_of(row: Row[Any]) -> tuple[Place, ...]:
    """Return where a contact's row says it belongs."""
    columns = (row.customer_ids or (), row.roles or (), row.positions or ())
    return tuple(Place(*one) for one in zip(*columns, strict=True))


def contact_told(row: Row[Any]) -> ContactSaved | ContactDeleted:
    """Return what the public is to know of a contact: its whole state, or that it is deleted."""
    if row.deleted_at is not None:
        return ContactDeleted(row.contact_id, row.version, row.merged_into)
    return ContactSaved(
        contact_id=row.contact_id,
        version=row.version,
        first_name=row.first_name,
        last_name=row.last_name,
        email=row.email,
        mobile=row.mobile,
        phone=row.phone,
        address=PostalAddress(row.street, row.postal_code, row.city, row.country),
        language=row.language,
        customers=places_of(row),
        attributes=tuple(sorted(row.attributes)),
        classifications=row.classified or {},
        attribute_values=row.attribute_values,
    )


def contact_given(row: Mapping[str, Any]) -> ContactSaved:
    """Return what the public is to know of a contact that was inserted as this row gives it."""
    return ContactSaved(
        contact_id=row["contact_id"],
        version=1,
        first_name=row["first_name"],
        last_name=row["last_name"],
        email=row["email"],
        mobile=row["mobile"],
        phone=row["phone"],
        address=PostalAddress(row["street"], row["postal_code"], row["city"], row["country"]),
        language=row["language"],
        customers=tuple(sorted(row["places"], key=lambda place: place.customer_id)),
        attributes=tuple(sorted(row["attributes"])),
        classifications=row.get("classified", {}),
        attribute_values={
            str(number): one for number, one in row.get("attribute_values", {}).items()
        },
    )
