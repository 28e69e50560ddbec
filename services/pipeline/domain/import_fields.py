"""What a column of an import of opportunities can mean, and which headers propose it."""

from shared.imports.fields import CUSTOMER, REF, ImportFields

# Headers in English, Finnish, Swedish and Hungarian, folded. The first field that takes one has it.
_HEADERS = {
    REF: "ref|id|opportunity id|opportunity ref|deal id|external id|tunnus|kaupan tunnus|"
    "affars id|azonosito",
    CUSTOMER: "customer|customer number|customer no|customer id|account|account number|asiakas|"
    "asiakasnumero|asiakasnro|kund|kundnummer|kundnr|ugyfel|ugyfelszam",
    "project": "project|project ref|project number|projekti|projektinumero|projekt|projektnummer|"
    "projektszam",
    "name": "name|opportunity|opportunity name|deal|deal name|title|subject|nimi|kauppa|otsikko|"
    "namn|affar|nev|targy",
    "value": "value|amount|deal value|sum|arvo|summa|varde|belopp|ertek|osszeg",
    "currency": "currency|currency code|valuutta|valuta|penznem|deviza",
    "expected_close": "expected close|expected close date|close date|closing date|expected|"
    "odotettu paatos|arvioitu paatos|forvantat avslut|varhato lezaras",
    "pipeline": "pipeline|sales process|myyntiprosessi|saljprocess|ertekesitesi folyamat",
    "stage": "stage|step|phase|deal stage|vaihe|steg|fas|szakasz",
    "probability": "probability|probability percent|win probability|todennakoisyys|sannolikhet|"
    "valoszinuseg",
    "sellers": "sellers|seller|owner|deal owner|sales rep|assigned to|myyja|myyjat|"
    "vastuuhenkilo|saljare|elado|eladok",
    "type": "type|opportunity type|deal type|tyyppi|typ|tipus",
    "source": "source|lead source|lahde|kalla|forras",
    "rejection": "rejection|rejection reason|lost reason|loss reason|reason|hylkayssyy|"
    "menetyksen syy|forlustorsak|elutasitas oka",
    "closed_on": "closed on|closed|won on|lost on|actual close date|paatetty|suljettu|avslutad|"
    "lezarva",
    "memo": "memo|note|notes|description|comment|comments|muistio|kuvaus|kommentti|anteckning|"
    "beskrivning|megjegyzes|leiras",
}
FIELDS = ImportFields(
    record="opportunity",
    many="opportunities",
    headers=_HEADERS,
    needed=(REF,),
    needs="its own key",
    file="pipeline.csv",
    content="ref;customer;name;value;expected close;stage\n7;1001;Lift;1200,50;18.12.2026;2\n",
    columns=(REF, CUSTOMER, "name"),
    called={"customer_id": CUSTOMER, "project_ref": "project", "lines": "value"},
)
