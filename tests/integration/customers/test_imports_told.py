"""What an import tells of records is what they are, though new ones are not read back for it."""

from typing import Any

import httpx

from services.customers.handlers.republish import republish
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import made, role
from tests.integration.customers.erp import told
from tests.integration.customers.importing import mapped, ran

MAPPING = {
    "ref": "customer.ref",
    "name": "customer.name",
    "business id": "customer.business_id",
    "city": "customer.city",
    "phone": "customer.phone",
    "headcount": "customer.headcount",
    "since": "customer.relationship_start",
    "status": "customer.customer_status",
    "products": "customer.product",
    "person": "contact.ref",
    "first": "contact.first_name",
    "email": "contact.email",
    "street": "contact.street",
    "country": "contact.country",
    "role": "contact.role",
    "no email": "contact.ban.NO_EMAIL",
}
ROWS = (
    "A,Alku Oy,0201724-4,Turku,+358401234567,12,,,,P1,Aino,aino@example.com,Katu 1,FI,Ostaja,",
    "A,,,,,,,,Uuni;Sauna,P2,Eino,eino@example.com,,,,x",
    "B,Jatko Oy,,,,,2020-01-31,,Sauna,P1,,,,,Hallitus,",
    "C,Loppu Oy,,,,,,Ended,,P3,,kolmas@example.com,,,,yes",
)
NEWS = (
    "A,Alku ja muut Oy,,,,300,2019-05-01,,,P1,,,,,Johtaja,x",
    "B,,,,,,,Ended,Uuni,P4,Neljäs,,,,,",
)
TYPES = ("customers.customer-saved.v1", "customers.contact-saved.v1")


async def newest(service: Service) -> dict[str, dict[str, Any]]:
    """Return what was told last of each record, and of a version only one thing."""
    found: dict[str, dict[str, Any]] = {}
    by_version: dict[tuple[str, int], dict[str, Any]] = {}
    for type_ in TYPES:
        for data in await told(service, type_):
            key = data.get("contact_id") or data["customer_id"]
            assert by_version.setdefault((key, data["version"]), data) == data
            found[key] = data
    return found


async def newest_bans(service: Service) -> dict[str, dict[str, Any]]:
    """Return what was told last of the bans of each contact, but for the number of it."""
    return {
        one["contact_id"]: {**one, "consent_seq": None}
        for one in await told(service, "customers.bans-changed.v1")
        if one["contact_id"]
    }


async def test_what_is_told_of_imported_records_is_what_they_are(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await made(api, "/v1/customer-statuses", title="Ended", ended=True)
    await role(api, "NO_EMAIL")
    for rows in (ROWS, NEWS):
        content = "\n".join((",".join(MAPPING), *rows))
        given = await mapped(api, content, MAPPING, create_missing=("customer.product",))
        assert "refused" not in await ran(api, given)

        imported, bans = await newest(customers), await newest_bans(customers)
        await republish(customers.units, lambda done, total: None)

        assert await newest(customers) == imported
        anew = await newest_bans(customers)
        assert {key: one for key, one in anew.items() if any(one["bans"].values())} == bans
