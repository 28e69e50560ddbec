"""The three bans: contact attributes that forbid one channel for marketing (LS-26 to LS-28).

Which attribute is which ban is told by settings that hold attribute numbers (LS-27). `NO_MARKETING`
forbids letter post and letter post only (LS-A4).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

CHANNEL_OF = {"NO_EMAIL": "email", "NO_SMS": "sms", "NO_MARKETING": "post"}
SETTING_OF = {channel: setting for setting, channel in CHANNEL_OF.items()}


@dataclass(frozen=True, slots=True)
class Bans:
    """True forbids that channel for marketing."""

    email: bool = False
    sms: bool = False
    post: bool = False


def bans_of(attributes: Collection[int], settings: Mapping[str, int | None]) -> Bans:
    """Return the bans that a contact's ticked attribute numbers mean under the settings."""
    return Bans(
        **{
            channel: (number := settings.get(setting)) is not None and number in attributes
            for setting, channel in CHANNEL_OF.items()
        }
    )


def configured(settings: Mapping[str, int | None]) -> Bans:
    """Return which channels have a ban setting that holds a number; the others refuse all sends."""
    return Bans(
        **{channel: settings.get(setting) is not None for setting, channel in CHANNEL_OF.items()}
    )
