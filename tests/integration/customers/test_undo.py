"""Whatever an operation did is taken back where nobody has changed it since; bans stay."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import text

from services.customers.domain.contact_data import Place, PostalAddress
from services.customers.handlers.change_bans import SetBans, ban_contact, ban_customer
from services.customers.handlers.save_contact import SaveContact, change_contact, create_contact
from services.customers.handlers.save_customer import (
    Here,
    SaveCustomer,
    change_customer,
    create_customer,
)
from services.customers.persistence.operations import insert_operation
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWork
from shared.history.store import belong_to
from tests.integration.customers.api_helpers import contact_at, delete, made, restore, role, url
from tests.integration.customers.erp import customer, document, send, work_off
from tests.integration.customers.importing import SOURCE, mapped, ran
from tests.integration.customers.test_history import changes, history
from tests.integration.customers.test_lists import classify

HERE = Here(ZoneInfo("Europe/Helsinki"), "FI", frozenset({"FI"}))


class Operation:
    """An operation that is being done: its unit of work and its id."""

    def __init__(self, unit: UnitOfWork, operation_id: UUID) -> None:
        self.unit = unit
        self.id = operation_id


@asynccontextmanager
async def operation(customers: Service) -> AsyncIterator[Operation]:
    """Do what is inside as one operation, such as an import is."""
    async with customers.units() as unit:
        await unit.act_as("importer")
        operation_id = new_id()
        await belong_to(unit.connection, operation_id)
        yield Operation(unit, operation_id)
        await insert_operation(
            unit.connection, operation_id, {"test": True}, customers=0, deleted=0, now=unit.now
        )


async def undo(api: httpx.AsyncClient, operation_id: Any) -> dict[str, Any]:
    answer = await api.post(f"/v1/operations/{operation_id}/undo")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def present(api: httpx.AsyncClient, record: dict[str, Any]) -> dict[str, Any]:
    answer = await api.get(url(record))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def put_contact(api: httpx.AsyncClient, contact: dict[str, Any], **body: Any) -> None:
    at = (await api.get(url(contact))).headers["etag"]
    answer = await api.put(url(contact), json=body, headers={"If-Match": at})
    assert answer.status_code == 200, answer.text


async def told(customers: Service, kind: str) -> list[dict[str, Any]]:
    async with customers.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT convert_from(body, 'UTF8')::jsonb FROM outbox "
                "WHERE type = :type ORDER BY seq"
            ),
            {"type": f"customers.{kind}.v1"},
        )
        return list(rows.scalars())


async def test_places_and_references_are_history(api: httpx.AsyncClient) -> None:
    firm, other = [await made(api, "/v1/customers", name=name) for name in ("Firm", "Other")]
    ann = await contact_at(api, firm, "Ann")
    await put_contact(
        api,
        ann,
        first_name="Ann",
        customers=[{"customer_id": other["customer_id"], "role": "boss"}],
    )
    await classify(api, firm, references=[{"source": "/erp", "ref": "A/1"}])

    came, left, created = await history(api, url(ann))
    named, _ = await history(api, url(firm))

    assert (left["what"], left["actor"], created["what"]) == ("changed", "api-key", "created")
    ((was, nothing),) = changes(left).values()
    assert (was["name"], was["customer_id"], nothing) == ("Firm", firm["customer_id"], None)
    ((nothing, is_now),) = changes(came).values()
    assert (is_now["number"], is_now["role"], nothing) == (other["number"], "boss", None)
    assert came["at"] == (await present(api, ann))["updated_at"]
    assert changes(named) == {"reference": (None, {"source": "/erp", "ref": "A/1"})}


async def test_places_that_stay_are_no_history_and_keep_their_order(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann")
    async with customers.engine.begin() as connection:
        await connection.execute(text("UPDATE contact_customer SET position = 3"))

    await put_contact(api, ann, first_name="Anna", customers=[{"customer_id": firm["customer_id"]}])

    renamed, _, created = await history(api, url(ann))
    assert changes(renamed) == {"first_name": ("Ann", "Anna")}
    assert created["what"] == "created"
    async with customers.engine.connect() as connection:
        places = await connection.execute(text("SELECT position FROM contact_customer"))
        assert places.scalars().all() == [3]


async def test_what_a_record_is_created_with_is_no_history(
    customers: Service, api: httpx.AsyncClient
) -> None:
    ann = {"contact_ref": "1", "first_name": "Ann"}
    for _ in range(2):
        await send(customers, [customer("A", contacts=[ann])])

    async with customers.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM history"))).scalar_one() == 0
    await send(customers, [customer("B", contacts=[ann])])
    (contact,) = (await api.get("/v1/contacts")).json()["items"]
    placed, _ = await history(api, url(contact))
    assert [one["field"] for one in placed["changes"]] == ["place"]
    assert placed["actor"] == "/erp/test"


async def test_created_records_go_and_come_back_with_the_redo(
    customers: Service, api: httpx.AsyncClient
) -> None:
    async with operation(customers) as importing:
        firms = [
            await create_customer(SaveCustomer(name=f"F{n}", number=f"N{n}"), importing.unit, HERE)
            for n in range(4)
        ]
        ann = await create_contact(
            SaveContact(first_name="Ann", customers=(Place(firms[0], None),)),
            importing.unit,
            region="FI",
        )
    records = [{"customer_id": str(one)} for one in firms]
    (created,) = await history(api, url(records[0]))
    assert (created["what"], created["actor"]) == ("created", "importer")
    assert created["operation_id"] == str(importing.id)
    await classify(api, records[1], name="Touched")
    await contact_at(api, records[2], "Somebody's own")

    undone = await undo(api, importing.id)

    assert (undone["deleted"], undone["reverted"], undone["changed_since"]) == (3, 0, 2)
    assert {one["record_id"] for one in undone["first_changed_since"]} == {
        str(firms[1]),
        str(firms[2]),
    }
    assert [(await api.get(url(one))).status_code for one in records] == [404, 200, 200, 404]
    assert (await api.get(f"/v1/contacts/{ann}")).status_code == 404
    deleted = {one["customer_id"] for one in await told(customers, "customer-deleted")}
    assert deleted == {str(firms[0]), str(firms[3])}
    assert len(await told(customers, "contact-deleted")) == 1

    await made(api, "/v1/customers", name="New owner", number="N3")
    redone = await undo(api, undone["operation_id"])
    assert (redone["reverted"], redone["changed_since"]) == (2, 1)
    (taken,) = redone["first_changed_since"]
    assert (taken["record_id"], taken["fields"]) == (str(firms[3]), {"deleted_at": "taken"})
    assert (await api.get(url(records[0]))).status_code == 200
    assert (await api.get(f"/v1/contacts/{ann}")).status_code == 200
    assert [one["what"] for one in await history(api, url(records[0]))] == [
        "restored",
        "deleted",
        "created",
    ]


async def test_created_customers_with_documents_stay(
    customers: Service, api: httpx.AsyncClient
) -> None:
    async with operation(customers) as importing:
        firm = await create_customer(
            SaveCustomer(name="F", references=(("/erp/test", "A"),)), importing.unit, HERE
        )
    await send(customers, [document("invoice-posted", "1", "A", "2026-01-01")])

    undone = await undo(api, importing.id)

    assert (undone["deleted"], undone["changed_since"]) == (0, 1)
    assert (await api.get(f"/v1/customers/{firm}")).status_code == 200


async def test_each_field_is_taken_back_by_itself(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Old", email="old@example.com", phone="040123456")
    async with operation(customers) as renaming:
        await change_customer(
            UUID(firm["customer_id"]),
            SaveCustomer(
                name="New",
                email="new@example.com",
                headcount=5,
                classifications={"customer_status": (5,)},
            ),
            renaming.unit,
            HERE,
            expected=1,
        )
    now = await present(api, firm)
    await api.put(
        url(firm),
        json={"name": "New", "email": "newest@example.com", "headcount": 5},
        headers={"If-Match": f'"{now["version"]}"'},
    )

    undone = await undo(api, renaming.id)

    assert (undone["reverted"], undone["changed_since"]) == (1, 1)
    assert undone["first_changed_since"][0]["fields"] == {"email": "changed_since"}
    after = await present(api, firm)
    assert (after["name"], after["email"]) == ("Old", "newest@example.com")
    assert (after["phone"], after["headcount"]) == (firm["phone"], None)
    assert (after["ended_on"], after["classifications"]) == (None, firm["classifications"])
    assert after["version"] > now["version"]
    assert (await told(customers, "customer-saved"))[-1]["name"] == "Old"

    await undo(api, undone["operation_id"])
    again = await present(api, firm)
    assert (again["name"], again["headcount"]) == ("New", 5)
    assert again["ended_on"] == now["ended_on"]
    assert (await told(customers, "relationship-ended"))[-1]["customer_id"] == firm["customer_id"]


async def test_back_and_forth_counts_as_changed(customers: Service, api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="A")
    async with operation(customers) as renaming:
        await change_customer(
            UUID(firm["customer_id"]), SaveCustomer(name="B"), renaming.unit, HERE, expected=1
        )
    for name in ("C", "B"):
        await classify(api, firm, name=name)

    undone = await undo(api, renaming.id)

    assert (undone["reverted"], undone["changed_since"]) == (0, 1)
    assert (await present(api, firm))["name"] == "B"


async def test_operations_are_undone_one_after_the_other(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="A")
    done = []
    for version, name in enumerate(("B", "C"), 1):
        async with operation(customers) as renaming:
            await change_customer(
                UUID(firm["customer_id"]),
                SaveCustomer(name=name),
                renaming.unit,
                HERE,
                expected=version,
            )
        done.append(renaming.id)

    for operation_id, name in zip(reversed(done), ("B", "A"), strict=True):
        assert (await undo(api, operation_id))["reverted"] == 1
        assert (await present(api, firm))["name"] == name


async def test_a_contact_gets_all_of_itself_back(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm, other = [await made(api, "/v1/customers", name=name) for name in ("Firm", "Other")]
    ticks = [(await made(api, "/v1/contact-attributes", title=t))["number"] for t in ("A", "B")]
    category = (await made(api, "/v1/categories", title="VIP"))["number"]
    ann = await contact_at(api, firm, "Ann", attributes=[ticks[0]], categories=[category])
    async with operation(customers) as changing:
        await change_contact(
            UUID(ann["contact_id"]),
            SaveContact(
                first_name="Anna",
                address=PostalAddress("Street 1"),
                customers=(Place(UUID(other["customer_id"]), "boss"),),
                attributes=frozenset({ticks[1]}),
                categories=frozenset(),
            ),
            changing.unit,
            expected=ann["version"],
            region="FI",
        )
    changed = await present(api, ann)
    assert changed["customers"][0]["role"] == "boss"

    undone = await undo(api, changing.id)

    assert (undone["reverted"], undone["changed_since"], undone["bans_kept"]) == (1, 0, 0)
    after = await present(api, ann)
    assert after["version"] > changed["version"]
    for name in ("first_name", "address", "customers", "attributes", "categories"):
        assert after[name] == ann[name], name
    last = (await told(customers, "contact-saved"))[-1]
    assert (last["version"], len(last["customers"])) == (after["version"], 1)

    await undo(api, undone["operation_id"])
    again = await present(api, ann)
    assert (again["first_name"], again["customers"]) == ("Anna", changed["customers"])


@pytest.mark.requirement("TS-A9")
async def test_no_undo_weakens_a_ban(customers: Service, api: httpx.AsyncClient) -> None:
    number = await role(api, "NO_EMAIL")
    tick = (await made(api, "/v1/contact-attributes", title="Tick"))["number"]
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann", email="ann@example.com")
    async with operation(customers) as banning:
        await change_contact(
            UUID(ann["contact_id"]),
            SaveContact(
                first_name="Ann",
                email="other@example.com",
                customers=(Place(UUID(firm["customer_id"]), None),),
                attributes=frozenset({number, tick}),
            ),
            banning.unit,
            expected=ann["version"],
            region="FI",
        )
        await ban_customer(UUID(firm["customer_id"]), SetBans(sms=True), banning.unit)

    undone = await undo(api, banning.id)

    assert undone["bans_kept"] == 2
    after = await present(api, ann)
    assert (after["attributes"], after["email"]) == ([number], "ann@example.com")
    assert (await present(api, firm))["bans"]["sms"] is True
    # The ban holds for the address that came back as well.
    last = (await told(customers, "bans-changed"))[-1]
    assert (last["contact_id"], last["email"]) == (ann["contact_id"], "ann@example.com")
    assert last["bans"]["email"] is True


@pytest.mark.requirement("TS-A9")
async def test_a_ban_that_an_operation_lifted_comes_back(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann", email="ann@example.com")
    for record in (firm, ann):
        await api.put(f"{url(record)}/bans", json={"email": True})
    async with operation(customers) as freeing:
        await ban_contact(UUID(ann["contact_id"]), SetBans(email=False), freeing.unit)
        await ban_customer(UUID(firm["customer_id"]), SetBans(email=False), freeing.unit)

    undone = await undo(api, freeing.id)

    assert (undone["reverted"], undone["bans_kept"]) == (2, 0)
    of_customer, of_contact = (await told(customers, "bans-changed"))[-2:]
    assert of_customer["customer_id"] == firm["customer_id"]
    assert of_contact["contact_id"] == ann["contact_id"]
    assert of_customer["bans"]["email"] and of_contact["bans"]["email"]


async def test_keys_and_references_that_others_own_by_now_are_told(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="Firm", business_id="0201724-4")
    reference = {"source": "/erp", "ref": "1"}
    async with operation(customers) as changing:
        await change_customer(
            UUID(firm["customer_id"]),
            SaveCustomer(name="Firma", references=(("/erp", "1"),)),
            changing.unit,
            HERE,
            expected=1,
        )
    await made(api, "/v1/customers", name="Owner", business_id="0201724-4")

    undone = await undo(api, changing.id)

    assert undone["first_changed_since"][0]["fields"] == {"business_id": "taken"}
    after = await present(api, firm)
    assert (after["name"], after["business_id"], after["references"]) == ("Firm", None, [])
    await made(api, "/v1/customers", name="ERP's", references=[reference])
    redone = await undo(api, undone["operation_id"])
    assert redone["first_changed_since"][0]["fields"] == {'reference:["/erp", "1"]': "taken"}
    assert (await present(api, firm))["name"] == "Firma"


async def test_a_status_that_means_something_else_by_now_is_not_given_back(
    customers: Service, api: httpx.AsyncClient
) -> None:
    status = await made(api, "/v1/customer-statuses", title="Prospect")
    firm = await made(
        api, "/v1/customers", name="F", classifications={"customer_status": [status["number"]]}
    )
    async with operation(customers) as turning:
        await change_customer(
            UUID(firm["customer_id"]),
            SaveCustomer(name="F", classifications={"customer_status": (1,)}),
            turning.unit,
            HERE,
            expected=1 + 1,
        )
    async with customers.engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE list_value SET facts = facts || '{\"ended\": true}' "
                "WHERE list = 'customer_status' AND number = :number"
            ),
            {"number": status["number"]},
        )

    undone = await undo(api, turning.id)

    assert undone["first_changed_since"][0]["fields"] == {"classifications": "gone"}


async def test_deleted_records_are_reverted_as_well(
    customers: Service, api: httpx.AsyncClient, restoring: httpx.AsyncClient
) -> None:
    firm = await made(api, "/v1/customers", name="A")
    async with operation(customers) as renaming:
        await change_customer(
            UUID(firm["customer_id"]), SaveCustomer(name="B"), renaming.unit, HERE, expected=1
        )
    await delete(api, firm)

    assert (await undo(api, renaming.id))["reverted"] == 1

    assert (await restore(restoring, firm)).json()["name"] == "A"


async def test_documents_that_name_a_reference_taken_back_wait_until_it_is_given_again(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await made(api, "/v1/customers", name="Firm", number="77")
    imported = await mapped(
        api,
        "number;ref\n77;R\n",
        {"number": "customer.number", "ref": "customer.ref"},
        match=["number"],
    )
    assert await ran(api, imported) == {"changed": 1}
    undone = (await api.post(f"{imported}/undo")).json()
    invoice = document("invoice-posted", "1", "R", "2024-05-06")
    await send(customers, [{**invoice, "source": SOURCE}])
    assert await told(customers, "document-recorded") == []

    again = await api.post(f"/v1/operations/{undone['operation_id']}/undo")
    await work_off(customers)

    assert again.status_code == 200, again.text
    assert len(await told(customers, "document-recorded")) == 1
