"""What this service refuses, with stable slugs."""

from services.mailing.domain.gate import EXPLAINED, Reason
from shared.chassis.errors import Kind, Refusal


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
