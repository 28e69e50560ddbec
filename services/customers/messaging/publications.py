"""What we tell: each domain event translated, field by field and on purpose, into its contract."""

from functools import singledispatch

from services.customers.domain import bans, contact_data, events, relationship
from shared.chassis.messages import Publication
from shared.contracts import customers as told
from shared.contracts.erp import PostalAddress
from shared.contracts.wiring import publication
from shared.lists import events as list_events

SOURCE = "/suhde/customers"
NOWHERE = contact_data.PostalAddress()


@singledispatch
def translate(event: object) -> Publication:
    """Return the public form of a domain event."""
    raise TypeError(f"{type(event).__name__} has no publication")


def _bans(held: bans.Bans) -> told.Bans:
    return told.Bans(email=held.email, sms=held.sms, post=held.post)


def _address(address: contact_data.PostalAddress) -> PostalAddress:
    return PostalAddress.model_construct(
        street=address.street,
        postal_code=address.postal_code,
        city=address.city,
        country=address.country,
    )


def _relationship(start: relationship.Relationship) -> told.Relationship:
    return told.Relationship.model_construct(
        started_on=start.started_on,
        source=start.source,  # type: ignore[arg-type]
        document_id=start.document_id,
        document_source=start.document_source,
        recorded_at=start.recorded_at,
    )


@translate.register
def _(event: events.CustomerSaved) -> Publication:
    return publication(
        told.CustomerSaved(
            customer_id=event.customer_id,
            version=event.version,
            number=event.number,
            name=event.name,
            business_id=event.business_id,
            email=event.email,
            relationship=_relationship(event.relationship) if event.relationship else None,
            bans=_bans(event.bans),
            phone=event.phone,
            headcount=event.headcount,
            ended_on=event.ended_on,
            classifications=dict(event.classifications),
            attribute_values=dict(event.attribute_values),
            address=None if event.address == NOWHERE else _address(event.address),
            saved_at=event.saved_at,
        ),
        subject=f"customer/{event.customer_id}",
    )


@translate.register
def _(event: events.ContactSaved) -> Publication:
    return publication(
        told.ContactSaved(
            contact_id=event.contact_id,
            version=event.version,
            person=told.PersonalData(
                first_name=event.first_name,
                last_name=event.last_name,
                email=event.email,
                mobile=event.mobile,
                phone=event.phone,
                address=_address(event.address),
            ),
            language=event.language,
            customers=[
                told.Role(customer_id=one.customer_id, role=one.role, position=one.position or 0)
                for one in event.customers
            ],
            attributes=list(event.attributes),
            classifications=dict(event.classifications),
            attribute_values=dict(event.attribute_values),
        ),
        subject=f"contact/{event.contact_id}",
    )


@translate.register
def _(event: list_events.ListValueSaved) -> Publication:
    return publication(
        told.ClassificationSaved(
            list_name=event.list_name,
            value_id=event.value_id,
            version=event.version,
            number=event.number,
            title=event.title,
            titles=dict(event.titles),
            order=event.order,
            archived=event.archived,
            parent=event.parent,
            members=list(event.members),
            flags=event.flags,
            facts=event.texts,
        ),
        subject=f"classification/{event.value_id}",
    )


@translate.register
def _(event: list_events.ListValueRemoved) -> Publication:
    return publication(
        told.ClassificationSaved(
            list_name=event.list_name,
            value_id=event.value_id,
            version=event.version,
            number=event.number,
            title=event.title,
            removed=True,
        ),
        subject=f"classification/{event.value_id}",
    )


@translate.register
def _(event: events.RelationshipEnded) -> Publication:
    return publication(
        told.RelationshipEnded(
            customer_id=event.customer_id,
            version=event.version,
            ended_on=event.ended_on,
            reason=event.reason,
        ),
        subject=f"customer/{event.customer_id}",
    )


@translate.register
def _(event: events.OperationCompleted) -> Publication:
    return publication(
        told.OperationCompleted(
            operation_id=event.operation_id, customers=event.customers, deleted=event.deleted
        ),
        subject=f"operation/{event.operation_id}",
    )


@translate.register
def _(event: events.CustomerDeleted) -> Publication:
    return publication(
        told.CustomerDeleted(
            customer_id=event.customer_id,
            version=event.version,
            merged_into=event.merged_into,
            deleted_at=event.deleted_at,
        ),
        subject=f"customer/{event.customer_id}",
    )


@translate.register
def _(event: events.ContactDeleted) -> Publication:
    return publication(
        told.ContactDeleted(
            contact_id=event.contact_id, version=event.version, merged_into=event.merged_into
        ),
        subject=f"contact/{event.contact_id}",
    )


@translate.register
def _(event: events.DocumentRecorded) -> Publication:
    return publication(
        told.DocumentRecorded.model_construct(
            customer_id=event.customer_id,
            document_source=event.source,
            kind=event.kind,  # type: ignore[arg-type]
            document_id=event.document_id,
            document_version=event.document_version,
            voided=event.voided,
            document_date=event.document_date,
            recorded_at=event.recorded_at,
            currency=event.currency,
            net_amount=event.net_amount,
            gross_amount=event.gross_amount,
            margin=event.margin,
            order_id=event.order_id,
        ),
        subject=f"document/{event.source}/{event.kind}/{event.document_id}",
    )


@translate.register
def _(event: events.RuleViolated) -> Publication:
    return publication(
        told.RuleViolated(
            customer_id=event.customer_id,
            purpose=event.purpose.value,
            rule=event.rule,
            status_number=event.status.number if event.status else None,
            status_title=event.status.title if event.status else None,
            project_source=event.project_source,
            project_ref=event.project_ref,
            said_at=event.said_at,
        ),
        subject=f"customer/{event.customer_id}",
    )


@translate.register
def _(event: events.ProjectRecorded) -> Publication:
    state = event.state
    return publication(
        told.ProjectRecorded(
            customer_id=state.customer_id,
            version=event.version,
            project_source=state.source,
            project_ref=state.project_ref,
            project_version=state.version or None,
            said_at=state.said_at,
            name=state.name,
            active=state.active,
            violated_rule=state.violated_rule,
        ),
        subject=f"project/{state.source}/{state.project_ref}",
    )


@translate.register
def _(event: events.FirstDocumentKnown) -> Publication:
    document = event.document
    model = told.FirstInvoicePosted if document.kind == "invoice" else told.FirstSalesOrderPosted
    return publication(
        model.model_construct(
            customer_id=event.customer_id,
            version=event.version,
            document_source=document.source,
            document_id=document.document_id,
            document_date=document.document_date,
            recorded_at=document.recorded_at,
            withdrawn=event.withdrawn,
        ),
        subject=f"customer/{event.customer_id}",
    )


@translate.register
def _(event: events.RelationshipStarted) -> Publication:
    return publication(
        told.RelationshipStarted.model_construct(
            customer_id=event.customer_id,
            version=event.version,
            relationship=_relationship(event.relationship),
            previously=event.previously,
        ),
        subject=f"customer/{event.customer_id}",
    )


@translate.register
def _(event: events.BansChanged) -> Publication:
    who = event.contact_id or event.customer_id
    return publication(
        told.BansChanged(
            consent_seq=event.consent_seq,
            contact_id=event.contact_id,
            customer_id=event.customer_id,
            bans=_bans(event.bans),
            email=event.email,
            mobile=event.mobile,
            post=event.post,
        ),
        subject=f"bans/{who}",
    )


@translate.register
def _(event: events.ConsentConfirmed) -> Publication:
    return publication(
        told.ConsentConfirmed(
            nonce=event.nonce, consent_seq=event.consent_seq, configured=_bans(event.configured)
        ),
        subject="consent",
    )


@translate.register
def _(event: events.ConsentBaselined) -> Publication:
    return publication(
        told.ConsentBaselined(after=event.after, through=event.through), subject="consent-baseline"
    )
