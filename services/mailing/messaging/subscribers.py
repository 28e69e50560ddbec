"""What we hear, and which handler takes it."""

from zoneinfo import ZoneInfo

from services.mailing.domain.addresses import HashOf
from services.mailing.handlers.change_bans import on_bans_changed
from services.mailing.handlers.consent import on_consent_baselined, on_consent_confirmed
from services.mailing.handlers.erase_persons import on_contact_deleted, on_person_erased
from services.mailing.handlers.project_activities import on_activity_deleted, on_activity_saved
from services.mailing.handlers.project_contacts import on_contact_saved
from services.mailing.handlers.project_customers import on_customer_deleted, on_customer_saved
from services.mailing.handlers.project_documents import on_document_recorded
from services.mailing.handlers.project_opportunities import (
    on_opportunity_deleted,
    on_opportunity_saved,
)
from services.mailing.handlers.project_values import on_classification_saved
from shared.chassis.worker import Subscription
from shared.contracts import activities, customers, pipeline


def subscriptions(zone: ZoneInfo, hash_of: HashOf) -> dict[str, Subscription]:
    """Return the handler of each event type that this service hears; days are of the zone."""
    return {
        "customers.customer-saved.v1": Subscription(customers.CustomerSaved, on_customer_saved),
        "customers.customer-deleted.v1": Subscription(
            customers.CustomerDeleted, on_customer_deleted
        ),
        "customers.contact-saved.v1": Subscription(
            customers.ContactSaved, on_contact_saved(hash_of)
        ),
        "customers.contact-deleted.v1": Subscription(
            customers.ContactDeleted, on_contact_deleted(hash_of)
        ),
        "customers.person-erased.v1": Subscription(
            customers.PersonErased, on_person_erased(hash_of)
        ),
        "customers.classification-saved.v1": Subscription(
            customers.ClassificationSaved, on_classification_saved
        ),
        "customers.document-recorded.v1": Subscription(
            customers.DocumentRecorded, on_document_recorded
        ),
        "activities.activity-saved.v1": Subscription(
            activities.ActivitySaved, on_activity_saved(zone)
        ),
        "activities.activity-deleted.v1": Subscription(
            activities.ActivityDeleted, on_activity_deleted
        ),
        "activities.classification-saved.v1": Subscription(
            activities.ClassificationSaved, on_classification_saved
        ),
        "pipeline.opportunity-saved.v1": Subscription(
            pipeline.OpportunitySaved, on_opportunity_saved
        ),
        "pipeline.opportunity-deleted.v1": Subscription(
            pipeline.OpportunityDeleted, on_opportunity_deleted
        ),
        "pipeline.classification-saved.v1": Subscription(
            pipeline.ClassificationSaved, on_classification_saved
        ),
        "customers.bans-changed.v1": Subscription(customers.BansChanged, on_bans_changed(hash_of)),
        "customers.consent-confirmed.v1": Subscription(
            customers.ConsentConfirmed, on_consent_confirmed
        ),
        "customers.consent-baselined.v1": Subscription(
            customers.ConsentBaselined, on_consent_baselined
        ),
    }
