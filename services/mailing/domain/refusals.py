"""What this service refuses, with stable slugs."""

from services.mailing.domain.gate import EXPLAINED, Reason
from shared.chassis.errors import Kind, Refusal


class SegmentNotFound(Refusal):
    """There is no such segment."""

    kind = Kind.NOT_FOUND
    slug = "segment_not_found"
    remedy = "List the segments at /v1/segments."


class UnknownValues(Refusal):
    """A rule names lists or values that do not exist, or are not known here yet."""

    slug = "unknown_values"
    remedy = (
        "Name values as GET /v1/lists of customers shows them. A value made a moment ago is known "
        "here in seconds; if it stays unknown, run `suhde republish customers`."
    )


class ClassificationsNotTold(Refusal):
    """What some customers or contacts hold was never told to this database."""

    kind = Kind.UNAVAILABLE
    slug = "classifications_not_told"
    remedy = "Run `suhde republish customers` once; docs/operations.md says more under Upgrade."


class BanNotFound(Refusal):
    """There is no such direct ban, or it was lifted."""

    kind = Kind.NOT_FOUND
    slug = "ban_not_found"
    remedy = "Send the ban_id that POST /v1/bans answered; other bans are lifted at customers."


class TopicNotFound(Refusal):
    """There is no such topic."""

    kind = Kind.NOT_FOUND
    slug = "topic_not_found"
    remedy = "List the topics at /v1/topics, or make it there."


class TopicExists(Refusal):
    """A topic has this key already."""

    kind = Kind.CONFLICT
    slug = "topic_exists"
    remedy = "Choose another key, or change the topic that has it."


class TopicArchived(Refusal):
    """Nothing is sent about this topic any more."""

    kind = Kind.CONFLICT
    slug = "topic_archived"
    remedy = "Name another topic, or set archived to false with PUT /v1/topics/{key}."


class ContactHasNoAddress(Refusal):
    """The contact has nothing that could be banned."""

    kind = Kind.CONFLICT
    slug = Reason.NO_ADDRESS.value
    remedy = "Ban the contact at customers: that holds for every address it will have."


class SuppressionKeyWrong(Exception):
    """The secret is another than the one that suppressed addresses were hashed by."""


class HandOffNotFound(Refusal):
    """There is no such hand-off."""

    kind = Kind.NOT_FOUND
    slug = "hand_off_not_found"
    remedy = "Send the hand_off_id that POST /v1/hand-offs answered."


class BanNotConfigured(Refusal):
    """The channel cannot be banned yet, so it is closed for marketing."""

    kind = Kind.CONFLICT
    slug = Reason.BAN_NOT_CONFIGURED.value
    remedy = EXPLAINED[Reason.BAN_NOT_CONFIGURED][1]


class ConsentNotFresh(Refusal):
    """The newest bans may be missing here, so marketing is closed."""

    kind = Kind.UNAVAILABLE
    slug = Reason.CONSENT_NOT_FRESH.value
    remedy = EXPLAINED[Reason.CONSENT_NOT_FRESH][1]


def channel_refusal(reason: Reason) -> Refusal:
    """Return the refusal of a whole channel."""
    detail = EXPLAINED[reason][0]
    if reason is Reason.BAN_NOT_CONFIGURED:
        return BanNotConfigured(detail)
    return ConsentNotFresh(detail)
