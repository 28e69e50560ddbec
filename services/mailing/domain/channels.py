"""The channels one can be written to, and what a message is for."""

from enum import StrEnum


class Channel(StrEnum):
    """A way to reach a person; `post` is letter post and nothing else."""

    EMAIL = "email"
    SMS = "sms"
    POST = "post"


class Purpose(StrEnum):
    """What a message is for: bans stop marketing only, never an invoice or a reminder."""

    MARKETING = "marketing"
    SERVICE = "service"
