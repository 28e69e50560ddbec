"""The settings of the customer register, by the names of the manuals."""

from dataclasses import dataclass

from shared.chassis.errors import InvalidField, Kind, Refusal

SWITCHES = ("STARTDATE_INVOICE", "STARTDATE_SALESORDER")
BAN_NUMBERS = ("NO_MARKETING", "NO_SMS", "NO_EMAIL")
ROLE_NUMBERS = ("CONTACT_NUMBER", "CONTACT_PURCHASE", "CONTACT_SALES")
NAMES = (*SWITCHES, *BAN_NUMBERS, *ROLE_NUMBERS)

ON, OFF = 1, 2


class SettingNotFound(Refusal):
    """There is no setting of that name."""

    kind = Kind.NOT_FOUND
    slug = "setting_not_found"
    remedy = f"The settings are: {', '.join(NAMES)}."


@dataclass(frozen=True, slots=True)
class StartRule:
    """Which kinds of documents may begin a relationship (LS-30)."""

    invoice: bool
    sales_order: bool


def check_setting(name: str, value: int | None) -> None:
    """Refuse a name that is none, and a switch that is neither 1 nor 2 (LS-A3)."""
    if name not in NAMES:
        raise SettingNotFound(f"There is no setting {name[:60]!r}.")
    if name in SWITCHES and value not in (ON, OFF, None):
        raise InvalidField("value", f"{value} is neither 1 nor 2", "Send 1 for on or 2 for off.")
    if name not in SWITCHES and value is not None and value < 1:
        raise InvalidField("value", f"{value} is no attribute number", "Send a number from 1 up.")


def start_rule(settings: dict[str, int | None]) -> StartRule:
    """Return the rule the two switches make; an unset switch is off (LS-A3)."""
    return StartRule(
        invoice=settings.get("STARTDATE_INVOICE") == ON,
        sales_order=settings.get("STARTDATE_SALESORDER") == ON,
    )
