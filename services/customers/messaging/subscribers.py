"""What we hear, and which handler takes it."""

from collections.abc import Collection
from zoneinfo import ZoneInfo

from services.customers.handlers.on_consent_probed import on_consent_probed
from services.customers.handlers.on_contact_unsubscribed import on_contact_unsubscribed
from services.customers.handlers.on_customer_saved import on_customer_saved
from services.customers.handlers.on_document_posted import on_document_posted
from services.customers.handlers.on_project_saved import on_project_saved
from shared.chassis.worker import Subscription
from shared.contracts import erp, mailing


def subscriptions(
    *, zone: ZoneInfo, region: str, countries: Collection[str]
) -> dict[str, Subscription]:
    """Return the handler of each event type that this service hears."""
    documents = on_document_posted(zone, countries)
    return {
        "erp.invoice-posted.v1": Subscription(erp.InvoicePosted, documents),
        "erp.credit-note-posted.v1": Subscription(erp.CreditNotePosted, documents),
        "erp.invoice-voided.v1": Subscription(erp.InvoiceVoided, documents),
        "erp.sales-order-posted.v1": Subscription(erp.SalesOrderPosted, documents),
        "erp.sales-order-cancelled.v1": Subscription(erp.SalesOrderCancelled, documents),
        "erp.customer-saved.v1": Subscription(
            erp.CustomerSaved, on_customer_saved(region, countries)
        ),
        "erp.project-saved.v1": Subscription(erp.ProjectSaved, on_project_saved(countries)),
        "mailing.consent-probed.v1": Subscription(mailing.ConsentProbed, on_consent_probed),
        "mailing.contact-unsubscribed.v1": Subscription(
            mailing.ContactUnsubscribed, on_contact_unsubscribed
        ),
    }
