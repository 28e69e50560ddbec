"""What a column of an import of activities can mean, and which headers propose it."""

from shared.imports.fields import CUSTOMER, REF, ImportFields

# Headers in English, Finnish, Swedish and Hungarian, folded. The first field that takes one has it.
_HEADERS = {
    REF: "ref|id|activity id|activity ref|event id|call id|external id|tunnus|tapahtuma id|"
    "tapahtumatunnus|handelse id|azonosito",
    CUSTOMER: "customer|customer number|customer no|customer id|account|account number|asiakas|"
    "asiakasnumero|asiakasnro|kund|kundnummer|kundnr|ugyfel|ugyfelszam",
    "category": "category|event category|kategoria|luokka|kategori",
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
FIELDS = ImportFields(
    record="activity",
    many="activities",
    headers=_HEADERS,
    needed=(REF, CUSTOMER, "category"),
    needs="its own key, a customer and a category",
    file="calls.csv",
    content="ref;customer;category;date;memo\n7;1001;Lead;2026-01-31;Hi\n",
    columns=(REF, CUSTOMER, "category"),
    called={"customer_id": CUSTOMER, "duration_minutes": "duration"},
)
