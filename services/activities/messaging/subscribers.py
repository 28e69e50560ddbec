"""What we hear, and which handler takes it."""

from functools import partial
from zoneinfo import ZoneInfo

from services.activities.domain.milestones import MilestoneKind
from services.activities.handlers.keep_milestones import on_first_document, on_opportunity_closed
from services.activities.handlers.on_person_erased import (
    Clean,
    on_contact_deleted,
    on_person_erased,
)
from services.activities.handlers.project_customers import on_customer_deleted, on_customer_saved
from services.activities.handlers.project_groups import on_user_group_saved
from shared.chassis.worker import Subscription
from shared.contracts import customers, pipeline
from shared.projection.handlers import on_classification_saved, on_contact_saved


def subscriptions(zone: ZoneInfo, clean: Clean) -> dict[str, Subscription]:
    """Return the handler of each event type that this service hears; days are of the zone.

    `clean` wakes who removes the bytes of erased attachments.
    """
    return {
        "customers.customer-saved.v1": Subscription(
            customers.CustomerSaved, on_customer_saved(zone)
        ),
        "customers.customer-deleted.v1": Subscription(
            customers.CustomerDeleted, on_customer_deleted(zone)
        ),
        "customers.contact-saved.v1": Subscription(customers.ContactSaved, on_contact_saved),
        "customers.contact-deleted.v1": Subscription(
            customers.ContactDeleted, partial(on_contact_deleted, clean=clean)
        ),
        "customers.person-erased.v1": Subscription(
            customers.PersonErased, partial(on_person_erased, clean=clean)
        ),
        "customers.classification-saved.v1": Subscription(
            customers.ClassificationSaved, on_classification_saved
        ),
        "customers.first-invoice-posted.v1": Subscription(
            customers.FirstInvoicePosted, on_first_document(MilestoneKind.FIRST_INVOICE, zone)
        ),
        "customers.first-sales-order-posted.v1": Subscription(
            customers.FirstSalesOrderPosted,
            on_first_document(MilestoneKind.FIRST_SALES_ORDER, zone),
        ),
        "pipeline.opportunity-closed.v1": Subscription(
            pipeline.OpportunityClosed, on_opportunity_closed
        ),
        "pipeline.user-group-saved.v1": Subscription(
            pipeline.UserGroupSaved, on_user_group_saved(zone)
        ),
    }
