"""Every event type there is: its wire name (written down, never derived), data and listeners."""

from dataclasses import dataclass

from shared.contracts import activities, customers, erp, mailing, pipeline
from shared.contracts.types import Contract

ERP_EXCHANGE = "suhde.erp"
EVENTS_EXCHANGE = "suhde.events"

PROJECTING = ("activities", "pipeline", "mailing")
"""Who keeps a projection of customers, contacts and the lists that sort them."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One line of the catalogue. `heard_by` lists the services that must get it.

    A fleeting event is of no use once it was heard, such as question and answer of a heartbeat, and
    its late repetition does no harm: neither side keeps it for longer than an hour.
    """

    name: str
    model: type[Contract]
    heard_by: tuple[str, ...]
    fleeting: bool = False

    @property
    def publisher(self) -> str:
        """Return who may publish it."""
        return self.name.partition(".")[0]

    @property
    def exchange(self) -> str:
        """Return the exchange it is published to."""
        return ERP_EXCHANGE if self.publisher == "erp" else EVENTS_EXCHANGE


CATALOGUE: dict[str, EventType] = {
    event.name: event
    for event in (
        EventType("erp.invoice-posted.v1", erp.InvoicePosted, ("customers",)),
        EventType("erp.credit-note-posted.v1", erp.CreditNotePosted, ("customers",)),
        EventType("erp.invoice-voided.v1", erp.InvoiceVoided, ("customers",)),
        EventType("erp.sales-order-posted.v1", erp.SalesOrderPosted, ("customers",)),
        EventType("erp.sales-order-cancelled.v1", erp.SalesOrderCancelled, ("customers",)),
        EventType("erp.customer-saved.v1", erp.CustomerSaved, ("customers",)),
        EventType("erp.project-saved.v1", erp.ProjectSaved, ("customers",)),
        EventType("customers.customer-saved.v1", customers.CustomerSaved, PROJECTING),
        EventType("customers.customer-deleted.v1", customers.CustomerDeleted, PROJECTING),
        EventType("customers.contact-saved.v1", customers.ContactSaved, PROJECTING),
        EventType("customers.contact-deleted.v1", customers.ContactDeleted, PROJECTING),
        EventType("customers.classification-saved.v1", customers.ClassificationSaved, PROJECTING),
        EventType("customers.operation-completed.v1", customers.OperationCompleted, ()),
        EventType(
            "customers.first-invoice-posted.v1", customers.FirstInvoicePosted, ("activities",)
        ),
        EventType(
            "customers.first-sales-order-posted.v1",
            customers.FirstSalesOrderPosted,
            ("activities",),
        ),
        EventType("customers.relationship-started.v1", customers.RelationshipStarted, ()),
        EventType("customers.relationship-ended.v1", customers.RelationshipEnded, ()),
        EventType(
            "customers.document-recorded.v1", customers.DocumentRecorded, ("pipeline", "mailing")
        ),
        EventType("customers.rule-violated.v1", customers.RuleViolated, ()),
        EventType("customers.project-recorded.v1", customers.ProjectRecorded, ("pipeline",)),
        EventType("customers.bans-changed.v1", customers.BansChanged, ("mailing",)),
        EventType(
            "customers.consent-confirmed.v1",
            customers.ConsentConfirmed,
            ("mailing",),
            fleeting=True,
        ),
        EventType("customers.consent-baselined.v1", customers.ConsentBaselined, ("mailing",)),
        EventType("customers.person-erased.v1", customers.PersonErased, PROJECTING),
        EventType(
            "mailing.consent-probed.v1", mailing.ConsentProbed, ("customers",), fleeting=True
        ),
        EventType("mailing.contact-unsubscribed.v1", mailing.ContactUnsubscribed, ("customers",)),
        EventType("mailing.address-bounced.v1", mailing.AddressBounced, ()),
        EventType("mailing.recipient-handed-off.v1", mailing.RecipientHandedOff, ()),
        EventType("mailing.segment-members-changed.v1", mailing.SegmentMembersChanged, ()),
        EventType(
            "activities.activity-saved.v1", activities.ActivitySaved, ("pipeline", "mailing")
        ),
        EventType("activities.activity-deleted.v1", activities.ActivityDeleted, ("mailing",)),
        EventType(
            "activities.classification-saved.v1", activities.ClassificationSaved, ("mailing",)
        ),
        EventType("activities.target-progressed.v1", activities.TargetProgressed, ()),
        EventType("activities.target-reached.v1", activities.TargetReached, ()),
        EventType("pipeline.user-group-saved.v1", pipeline.UserGroupSaved, ("activities",)),
        EventType("pipeline.opportunity-closed.v1", pipeline.OpportunityClosed, ("activities",)),
        EventType("pipeline.opportunity-saved.v1", pipeline.OpportunitySaved, ("mailing",)),
        EventType("pipeline.opportunity-deleted.v1", pipeline.OpportunityDeleted, ("mailing",)),
        EventType("pipeline.opportunity-stage-changed.v1", pipeline.OpportunityStageChanged, ()),
        EventType("pipeline.opportunity-went-stale.v1", pipeline.OpportunityWentStale, ()),
        EventType("pipeline.classification-saved.v1", pipeline.ClassificationSaved, ("mailing",)),
    )
}

FLEETING = frozenset(event.name for event in CATALOGUE.values() if event.fleeting)
NAMES: dict[type[Contract], str] = {event.model: name for name, event in CATALOGUE.items()}


def heard_by(service: str) -> tuple[EventType, ...]:
    """Return the types a service listens to: its bindings, over every bus."""
    return tuple(event for event in CATALOGUE.values() if service in event.heard_by)
