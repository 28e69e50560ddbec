"""What we tell: each domain event translated, field by field and on purpose, into its contract."""

from functools import singledispatch

from services.activities.domain import events
from shared.chassis.messages import Publication
from shared.contracts import activities as told
from shared.contracts.wiring import publication
from shared.lists.events import ListValueRemoved, ListValueSaved

SOURCE = "/suhde/activities"


@singledispatch
def translate(event: object) -> Publication:
    """Return the public form of a domain event."""
    raise TypeError(f"{type(event).__name__} has no publication")


@translate.register
def _(event: events.ActivitySaved) -> Publication:
    return publication(
        told.ActivitySaved(
            activity_id=event.activity_id,
            version=event.version,
            customer_id=event.customer_id,
            contacts=list(event.contacts),
            opportunity_id=event.opportunity_id,
            follows=event.follows,
            category=event.category,
            kind=event.kind,
            type=event.type,
            attributes=list(event.attributes),
            seller=event.seller,
            participants=list(event.participants),
            state=event.state,
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            due_at=event.due_at,
            channel=event.channel,
            direction=event.direction,
            subject=event.subject,
            counts_to_target=event.counts_to_target,
        ),
        subject=f"activity/{event.activity_id}",
    )


@translate.register
def _(event: events.ActivityDeleted) -> Publication:
    return publication(
        told.ActivityDeleted(activity_id=event.activity_id, version=event.version),
        subject=f"activity/{event.activity_id}",
    )


@translate.register
def _(event: ListValueSaved) -> Publication:
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
            flags=event.flags,
            facts=event.texts,
        ),
        subject=f"classification/{event.value_id}",
    )


@translate.register
def _(event: ListValueRemoved) -> Publication:
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


def _progress(event: events.TargetProgressed) -> dict[str, object]:
    return {
        "target_id": event.target_id,
        "version": event.version,
        "seller": event.seller,
        "group_id": event.group_id,
        "category": event.category,
        "period": event.period,
        "first_day": event.first_day,
        "done": event.done,
        "wanted": event.wanted,
    }


@translate.register
def _(event: events.TargetProgressed) -> Publication:
    return publication(
        told.TargetProgressed.model_validate(_progress(event)),
        subject=f"target/{event.target_id}/{event.first_day}",
    )


@translate.register
def _(event: events.TargetReached) -> Publication:
    return publication(
        told.TargetReached.model_validate(_progress(event)),
        subject=f"target/{event.target_id}/{event.first_day}",
    )
