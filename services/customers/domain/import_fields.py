"""What a column of an import can mean, and which meaning its header proposes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.customers.domain.bans import CHANNEL_OF
from services.customers.domain.lists import (
    ATTRIBUTES_OF,
    CATEGORY,
    CHOICES_OF,
    CONTACT_ATTRIBUTE,
    LISTS,
)
from shared.chassis.errors import InvalidField
from shared.chassis.headers import folded

CUSTOMER, CONTACT = "customer", "contact"

# Headers in English, Finnish, Swedish and Hungarian, folded as `folded` does. The first field that
# takes a header has it. No header of a status's code is here: it is ignored (VF-A9).
HEADERS: Mapping[str, str] = {
    "customer.ref": "customer ref|customer id|ref|id|erp id|external id|asiakastunnus|asiakas id|"
    "kundid|kund id|ugyfel azonosito|ugyfelazonosito|azonosito|customerid",
    "customer.number": "customer number|customer no|account number|number|asiakasnumero|asiakasnro|"
    "kundnummer|kundnr|ugyfelszam|vevokod|accountnumber|customer code",
    "customer.name": "name|customer|customer name|company|company name|account name|store|"
    "asiakas|asiakkaan nimi|yritys|yrityksen nimi|nimi|kund|kundnamn|foretag|foretagsnamn|namn|"
    "nev|ugyfel|ugyfel neve|ceg|cegnev|organisation|organization",
    "customer.business_id": "business id|vat number|vat id|tax number|tax id|company registration|"
    "y tunnus|ytunnus|alv tunnus|organisationsnummer|orgnr|org nr|momsnummer|"
    "adoszam|kozossegi adoszam|cegjegyzekszam",
    "customer.email": "customer email|company email|yrityksen sahkoposti|laskutussahkoposti|"
    "foretagets epost|ceges email",
    "customer.phone": "customer phone|company phone|switchboard|vaihde|yrityksen puhelin|vaxel|"
    "kozponti telefon",
    "customer.headcount": "headcount|employees|number of employees|staff|henkilosto|henkilomaara|"
    "tyontekijat|antal anstallda|anstallda|letszam|alkalmazottak szama",
    "customer.relationship_start": "relationship start|customer since|asiakkuus alkoi|"
    "asiakassuhde alkoi|kund sedan|ugyfel miota",
    "customer.customer_status": "status|customer status|tila|asiakkaan tila|asiakastila|kundstatus|"
    "statusz|allapot|ugyfel statusz",
    "customer.customer_type": "customer type|type|asiakastyyppi|tyyppi|kundtyp|ugyfeltipus|tipus",
    "customer.industry": "industry|toimiala|bransch|iparag|agazat",
    "customer.headcount_class": "headcount class|size class|kokoluokka|storleksklass|"
    "meretkategoria",
    "customer.end_reason": "end reason|paattymisen syy|paattymissyy|avslutsorsak|megszunes oka",
    "customer.customer_group": "customer group|group|asiakasryhma|ryhma|kundgrupp|ugyfelcsoport",
    "customer.customer_kind": "customer kind|kind|asiakaslaji|kundslag|partner tipus",
    "customer.customer_attribute": "customer attributes|attributes|ominaisuudet|egenskaper|"
    "jellemzok",
    "customer.product": "products|product|tuotteet|produkter|termekek",
    "customer.category": "customer category|customer categories|asiakkaan kategoria|kundkategori|"
    "ugyfel kategoria",
    "customer.contact_origin": "contact origin|kontaktin alkupera|kontaktens ursprung|"
    "kapcsolat eredete",
    "customer.customer_source": "customer source|source|asiakkaan lahde|lahde|kundkalla|forras",
    "contact.ref": "contact ref|contact id|person id|contactid|personid|yhteyshenkilon tunnus|"
    "henkilotunniste|kontakt id|kontaktid|kapcsolattarto azonosito|businessentityid",
    "contact.first_name": "first name|firstname|given name|etunimi|fornamn|keresztnev|utonev",
    "contact.last_name": "last name|lastname|surname|family name|sukunimi|efternamn|vezeteknev",
    "contact.email": "email|e mail|email address|emailaddress|sahkoposti|sahkopostiosoite|epost|"
    "e post|e postadress|email cim",
    "contact.mobile": "mobile|mobile phone|cell|cell phone|matkapuhelin|kannykka|gsm|mobil|"
    "mobiltelefon|mobilszam",
    "contact.phone": "phone|phone number|telephone|puhelin|puhelinnumero|telefon|telefonnummer|"
    "telefonszam|phonenumber",
    "contact.street": "street|street address|address|addressline1|osoite|katuosoite|lahiosoite|"
    "gatuadress|adress|utca|cim",
    "contact.postal_code": "postal code|postcode|zip|zip code|postalcode|postinumero|postnummer|"
    "iranyitoszam",
    "contact.city": "city|town|postal town|postitoimipaikka|kaupunki|ort|postort|stad|varos|"
    "telepules",
    "contact.country": "country|country code|maa|maakoodi|land|landskod|orszag|orszagkod|"
    "countryregioncode",
    "contact.language": "language|kieli|sprak|nyelv",
    "contact.category": "contact category|contact categories|yhteyshenkilon kategoria|"
    "kontaktkategori|kapcsolattarto kategoria",
    "contact.role": "role|title|job title|position|contacttype|titteli|tehtava|asema|rooli|"
    "befattning|roll|beosztas|szerepkor",
    "contact.ban.NO_EMAIL": "no email|no e mail|email ban|email optout|unsubscribed|"
    "sahkopostikielto|ei sahkopostia|ingen epost|nincs email",
    "contact.ban.NO_SMS": "no sms|sms ban|sms optout|tekstiviestikielto|ei tekstiviesteja|"
    "inga sms|nincs sms",
    "contact.ban.NO_MARKETING": "no marketing|no mail|do not mail|markkinointikielto|"
    "suoramarkkinointikielto|ingen reklam|reklam tiltas",
}
_PROPOSED = {name: field for field, names in HEADERS.items() for name in reversed(names.split("|"))}

YES = frozenset(
    ["1", "x", "y", "yes", "true", "k", "kylla", "on", "ja", "j", "sant", "i", "igen", "igaz"]
)
NO = frozenset(["0", "-", "n", "no", "false", "ei", "e", "nej", "falskt", "nem", "hamis"])

_TEXTS = {
    "customer": (
        *("ref", "number", "name", "business_id", "email", "phone"),
        *("street", "postal_code", "city", "country"),
    ),
    "contact": (
        *("ref", "first_name", "last_name", "email", "mobile", "phone"),
        *("street", "postal_code", "city", "country", "language", "role"),
    ),
}
_BOTH = ("email", "phone", "street", "postal_code", "city", "country")
_OTHER = ("customer.headcount", "customer.relationship_start")
# One value of a list, by its number.
_NUMBERED = re.compile(
    r"(?P<record>customer|contact)\.(?P<list>[a-z_]+)\.(?P<number>[1-9][0-9]{0,8})"
)
# What a column calls the lists of contacts that it can name.
_OF_CONTACTS = {"attribute": CONTACT_ATTRIBUTE, CATEGORY: CATEGORY}
MATCHES = ("ref", "number", "business_id")


@dataclass(frozen=True, eq=False)
class Column:
    """One column of the file, and what it means; asked for every cell, so worked out once."""

    place: int
    header: str
    to: str
    create_missing: bool = False

    @cached_property
    def record(self) -> str:
        """Return whether it tells of the customer or of the contact."""
        return self.to.partition(".")[0]

    @cached_property
    def field(self) -> str:
        """Return the field without the record."""
        return self.to.partition(".")[2]

    @cached_property
    def list_name(self) -> str | None:
        """Return the list whose value the cell names, or whose value it tells of; or None."""
        numbered = self.numbered
        if numbered is not None:
            return numbered[0]
        name = self.field
        return name if name == CATEGORY or (self.record == CUSTOMER and name in LISTS) else None

    @cached_property
    def ban(self) -> str | None:
        """Return the setting of the ban that yes sets; or None."""
        return self.field.removeprefix("ban.") if self.to.startswith("contact.ban.") else None

    @cached_property
    def numbered(self) -> tuple[str, int] | None:
        """Return list and number of the one value that the cell tells of; or None."""
        found = _NUMBERED.fullmatch(self.to)
        if found is None:
            return None
        name = found["list"]
        of_contacts = found["record"] == CONTACT
        return _OF_CONTACTS.get(name, "") if of_contacts else name, int(found["number"])

    @cached_property
    def attribute(self) -> tuple[str, int] | None:
        """Return list and number of the attribute that the cell ticks or gives a value; or None."""
        numbered = self.numbered
        return numbered if numbered is not None and numbered[0] in CHOICES_OF else None

    @cached_property
    def tick(self) -> tuple[str, int] | None:
        """Return list and number of the value that yes ticks and no takes away; or None."""
        return None if self.attribute is not None else self.numbered


def proposed(headers: Sequence[str]) -> dict[str, str]:
    """Return what these headers propose, by header; each field once, unknown headers not at all."""
    found: dict[str, str] = {}
    for header in headers:
        name = folded(header)
        field = _PROPOSED.get(name) or (header if is_field(header) else None)
        if field is not None and field not in found.values():
            found[header] = field
    if "contact.ref" in found.values():
        return found
    # Contacts go by a key of their own; without one an address is the customer's.
    own = {f"contact.{one}": f"customer.{one}" for one in _BOTH}
    told = {header: own.get(field, field) for header, field in found.items()}
    return {
        header: field
        for header, field in told.items()
        if field.startswith("customer.") and field not in set(found.values()) - {found[header]}
    }


def is_field(name: str) -> bool:
    """Tell whether a column can mean this."""
    record, _, field = name.partition(".")
    if field in _TEXTS.get(record, ()) or name in _OTHER:
        return True
    if record == CUSTOMER and field in LISTS and field not in ATTRIBUTES_OF:
        return CUSTOMER in LISTS[field].held_by
    if record == CONTACT and field == CATEGORY:
        return True
    if record == CONTACT and field.startswith("ban."):
        return field.removeprefix("ban.") in CHANNEL_OF
    found = _NUMBERED.fullmatch(name)
    if found is None:
        return False
    chosen = found["list"]
    if record == CONTACT:
        return chosen in _OF_CONTACTS
    return (
        chosen in LISTS
        and chosen not in ATTRIBUTES_OF
        and CUSTOMER in LISTS[chosen].held_by
        and LISTS[chosen].several
    )


def checked_columns(columns: Sequence[Column], match: Sequence[str]) -> None:
    """Refuse a mapping that could not say which record a row is about."""
    for column in columns:
        if not is_field(column.to):
            raise InvalidField(
                f"columns.{column.header}"[:200],
                f"{column.to[:60]!r} is no field of an import",
                "List them: GET /v1/import-fields.",
            )
        name = None if column.numbered is not None else column.list_name
        if column.create_missing and (name is None or LISTS[name].inside is not None):
            raise InvalidField(
                f"columns.{column.header}"[:200],
                "create_missing is for columns that name values of a list without groups",
                "Leave it out, and add the values to the list first.",
            )
    fields = [column.to for column in columns]
    twice = next((one for one in fields if fields.count(one) > 1), None)
    if twice is not None:
        raise InvalidField("columns", f"{twice} is meant by two columns", "Choose one of them.")
    records = {column.record for column in columns}
    if not records:
        raise InvalidField("columns", "no column means anything", "Map at least the key and name.")
    if CUSTOMER in records and not any(f"customer.{one}" in fields for one in match):
        raise InvalidField(
            "columns",
            f"no column is a key to find customers by ({', '.join(match)})",
            "Map customer.ref, or name another key in `match`.",
        )
    if CONTACT in records and "contact.ref" not in fields:
        raise InvalidField(
            "columns", "contacts need a key of their own", "Map contact.ref to a column."
        )
    if "contact.role" in fields and CUSTOMER not in records:
        raise InvalidField("columns", "a role is at a customer", "Map a key of the customer.")
