"""What a column of an import of activities can mean, and which meaning its header proposes."""

from collections.abc import Mapping, Sequence

from shared.chassis.errors import InvalidField
from shared.chassis.headers import folded

REF, CUSTOMER, CATEGORY = "ref", "customer", "category"
NEEDED = (REF, CUSTOMER, CATEGORY)

# Headers in English, Finnish, Swedish and Hungarian, folded. The first field that takes one has it.
HEADERS: Mapping[str, str] = {
    REF: "ref|id|activity id|activity ref|event id|call id|external id|tunnus|tapahtuma id|"
    "tapahtumatunnus|handelse id|azonosito",
    CUSTOMER: "customer|customer number|customer no|customer id|account|account number|asiakas|"
    "asiakasnumero|asiakasnro|kund|kundnummer|kundnr|ugyfel|ugyfelszam",
    CATEGORY: "category|event category|kategoria|luokka|kategori",
    "subject": "subject|title|topic|summary|aihe|otsikko|amne|rubrik|targy",
    "memo": "memo|note|notes|description|comment|comments|muistio|kuvaus|kommentti|anteckning|"
    "beskrivning|megjegyzes|leiras",
    "result": "result|outcome|tulos|lopputulos|resultat|eredmeny",
    "seller": "seller|owner|assigned to|agent|sales rep|user|myyja|vastuuhenkilo|saljare|elado",
    "participants": "participants|attendees|osallistujat|deltagare|resztvevok",
    "kind": "kind|laji|slag|fajta",
    "type": "type|event type|tyyppi|typ|tipus",
    "attributes": "attributes|tags|maareet|attribuutit|attribut|jelzok",
    "state": "state|status|tila|tillstand|allapot",
    "starts_at": "starts at|start|date|start date|day|datetime|when|pvm|paivamaara|alkaa|aloitus|"
    "datum|borjar|kezdete",
    "time": "time|start time|klo|kello|kellonaika|aika|tid|klockslag|ido",
    "ends_at": "ends at|end|end date|paattyy|loppuu|slutar|slut|vege",
    "duration": "duration|duration minutes|minutes|length|kesto|kesto minuutteina|langd|minuter|"
    "idotartam",
    "due_at": "due at|due|due date|deadline|maarapaiva|erapaiva|forfaller|hatarido",
    "channel": "channel|contact type|kanava|kanal|csatorna",
    "direction": "direction|suunta|riktning|irany",
}
_PROPOSED = {name: field for field, names in HEADERS.items() for name in reversed(names.split("|"))}


def proposed(headers: Sequence[str]) -> dict[str, str]:
    """Return what these headers propose, by header; each field once, unknown headers not at all."""
    found: dict[str, str] = {}
    for header in headers:
        field = _PROPOSED.get(folded(header))
        if field is not None and field not in found.values():
            found[header] = field
    return found


def checked_mapping(columns: Sequence[str], meanings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return what columns mean, by header; refuse what would leave a row without its key."""
    found: dict[str, str] = {}
    for header, field in meanings:
        if header not in columns:
            raise InvalidField(
                f"columns.{header}"[:200],
                "the file has no such column",
                f"It has: {', '.join(columns)[:500]}.",
            )
        if field not in HEADERS:
            raise InvalidField(
                f"columns.{header}"[:200],
                f"{field[:60]!r} is no field of an activity",
                f"Choose one of: {', '.join(HEADERS)}.",
            )
        if field in found.values() or header in found:
            raise InvalidField(
                "columns", f"{header!r} or {field} is named twice", "Name each once."
            )
        found[header] = field
    for field in NEEDED:
        if field not in found.values():
            raise InvalidField(
                "columns",
                f"no column is the {field}",
                "Map one: each row needs its own key, a customer and a category.",
            )
    return found
