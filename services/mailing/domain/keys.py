"""The keys of gate rows: what a hand-off locks and a ban closes."""

from uuid import UUID

from services.mailing.domain.channels import Channel

GateKey = tuple[str, str]
"""Channel and key of one gate row."""

ADDRESS_PREFIX = "address:"
CONTACT_PREFIX = "contact:"
CUSTOMER_PREFIX = "customer:"
DIRECT_PREFIX = "direct:"


def contact_subject(contact_id: UUID) -> str:
    """Return the subject of bans on a contact; also its gate key."""
    return f"{CONTACT_PREFIX}{contact_id}"


def customer_subject(customer_id: UUID) -> str:
    """Return the subject of bans on a customer; also its gate key."""
    return f"{CUSTOMER_PREFIX}{customer_id}"


def is_subject(key: str) -> bool:
    """Tell whether a gate row is that of a contact or customer, and not of an address."""
    return key.startswith((CONTACT_PREFIX, CUSTOMER_PREFIX))


def direct_subject(ban_id: UUID) -> str:
    """Return the subject of a ban that was set here, on an address."""
    return f"{DIRECT_PREFIX}{ban_id}"


def address_gate(channel: Channel | str, address_key: str) -> GateKey:
    """Return the gate row of an address."""
    return str(channel), f"{ADDRESS_PREFIX}{address_key}"
