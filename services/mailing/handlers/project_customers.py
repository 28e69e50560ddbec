"""Take over customers as the customers service tells them; what was done follows their merges."""

from services.mailing.domain.facts import CustomerFacts
from services.mailing.handlers.news import news_of
from services.mailing.handlers.touch import touch
from services.mailing.persistence.projection import save_customers
from services.mailing.persistence.projection_facts import follow_merges
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import CustomerDeleted, CustomerSaved
from shared.contracts.erp import PostalAddress
from shared.contracts.held import tokens


async def on_customer_saved(batch: Batch[CustomerSaved], uow: UnitOfWork) -> None:
    """Project customers; older versions than what stands change nothing."""
    changed = await save_customers(uow.connection, news_of(batch, uow, _saved))
    moved = await follow_merges(uow.connection, changed)
    await touch([*changed, *moved], uow)


async def on_customer_deleted(batch: Batch[CustomerDeleted], uow: UnitOfWork) -> None:
    """Project deletions as tombstones, so that a late older message brings nothing back."""
    changed = await save_customers(uow.connection, news_of(batch, uow, _deleted))
    moved = await follow_merges(uow.connection, changed)
    await touch([*changed, *moved], uow)


def _saved(message: Message[CustomerSaved]) -> CustomerFacts:
    data = message.data
    address = data.address or PostalAddress()
    return CustomerFacts(
        customer_id=data.customer_id,
        version=data.version,
        number=data.number,
        name=data.name,
        started_on=data.relationship.started_on if data.relationship else None,
        start_source=data.relationship.source if data.relationship else None,
        ended_on=data.ended_on,
        business_id=data.business_id,
        email=data.email,
        phone=data.phone,
        headcount=data.headcount,
        street=address.street,
        postal_code=address.postal_code,
        city=address.city,
        country=address.country,
        attribute_values=data.attribute_values,
        held=tokens(data.classifications),
    )


def _deleted(message: Message[CustomerDeleted]) -> CustomerFacts:
    data = message.data
    return CustomerFacts(data.customer_id, data.version, deleted=True, merged_into=data.merged_into)
