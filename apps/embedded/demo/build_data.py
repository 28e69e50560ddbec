"""Build the demo data: one row per document and one contact per customer.

    python build_data.py --online-retail FILE --adventureworks DIR --out DIR

reads the UCI "Online Retail" lines (one `.csv` or `.csv.gz` file) and a directory of
AdventureWorks person tables, and writes `documents.csv.gz` and `contacts.csv.gz`.

The result depends on nothing but the input: no clock, no randomness, no locale, no file name.
The same sources give the same CSV text everywhere, and the same bytes wherever zlib compresses
the same way.

Every fact the columns rely on is checked while reading. A source that breaks one of them ends
the build with a ValueError instead of giving a quietly different file.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

CURRENCY = "GBP"
CENT = Decimal("0.01")

DOCUMENT_COLUMNS = (
    "document_id",
    "kind",
    "customer",
    "recorded_at",
    "currency",
    "net_amount",
    "line_count",
    "country",
)
CONTACT_COLUMNS = (
    "customer",
    "customer_name",
    "country",
    "contact_ref",
    "first_name",
    "last_name",
    "email",
    "mobile",
    "phone",
    "street",
    "postal_code",
    "city",
    "address_country",
    "email_promotion",
)

Row = dict[str, str]


@dataclass(slots=True)
class Document:
    """One document: the sum of all its source lines."""

    document_id: str
    customer: str
    country: str
    recorded_at: datetime
    net_amount: Decimal = Decimal(0)
    line_count: int = 0

    @property
    def kind(self) -> str:
        """`credit_note` for ids in C, `adjustment` for ids in A, otherwise `invoice`."""
        return {"C": "credit_note", "A": "adjustment"}.get(self.document_id[:1], "invoice")

    def add(self, quantity: int, unit_price: Decimal, recorded_at: datetime) -> None:
        """Add one line; the earliest timestamp seen becomes the document's."""
        self.net_amount += quantity * unit_price
        self.line_count += 1
        self.recorded_at = min(self.recorded_at, recorded_at)

    def row(self) -> tuple[str, ...]:
        """The document in the order of DOCUMENT_COLUMNS."""
        return (
            self.document_id,
            self.kind,
            self.customer,
            self.recorded_at.isoformat(),
            CURRENCY,
            # Rounding comes after the sum: a few unit prices carry three decimals.
            f"{self.net_amount.quantize(CENT, ROUND_HALF_EVEN):f}",
            str(self.line_count),
            self.country,
        )


def read_rows(path: Path, *, delimiter: str = ",") -> Iterator[Row]:
    """The rows of a UTF-8 CSV file, plain or gzipped (by its name)."""
    with (
        gzip.open(path, "rt", encoding="utf-8", newline="")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8", newline="")
    ) as text:
        yield from csv.DictReader(text, strict=True, delimiter=delimiter)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a gzipped UTF-8 CSV file whose header holds neither a time nor a file name."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def normalise_customer(value: str) -> str:
    """`17850.0` becomes `17850`, empty stays empty; anything but a number is an error."""
    # The column was a float with gaps when the CSV was written; no customer is called "17850.0".
    number = value.removesuffix(".0")
    if number and not (number.isascii() and number.isdigit()):
        raise ValueError(f"not a customer number: {value!r}")
    return number


def read_documents(path: Path) -> list[Document]:
    """All documents in the order in which the file first names them."""
    documents: dict[str, Document] = {}
    for line in read_rows(path):
        document_id = line["InvoiceNo"]
        customer = normalise_customer(line["CustomerID"])
        country = line["Country"]
        recorded_at = datetime.fromisoformat(line["InvoiceDate"])
        document = documents.get(document_id)
        if document is None:
            document = Document(document_id, customer, country, recorded_at)
            documents[document_id] = document
        elif (document.customer, document.country) != (customer, country):
            raise ValueError(f"document {document_id} has two customers or two countries")
        # Exact duplicate lines count like any other: nothing tells a slip from a second item.
        document.add(int(line["Quantity"]), Decimal(line["UnitPrice"]), recorded_at)
    return list(documents.values())


def customer_countries(documents: Iterable[Document]) -> dict[str, str]:
    """Each customer and the country of its first document, by ascending customer number."""
    first: dict[str, str] = {}
    for document in sorted(documents, key=lambda document: document.recorded_at):
        if document.customer:
            first.setdefault(document.customer, document.country)
    return {customer: first[customer] for customer in sorted(first, key=int)}


def repair(name: str) -> str:
    """Undo UTF-8 that was once read as cp1252; any other name comes back unchanged."""
    try:
        return name.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return name


def find_table(directory: Path, table: str) -> Path:
    """The file of an AdventureWorks table, gzipped or plain."""
    for path in (directory / f"{table}.csv.gz", directory / f"{table}.csv"):
        if path.exists():
            return path
    raise FileNotFoundError(f"no table {table} in {directory}")


def index_rows(rows: Iterable[Row], key: str) -> dict[str, Row]:
    """Rows by a column that must be unique."""
    index: dict[str, Row] = {}
    for row in rows:
        if index.setdefault(row[key], row) is not row:
            raise ValueError(f"{key} {row[key]} appears twice")
    return index


def read_contacts(directory: Path) -> Iterator[tuple[str, ...]]:
    """The private customers (persontype IN) by ascending id, from contact_ref to the last column.

    A person without an e-mail address, a phone number or a home address is an error.
    """

    def read(table: str) -> Iterator[Row]:
        return read_rows(find_table(directory, table))

    emails = index_rows(read("emailaddress"), "businessentityid")
    phones = index_rows(read("personphone"), "businessentityid")
    phone_types = index_rows(read("phonenumbertype"), "phonenumbertypeid")
    address_types = index_rows(read("addresstype"), "addresstypeid")
    # Some people also have a shipping address; only the home address is unique.
    homes = index_rows(
        (
            row
            for row in read("businessentityaddress")
            if address_types[row["addresstypeid"]]["name"] == "Home"
        ),
        "businessentityid",
    )
    addresses = index_rows(read("address"), "addressid")
    states = index_rows(read("stateprovince"), "stateprovinceid")

    people = [row for row in read("person") if row["persontype"] == "IN"]
    for person in sorted(people, key=lambda row: int(row["businessentityid"])):
        entity = person["businessentityid"]
        phone = phones[entity]
        is_mobile = phone_types[phone["phonenumbertypeid"]]["name"] == "Cell"
        address = addresses[homes[entity]["addressid"]]
        yield (
            f"aw-{entity}",
            repair(person["firstname"]),
            repair(person["lastname"]),
            emails[entity]["emailaddress"],
            phone["phonenumber"] if is_mobile else "",
            "" if is_mobile else phone["phonenumber"],
            ", ".join(filter(None, (address["addressline1"], address["addressline2"]))),
            address["postalcode"],
            address["city"],
            states[address["stateprovinceid"]]["countryregioncode"],
            person["emailpromotion"],
        )


def contact_rows(countries: dict[str, str], directory: Path) -> list[tuple[str, ...]]:
    """The n-th customer with the n-th person; too few people is an error."""
    rows = [
        (customer, f"Customer {customer} ({country})", country, *contact)
        for (customer, country), contact in zip(
            countries.items(), read_contacts(directory), strict=False
        )
    ]
    if len(rows) < len(countries):
        raise ValueError(f"{len(countries)} customers but only {len(rows)} people")
    return rows


def main() -> None:
    """Build both files and say how many rows each holds."""
    parser = argparse.ArgumentParser(description="Build documents.csv.gz and contacts.csv.gz.")
    parser.add_argument("--online-retail", type=Path, required=True, metavar="FILE")
    parser.add_argument("--adventureworks", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()

    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    documents = read_documents(arguments.online_retail)
    contacts = contact_rows(customer_countries(documents), arguments.adventureworks)
    write_rows(
        out / "documents.csv.gz", DOCUMENT_COLUMNS, (document.row() for document in documents)
    )
    write_rows(out / "contacts.csv.gz", CONTACT_COLUMNS, contacts)
    print(f"{len(documents)} documents, {len(contacts)} contacts")


if __name__ == "__main__":
    main()
