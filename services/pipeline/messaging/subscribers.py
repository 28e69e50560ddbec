"""What we hear, and which handler takes it."""

from services.pipeline.handlers.note_activities import on_activity_saved
from services.pipeline.handlers.on_person_erased import on_contact_deleted, on_person_erased
from services.pipeline.handlers.project_documents import on_document_recorded
from services.pipeline.handlers.project_projects import on_project_recorded
from shared.chassis.worker import Subscription
from shared.contracts import activities, customers
from shared.projection.handlers import (
    on_classification_saved,
    on_contact_saved,
    on_customer_deleted,
    on_customer_saved,
)


def subscriptions() -> dict[str, Subscription]:
    """Return the handler of each event type that this service hears."""
    return {
        "customers.customer-saved.v1": Subscription(customers.CustomerSaved, on_customer_saved),
        "customers.customer-deleted.v1": Subscription(
            customers.CustomerDeleted, on_customer_deleted
        ),
        "customers.contact-saved.v1": Subscription(customers.ContactSaved, on_contact_saved),
        "customers.contact-deleted.v1": Subscription(customers.ContactDeleted, on_contact_deleted),
        "customers.person-erased.v1": Subscription(customers.PersonErased, on_person_erased),
        "customers.classification-saved.v1": Subscription(
            customers.ClassificationSaved, on_classification_saved
        ),
        "customers.document-recorded.v1": Subscription(
            customers.DocumentRecorded, on_document_recorded
        ),
        "customers.project-recorded.v1": Subscription(
            customers.ProjectRecorded, on_project_recorded
        ),
        "activities.activity-saved.v1": Subscription(activities.ActivitySaved, on_activity_saved),
    }
