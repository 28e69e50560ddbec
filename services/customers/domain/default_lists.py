"""What the lists hold at first, in four languages; every value can be edited freely afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.customers.domain.lists import (
    CUSTOMER_KIND,
    CUSTOMER_STATUS,
    END_REASON,
    HEADCOUNT_CLASS,
    STATUS_GROUP,
    FactValue,
)


@dataclass(frozen=True, slots=True)
class DefaultValue:
    """A value to install; `members` are numbers, which count from 1 in the order of this file."""

    titles: Mapping[str, str]
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    members: tuple[int, ...] = ()


def _value(en: str, fi: str, sv: str, hu: str, **facts: FactValue) -> DefaultValue:
    return DefaultValue({"en": en, "fi": fi, "sv": sv, "hu": hu}, facts)


def _bundle(en: str, fi: str, sv: str, hu: str, members: tuple[int, ...]) -> DefaultValue:
    return DefaultValue({"en": en, "fi": fi, "sv": sv, "hu": hu}, members=members)


DEFAULT_LISTS: dict[str, tuple[DefaultValue, ...]] = {
    # The statuses that VF-03 names.
    CUSTOMER_STATUS: (
        _value(
            "Customer",
            "Asiakas",
            "Kund",
            "Ügyfél",
            selectable_in_project=True,
            selectable_as_supplier=True,
            default=True,
        ),
        _value(
            "Potential customer",
            "Potentiaalinen asiakas",
            "Potentiell kund",
            "Potenciális ügyfél",
            colour="#E8F1FB",
        ),
        _value(
            "Partner",
            "Yhteistyökumppani",
            "Samarbetspartner",
            "Partner",
            selectable_in_project=True,
            selectable_as_supplier=True,
        ),
        _value("Competitor", "Kilpailija", "Konkurrent", "Versenytárs", colour="#FBEFE8"),
        _value(
            "Former customer",
            "Päättynyt asiakkuus",
            "Tidigare kund",
            "Korábbi ügyfél",
            ended=True,
            colour="#E5E5E5",
        ),
    ),
    STATUS_GROUP: (
        _bundle(
            "Customers and partners",
            "Asiakkaat ja kumppanit",
            "Kunder och partner",
            "Ügyfelek és partnerek",
            (1, 3),
        ),
        _bundle("Ended", "Päättyneet", "Avslutade", "Lezárult kapcsolatok", (5,)),
    ),
    "customer_type": (
        _value("A", "A", "A", "A"),
        _value("B", "B", "B", "B"),
        _value("C", "C", "C", "C"),
        _value("Key customer", "Avainasiakas", "Nyckelkund", "Kulcsügyfél"),
    ),
    HEADCOUNT_CLASS: (
        _value("1 to 9", "1–9", "1–9", "1–9 fő", min=1, max=9),
        _value("10 to 49", "10–49", "10–49", "10–49 fő", min=10, max=49),
        _value("50 to 249", "50–249", "50–249", "50–249 fő", min=50, max=249),
        _value("250 or more", "250 tai enemmän", "250 eller fler", "250 fő vagy több", min=250),
    ),
    END_REASON: (
        _value("Price", "Hinta", "Pris", "Ár"),
        _value(
            "Went to a competitor",
            "Siirtyi kilpailijalle",
            "Gick till konkurrent",
            "Versenytárshoz ment",
        ),
        _value(
            "Business ended",
            "Toiminta päättyi",
            "Verksamheten upphörde",
            "Megszűnt a tevékenység",
        ),
        _value("Dissatisfied", "Tyytymätön", "Missnöjd", "Elégedetlen"),
    ),
    CUSTOMER_KIND: (
        _value("Customer", "Asiakas", "Kund", "Vevő"),
        _value("Supplier", "Toimittaja", "Leverantör", "Szállító", supplier=True, prefix="S"),
    ),
}
