"""What we hear, and which handler takes it."""

from services.mailing.domain.addresses import HashOf
from services.mailing.handlers.change_bans import on_bans_changed
from services.mailing.handlers.consent import on_consent_baselined, on_consent_confirmed
from services.mailing.handlers.project_contacts import on_contact_deleted, on_contact_saved
from services.mailing.handlers.project_customers import (
    on_classification_saved,
    on_customer_deleted,
    on_customer_saved,
)
from shared.chassis.worker import Subscription
from shared.contracts import customers


def subscriptions(hash_of: HashOf) -> dict[str, Subscription]:
    """Return the handler of each event type that this service hears."""
    return {
        "customers.customer-saved.v1": Subscription(customers.CustomerSaved, on_customer_saved),
        "customers.customer-deleted.v1": Subscription(
            customers.CustomerDeleted, on_customer_deleted
        ),
        "customers.contact-saved.v1": Subscription(
            customers.ContactSaved, on_contact_saved(hash_of)
        ),
        "customers.contact-deleted.v1": Subscription(customers.ContactDeleted, on_contact_deleted),
        "customers.classification-saved.v1": Subscription(
            customers.ClassificationSaved, on_classification_saved
        ),
        "customers.bans-changed.v1": Subscription(customers.BansChanged, on_bans_changed(hash_of)),
        "customers.consent-confirmed.v1": Subscription(
            customers.ConsentConfirmed, on_consent_confirmed
        ),
        "customers.consent-baselined.v1": Subscription(
            customers.ConsentBaselined, on_consent_baselined
        ),
    }
