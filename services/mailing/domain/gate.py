"""The consent gate: may this person be written to, on this channel, for this purpose?"""

from dataclasses import dataclass
from enum import StrEnum

from services.mailing.domain.channels import BANNED_BY_CUSTOMERS, Channel, Purpose


class Reason(StrEnum):
    """Why a recipient is refused; the slugs never change."""

    CONTACT_NOT_FOUND = "contact_not_found"
    NOT_MEMBER = "not_member"
    CONTACT_NOT_AT_CUSTOMER = "contact_not_at_customer"
    NO_ADDRESS = "no_address"
    BAN_NOT_CONFIGURED = "ban_not_configured"
    CONSENT_NOT_FRESH = "consent_not_fresh"
    BANNED = "banned"
    TOPIC_BANNED = "topic_banned"
    ALREADY_HANDED_OFF = "already_handed_off"
    ADDRESS_ALREADY_HANDED_OFF = "address_already_handed_off"


EXPLAINED: dict[Reason, tuple[str, str]] = {
    Reason.CONTACT_NOT_FOUND: (
        "The contact is not known here or is deleted.",
        "Create or restore the contact, or leave it out.",
    ),
    Reason.NOT_MEMBER: (
        "The contact is no member of the segment named in segment_id.",
        "Leave the contact out, or leave segment_id out to hand off whoever you name.",
    ),
    Reason.CONTACT_NOT_AT_CUSTOMER: (
        "The contact has no role at the customer named in customer_id.",
        "Name a customer of the contact, or leave customer_id out.",
    ),
    Reason.NO_ADDRESS: (
        "The contact has no address on this channel.",
        "Add the address; a letter needs street, postal code, city and country.",
    ),
    Reason.BAN_NOT_CONFIGURED: (
        "The ban of this channel has no attribute number, so nobody could have banned it.",
        "Set NO_EMAIL, NO_SMS or NO_MARKETING to the number of the attribute that bans.",
    ),
    Reason.CONSENT_NOT_FRESH: (
        "The newest bans are not known to have arrived here.",
        "Try again in a few seconds; if it lasts, look at the customers service and the broker.",
    ),
    Reason.BANNED: (
        "Marketing on this channel is banned for the contact, its customer or its address.",
        "Leave the contact out; ask /v1/reachability what bans it.",
    ),
    Reason.TOPIC_BANNED: (
        "This topic is banned on this channel for the contact or its address.",
        "Leave the contact out; other topics may be sent.",
    ),
    Reason.ALREADY_HANDED_OFF: (
        "The contact was handed off for this campaign, channel and purpose before.",
        "Do not send again; `earlier` is the first receipt.",
    ),
    Reason.ADDRESS_ALREADY_HANDED_OFF: (
        "Another contact with this address was handed off for this campaign, channel and purpose: "
        "of all who ask at once, the one with the smallest id.",
        "Do not send again; `earlier` is the receipt of the other contact.",
    ),
}
"""What each reason means and what would be accepted, in words."""


@dataclass(frozen=True, slots=True)
class Consent:
    """How far the news of bans goes, and which channels can be banned at all."""

    applied_through: int
    confirmed_seq: int
    fresh: bool
    age_seconds: float | None
    configured: frozenset[Channel]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the gate must know about one contact on one channel."""

    found: bool
    at_customer: bool
    address_key: str | None
    banned: bool
    topic_banned: bool = False
    member: bool = True


NOBODY = Candidate(found=False, at_customer=False, address_key=None, banned=False)
"""A contact that is not known."""


def refuses_channel(channel: Channel, purpose: Purpose, consent: Consent) -> Reason | None:
    """Return why nobody at all may be written to, or None."""
    if purpose is Purpose.SERVICE or channel not in BANNED_BY_CUSTOMERS:
        return None
    if channel not in consent.configured:
        return Reason.BAN_NOT_CONFIGURED
    return None if consent.fresh else Reason.CONSENT_NOT_FRESH


def decide(
    candidate: Candidate, channel: Channel, purpose: Purpose, consent: Consent
) -> Reason | None:
    """Return why the candidate must not be written to, or None if it may. Deny wins."""
    if not candidate.found:
        return Reason.CONTACT_NOT_FOUND
    if not candidate.member:
        return Reason.NOT_MEMBER
    if not candidate.at_customer:
        return Reason.CONTACT_NOT_AT_CUSTOMER
    if candidate.address_key is None:
        return Reason.NO_ADDRESS
    if purpose is Purpose.SERVICE:
        return None
    refused = refuses_channel(channel, purpose, consent)
    if refused is not None:
        return refused
    if candidate.banned:
        return Reason.BANNED
    return Reason.TOPIC_BANNED if candidate.topic_banned else None
