"""What this service refuses, with stable slugs."""

from collections.abc import Sequence

from services.mailing.domain.gate import EXPLAINED, Reason
from shared.chassis.errors import FieldProblem, Kind, Refusal


class SegmentNotFound(Refusal):
    """There is no such segment."""

    kind = Kind.NOT_FOUND
    slug = "segment_not_found"
    remedy = "List the segments at /v1/segments."


class SegmentBeingBuilt(Refusal):
    """The members of a new segment are not found yet."""

    kind = Kind.UNAVAILABLE
    slug = "segment_being_built"
    remedy = "Ask again in a moment; GET /v1/segments/{segment_id}/builds shows how far it is."


class MomentNotKnown(Refusal):
    """Of this moment it is not known who was a member, or why."""

    slug = "moment_not_known"
    remedy = (
        "Send a moment between the first rule of the segment and now; GET "
        "/v1/segments/{segment_id}/builds shows when its rules took over."
    )


class TooManySteps(Refusal):
    """Growth is asked for in more steps than are shown at once."""

    slug = "too_many_steps"
    remedy = "Ask by week or by month, or for fewer days."


class SegmentInUse(Refusal):
    """Other segments ask about this one."""

    kind = Kind.CONFLICT
    slug = "segment_in_use"
    remedy = "Change their rules first."


class SegmentsMisnamed(Refusal):
    """A rule asks about a segment that is not there, or that asks about this one in turn."""

    slug = "segments_misnamed"
    remedy = "List the segments at /v1/segments."


class UnknownValues(Refusal):
    """A rule names lists or values that do not exist, or are not known here yet."""

    slug = "unknown_values"
    remedy = (
        "Name values as GET /v1/lists of customers shows them. A value made a moment ago is known "
        "here in seconds; if it stays unknown, run `suhde republish customers`."
    )


class MalformedRuleText(Refusal):
    """The text is no rule; the detail says where it breaks off, and what was expected there."""

    slug = "malformed_rule_text"
    remedy = (
        "Change the text at this line and column; docs/how-to/segment-language.md has the forms."
    )

    def __init__(self, text: str, at: int, reason: str, expected: Sequence[str]) -> None:
        line, column = place_of(text, at)
        remedy = f"Write one of: {', '.join(expected)}." if len(expected) > 1 else None
        if len(expected) == 1:
            remedy = f"Write {expected[0]}."
        reason = f"line {line}, column {column}: {reason}"
        super().__init__(
            reason,
            remedy=remedy,
            fields=[FieldProblem("text", reason, remedy or self.remedy)],
            facts={"position": at, "line": line, "column": column, "expected": list(expected)},
        )


class UnknownTitles(Refusal):
    """Titles in a rule mean no value, or more than one."""

    slug = "unknown_titles"
    remedy = "Write a title that `candidates` shows, or the number of the value."


class RuleTextTooLong(Refusal):
    """A rule is longer as text than is read back."""

    slug = "rule_text_too_long"
    remedy = "Keep the rule as a tree, or divide it into segments that name each other."


class ClassificationsNotTold(Refusal):
    """What some customers or contacts hold was never told to this database."""

    kind = Kind.UNAVAILABLE
    slug = "classifications_not_told"
    remedy = "Run `suhde republish customers` once; docs/operations.md says more under Upgrade."


class ContactNotFound(Refusal):
    """There is no such contact here, or it is deleted."""

    kind = Kind.NOT_FOUND
    slug = "contact_not_found"
    remedy = "Send the id of a live contact; one saved a moment ago is known here in seconds."


class PinNotFound(Refusal):
    """The contact is not pinned in this segment."""

    kind = Kind.NOT_FOUND
    slug = "pin_not_found"
    remedy = "List the pins at /v1/segments/{segment_id}/pins."


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


class AudienceNotFound(Refusal):
    """There is no such audience."""

    kind = Kind.NOT_FOUND
    slug = "audience_not_found"
    remedy = "List the audiences at /v1/audiences."


class AudienceClosed(Refusal):
    """The audience was closed: nothing more is released by way of it."""

    kind = Kind.CONFLICT
    slug = "audience_closed"
    remedy = "Take a new audience of the segment; who was handed off in the campaign is left out."


class NotADeliveryReport(Refusal):
    """The mail is no delivery report, or tells of nobody who could not be reached."""

    slug = "not_a_delivery_report"
    remedy = (
        "Send delivery status notifications (RFC 3464) and abuse reports (RFC 5965) as they came. "
        "Nothing follows from any other mail: leave it out."
    )


class NotAMail(Refusal):
    """The body is said to be something else than a mail."""

    kind = Kind.UNSUPPORTED
    slug = "not_a_mail"
    remedy = "Send the mail as it came, as message/rfc822, or its body alone as multipart/report."


class SignatureInvalid(Refusal):
    """The provider is not known, has not signed this, or has signed it too long ago."""

    kind = Kind.FORBIDDEN
    slug = "signature_invalid"
    remedy = (
        "Sign the timestamp, a point and the body, as they are sent, with HMAC-SHA256 under a "
        "secret of POST /v1/report-providers, within 5 minutes."
    )


class ProviderNotFound(Refusal):
    """There is no such provider of reports."""

    kind = Kind.NOT_FOUND
    slug = "report_provider_not_found"
    remedy = "List the providers at /v1/report-providers."


class TooManySecrets(Refusal):
    """There are as many providers, or secrets of this one, as may be."""

    kind = Kind.CONFLICT
    slug = "too_many_report_secrets"
    remedy = "Remove a provider that reports no more, or wait until older secrets have run out."


class WebhookNotFound(Refusal):
    """There is no such webhook."""

    kind = Kind.NOT_FOUND
    slug = "webhook_not_found"
    remedy = "List the webhooks at /v1/webhooks."


class TooManyWebhooks(Refusal):
    """There are as many webhooks as may be."""

    kind = Kind.CONFLICT
    slug = "too_many_webhooks"
    remedy = "Remove one that is needed no more; one can be sent the moves of all segments."


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


def place_of(text: str, at: int) -> tuple[int, int]:
    """Return line and column of a place in a text, both from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
