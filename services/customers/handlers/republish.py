"""Tell the whole state anew, for a listener whose database is new, lost or set back."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from services.customers.domain.bans import bans_of
from services.customers.domain.documents import DocumentState
from services.customers.domain.events import ConsentBaselined
from services.customers.handlers.change_bans import tell_contact_bans, tell_customer_bans
from services.customers.handlers.customer_lists import CUSTOMER_LISTS
from services.customers.handlers.install_defaults import install_defaults
from services.customers.handlers.start_relationships import tell_first_documents
from services.customers.handlers.tell_records import (
    tell_contacts,
    tell_customers,
    tell_documents,
    tell_projects,
)
from services.customers.persistence.contacts import contact_ids, lock_contacts
from services.customers.persistence.customers import customer_ids
from services.customers.persistence.documents import (
    first_documents,
    lock_customers,
    next_documents,
)
from services.customers.persistence.projects import next_projects
from services.customers.persistence.register import (
    consent_seq,
    fetch_settings,
    raise_consent_seq,
)
from shared.chassis.republishing import Progress, by_chunks
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.lists.store import all_values
from shared.lists.tell import tell_rows

CHUNK = 1000


async def republish(
    units: UnitOfWorkFactory, progress: Progress, *, chunk: int = CHUNK, above: int = 0
) -> ConsentBaselined:
    """
    Tell every list value, customer and contact at its present version, with bans newly numbered.

    Of customers their first documents are told too, and at last projects and documents of ERPs.

    The baseline at the end says which consent numbers these are; all are higher than `above`. Each
    chunk is a unit of work of its own, so the service may run meanwhile. If this is interrupted the
    baseline is missing, and listeners that need it stay closed: run it again, from the start.
    """
    async with units() as unit:
        await install_defaults(unit)
        after = await raise_consent_seq(unit.connection, above)
        total = (await unit.connection.execute(_COUNT)).scalar_one()
        await tell_rows(CUSTOMER_LISTS, await all_values(unit.connection), unit)
    told = 0
    for after_these, tell in (
        (customer_ids, _tell_customers),
        (contact_ids, _tell_contacts),
        (next_projects, tell_projects),
        (next_documents, _tell_documents),
    ):
        async for count in by_chunks(units, after_these, tell, chunk):
            told += count
            progress(told, max(told, total))
    async with units() as unit:
        baseline = ConsentBaselined(after, through=await consent_seq(unit.connection))
        unit.record(baseline)
    return baseline


# Both lock as those who change bans do: settings, then rows, then the counter. So nobody waits in a
# ring, and a change is either read here or has a higher number than what is told here.
async def _tell_customers(ids: Sequence[UUID], uow: UnitOfWork) -> None:
    locked = await lock_customers(uow.connection, ids)
    await tell_customer_bans(await tell_customers(locked, uow), uow)
    await tell_first_documents({}, await first_documents(uow.connection, locked), uow)


async def _tell_contacts(ids: Sequence[UUID], uow: UnitOfWork) -> None:
    settings = await fetch_settings(uow.connection, lock=True)
    locked = await lock_contacts(uow.connection, ids)
    await tell_contacts(locked, uow)
    bans = {one: bans_of(attributes, settings) for one, (_, attributes) in locked.items()}
    await tell_contact_bans(bans, uow)


async def _tell_documents(states: Sequence[DocumentState], uow: UnitOfWork) -> None:
    tell_documents(states, uow)


_COUNT = text(
    "SELECT (SELECT count(*) FROM customer) + (SELECT count(*) FROM contact)"
    " + (SELECT count(*) FROM erp_project) + (SELECT count(*) FROM erp_document)"
)
