"""Real dirty tables: what becomes of each row, looked at by hand (origins: files/NOTICE.md)."""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.integration.customers.api_helpers import made
from tests.integration.customers.importing import (
    SOURCE,
    customer_by,
    fates,
    mapped,
    ran,
    rehearsed,
    uploaded,
    workbook,
)

FILES = Path(__file__).parent / "files"
NO_PHONE = "is no valid phone number"
NO_KEY = "is empty, and so is every other key to find the customer by"
Outcome = dict[str, Any]


def content_of(name: str) -> bytes:
    return (FILES / name).read_bytes()


async def outcome(
    api: httpx.AsyncClient, content: bytes, mapping: Mapping[str, str] | None, **said: Any
) -> tuple[Outcome, list[dict[str, Any]]]:
    """Rehearse and run; return the lines by fate, and by what each refused cell is told."""
    url = await mapped(api, content, mapping, **said)
    assert await rehearsed(api, url) == await ran(api, url)
    rows = await fates(api, url)
    lines: dict[str, list[int]] = defaultdict(list)
    refused: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows:
        if row["fate"] != "refused":
            lines[row["fate"]].append(row["line"])
        for problem in row["problems"]:
            assert problem["remedy"]
            refused[problem["column"], problem["reason"]].append(row["line"])
    return {**lines, "refused": dict(refused)}, rows


async def contact_in(api: httpx.AsyncClient, row: dict[str, Any]) -> dict[str, Any]:
    return dict((await api.get(f"/v1/contacts/{row['contact_id']}")).json())


def no_vat(vat: str) -> tuple[str, str]:
    reason = f"{vat!r} has the form of a VAT number of {vat[:2]} and its check digit is wrong"
    return "VAT", reason


async def test_parties_of_electronic_invoices(api: httpx.AsyncClient) -> None:
    """A byte order mark, shared keys, sentences for VAT numbers, many countries."""
    content = content_of("en16931-parties.csv")
    assert (await uploaded(api, content))["encoding"] == "utf-8-sig"
    fields = {
        "EndpointID": "customer.ref",
        "RegistrationName": "customer.name",
        "VAT": "customer.business_id",
        "StreetName": "customer.street",
        "PostalZone": "customer.postal_code",
        "CityName": "customer.city",
        "Country": "customer.country",
        "Telephone": "customer.phone",
        "ElectronicMail": "customer.email",
    }

    found, _ = await outcome(api, content, fields, match=["ref", "business_id"])

    assert found == {
        "created": [
            *(4, 10, 12, 14, 16, 17, 26, 30, 32, 34, 35, 42, 46),
            *(52, 54, 55, 56, 62, 66, 68),
        ],
        # 9876543210 is seven firms in turn; line 40 shares 1234567890, 53 a VAT number.
        "changed": [7, 9, 18, 22, 24, 28, 38, 40, 53],
        "refused": {
            # They are digits short, seen from Sweden, Norway or the Netherlands.
            ("Telephone", NO_PHONE): [2, 29, 36, 41, 60, 63, 64],
            no_vat("SE123456789001"): [3, 11, 19, 23, 27, 37, 50],
            no_vat("SE112233445501"): [8],
            no_vat("SE098765432101"): [20],
            no_vat("SE554433221101"): [33],
            no_vat("SE123451234501"): [36, 39, 49],
            no_vat("DK87654321"): [43],
            no_vat("DK12345678"): [44],
            no_vat("DK16356706"): [48, 58],
            no_vat("DK16356607"): [59],
            ("VAT", "'Godkänd för F-skatt' has no digit"): [5, 6, 13, 15, 21, 25, 31],
            ("EndpointID", NO_KEY): [45, 47, 57, 61, 65, 67],
        },
    }
    swedish = await customer_by(api, "testverket")
    assert (swedish["phone"], swedish["address"]["country"]) == ("+4681234567", "SE")
    norwegian = await customer_by(api, "salescompany")
    assert norwegian["phone"] == "+4746211230"
    dutch = await customer_by(api, "bluem")
    assert (dutch["phone"], dutch["business_id"]) == ("+31334549055", "NL809163160B01")
    assert (await customer_by(api, "koksmaat"))["business_id"] == "NL820098395B01"
    assert (await customer_by(api, "enexis"))["address"]["city"] == "'S-HERTOGENBOSCH"
    assert (await customer_by(api, "centrala"))["references"][0]["ref"] == "9876543210"
    assert (await customer_by(api, "hep split"))["business_id"] == "HR46830600751"


async def test_a_name_in_two_lines_becomes_one(api: httpx.AsyncClient) -> None:
    fields = {"VAT": "customer.business_id", "RegistrationName": "customer.name"}
    content = content_of("en16931-parties.csv")
    url = await mapped(api, content, fields, match=["business_id"])
    await rehearsed(api, url)
    (row,) = [one for one in await fates(api, url) if one["line"] == 52]
    assert row["changes"]["customer.name"] == [
        None,
        "HEP-OPERATOR DISTRIBUCIJSKOG SUSTAVA D.O.O. ZA DISTRIBUCIJU I OPSKRBU ELEKTRICNE ENERGIJE",
    ]


async def test_parties_of_an_erp(api: httpx.AsyncClient) -> None:
    """UTF-16 with tabs; a row for each way of contact; times behind days; USA for US."""
    content = content_of("ofbiz-parties.txt")
    sent = await uploaded(api, content)
    assert (sent["encoding"], sent["delimiter"], sent["rows"]) == ("utf-16", "\t", 36)
    fields = {
        "partyId": "customer.ref",
        "groupName": "customer.name",
        "fromDate": "customer.relationship_start",
        "address1": "customer.street",
        "postalCode": "customer.postal_code",
        "city": "customer.city",
        "countryGeoId": "customer.country",
        "telephone": "customer.phone",
        "infoString": "customer.email",
    }

    found, _ = await outcome(api, content, fields)

    def no_country(code: str) -> tuple[str, str]:
        return "countryGeoId", f"{code!r} is no country code of two letters"

    def no_name(party: str) -> tuple[str, str]:
        return "groupName", f"is empty, and there is no customer {party!r} yet"

    people = {
        **{8: "DemoCustAgent", 12: "DemoCustomer", 15: "EuroCustomer", 18: "FrenchCustomer"},
        **{22: "sfa101", 23: "DemoBuyer", 24: "DemoRepAll", 25: "DemoRepStore"},
        **{26: "DemoCustomer1", 27: "DemoCustomer2", 28: "DemoCustomer3"},
        **{29: "DemoLeadOwner", 30: "DemoLeadOwner1"},
        **{32: "DemoLead", 33: "DemoLead1", 34: "DemoLead2", 35: "DemoLead3", 36: "DemoLead4"},
    }
    assert found == {
        "created": [5, 19, 31, 37],
        "changed": [20, 21],
        "refused": {
            no_country("USA"): [2, 3, 6, 9],
            no_country("NLD"): [13, 14],
            no_country("FRA"): [16, 17],
            # Of the United States, and the rows do not say so.
            ("telephone", NO_PHONE): [4, 7, 10, 11],
            **{no_name(party): [line] for line, party in people.items()},
        },
    }
    company = await customer_by(api, "demo customer company")
    assert company["email"] == "ofbiztest@yahoo.com"
    assert company["relationship"]["started_on"] == "2001-05-13"
    account = (await customer_by(api, "profitable"))["address"]
    assert (account["street"], account["city"]) == ("151 Madison street.", "Edison")


async def test_invoice_lines_of_a_shop_as_text_and_as_numbers(api: httpx.AsyncClient) -> None:
    """Keys written as floats, none at all, cancellations, countries by name, a customer in two."""
    for ref in ("17850", "12431", "14911"):
        await made(
            api, "/v1/customers", name=f"Shop {ref}", references=[{"source": SOURCE, "ref": ref}]
        )
    fields = {
        "CustomerID": "customer.ref",
        "InvoiceDate": "customer.relationship_start",
        "Country": "customer.customer_group",
    }
    content = content_of("online-retail.csv")
    rows = list(csv.reader(io.StringIO(content.decode())))
    by_customer: dict[str, list[int]] = defaultdict(list)
    for line, cells in enumerate(rows[1:], 2):
        by_customer[cells[6]].append(line)
    nameless = [18, 26, 27, 28, 29, 30, 44, 45, 46]
    assert by_customer.pop("") == nameless

    def unknown(written: str) -> dict[tuple[str, str], list[int]]:
        return {
            ("customer.name", f"is empty, and there is no customer {key + written!r} yet"): lines
            for key, lines in ((key.removesuffix(".0"), some) for key, some in by_customer.items())
        }

    # What a program wrote as floats is the key of nobody, and each row says which it looked for.
    as_text, _ = await outcome(api, content, fields, create_missing=["customer.customer_group"])
    assert as_text == {"refused": {**unknown(".0"), ("CustomerID", NO_KEY): nameless}}

    # In a workbook they are numbers, and numbers are written without a needless point.
    numbers = [[*one[:6], float(one[6]) if one[6] else "", one[7]] for one in rows[1:]]
    for known in ("17850.0", "12431.0", "14911.0"):
        del by_customer[known]
    in_book, found = await outcome(
        api,
        workbook([rows[0], *numbers]),
        fields,
        create_missing=["customer.customer_group"],
    )
    assert in_book == {
        "changed": [2, 11, 23, 38],
        "unchanged": [3, 4, 5, 6, 7, 24, 25],
        "refused": {**unknown(""), ("CustomerID", NO_KEY): nameless},
    }
    # One group at most: who moved from Australia to Belgium is in Belgium.
    assert found[36]["changes"] == {
        "customer.customer_group": ["Australia", "Belgium"],
        "customer.relationship_start": ["2010-12-01", "2011-02-17"],
    }


async def test_countries_by_name_are_refused_with_the_name(api: httpx.AsyncClient) -> None:
    content = content_of("online-retail.csv")
    fields = {
        "InvoiceNo": "customer.ref",
        "Description": "customer.name",
        "Country": "customer.country",
    }
    lines: dict[str, list[int]] = defaultdict(list)
    for line, row in enumerate(csv.DictReader(io.StringIO(content.decode())), 2):
        lines[row["Country"]].append(line)
    assert len(lines) == 12 and {"EIRE", "RSA", "Unspecified", "European Community"} < lines.keys()

    found, _ = await outcome(api, content, fields)

    assert found == {
        "refused": {
            ("Country", f"{name!r} is no country code of two letters"): some
            for name, some in lines.items()
        }
    }


async def test_stores(api: httpx.AsyncClient) -> None:
    """XML with doubled quotes in a cell, commas and apostrophes in names, twins by name."""
    fields = {"businessentityid": "customer.ref", "name": "customer.name"}
    found, rows = await outcome(api, content_of("adventureworks-stores.csv"), fields)
    assert found == {"created": list(range(2, 22)), "refused": {}}
    names = [one["changes"]["customer.name"][1] for one in rows]
    assert names[8:12] == [
        "Family's Favorite Bike Shop",
        "Margie's Travel",
        "Unicycles, Bicycles, and Tricycles",
        "Best o' Bikes",
    ]
    assert names.count("Friendly Bike Shop") == names.count("Sports Products Store") == 2


async def test_people_addresses_and_numbers_in_three_tables(api: httpx.AsyncClient) -> None:
    """Names encoded twice stay as they are; addresses that are not ASCII; numbers of no country."""
    key = {"businessentityid": "contact.ref"}
    people = {**key, "firstname": "contact.first_name", "lastname": "contact.last_name"}
    found, rows = await outcome(api, content_of("adventureworks-people.csv"), people)
    assert found == {"created": list(range(2, 30)), "refused": {}}
    # The file is good UTF-8, and nobody can say that no one is called so.
    assert (await contact_in(api, rows[0]))["last_name"] == "SÃ¡nchez"

    emails = {**key, "emailaddress": "contact.email"}
    found, rows = await outcome(api, content_of("adventureworks-emails.csv"), emails)
    assert found == {
        "changed": list(range(2, 30)),
        "created": [30, 31, 32, 33],
        "refused": {},
    }
    assert (await contact_in(api, rows[9]))["email"] == "françois0@adventure-works.com"
    assert (await contact_in(api, rows[28]))["email"] == "ramón19@adventure-works.com"

    phones = {**key, "phonenumber": "contact.phone"}
    found, rows = await outcome(api, content_of("adventureworks-phones.csv"), phones)
    # 466-555-0112 is a good number where this installation is, and no row says where it is.
    assert found == {
        "changed": [27],
        "refused": {("phonenumber", NO_PHONE): [*range(2, 27), *range(28, 36)]},
    }
    assert (await contact_in(api, rows[25]))["phone"] == "+3584665550112"


async def test_people_as_a_spreadsheet_saves_them(api: httpx.AsyncClient) -> None:
    """Windows-1252, semicolons, empty cells behind the last, accents for apostrophes."""
    content = content_of("adventureworks-people-cp1252.csv")
    sent = await uploaded(api, content)
    assert (sent["encoding"], sent["delimiter"], len(sent["columns"])) == ("cp1252", ";", 9)

    found, rows = await outcome(api, content, None)

    created = [4, 6, 9, 10, 13, 15, 16, 17, 21, 27, 29, 41, 50]
    assert found == {
        "created": created,
        "refused": {("Phone", NO_PHONE): [one for one in range(2, 55) if one not in created]},
    }
    made_ = [await contact_in(api, one) for one in rows if one["fate"] == "created"]
    held = [
        (one["first_name"], one["address"]["street"], one["phone"], one["address"]["country"])
        for one in made_
    ]
    assert held[0] == ("François", "1144 Paradise Ct.", "+17855550110", "US")
    assert held[1] == ("Andy", "Kurfürstenstr 5444", "+498565550100", "DE")
    assert held[-2][:2] == ("Brandon", "1828, avenue de l\N{ACUTE ACCENT}Europe")
    assert held[-1] == ("José", "5703 Donald Dr.", "+17125550130", "CA")


async def test_mended_rows_are_taken(api: httpx.AsyncClient) -> None:
    """What was refused comes back as CSV, is mended by writing country codes, and is imported."""
    content = content_of("adventureworks-people-cp1252.csv")
    url = await mapped(api, content)
    assert await ran(api, url) == {"created": 13, "refused": 40}
    refused = (await api.get(f"{url}/rows.csv", params={"fate": "refused"})).text
    rows = list(csv.reader(io.StringIO(refused)))
    place = rows[0].index("Phone")
    mended = io.StringIO()
    writer = csv.writer(mended)
    writer.writerow(rows[0])
    writer.writerows(
        [*row[:place], f"+3584012345{n:02}", *row[place + 1 :]] for n, row in enumerate(rows[1:])
    )

    again = await mapped(api, mended.getvalue())

    assert await ran(api, again) == {"created": 40}
    first = (await fates(api, again))[0]
    held = await contact_in(api, first)
    assert (held["last_name"], held["phone"]) == ("Sánchez", "+358401234500")
