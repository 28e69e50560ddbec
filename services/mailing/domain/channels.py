"""The channels one can be reached on, and what for."""

from enum import StrEnum


class Channel(StrEnum):
    """A way to reach a person; `post` is letter post and nothing else, `call` a telephone call."""

    EMAIL = "email"
    SMS = "sms"
    POST = "post"
    CALL = "call"


BANNED_BY_CUSTOMERS = (Channel.EMAIL, Channel.SMS, Channel.POST)
"""The channels that the three bans of customers speak of; nobody bans a call there."""


class Purpose(StrEnum):
    """What a message is for: bans stop marketing only, never an invoice or a reminder."""

    MARKETING = "marketing"
    SERVICE = "service"
