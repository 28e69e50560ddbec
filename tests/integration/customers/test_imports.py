"""Imports of customers and contacts: every row has a fate, and all goes by outside keys."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from services.customers.persistence.tables import metadata
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import delete, made, role
from tests.integration.customers.erp import customer, send, told
from tests.integration.customers.importing import (
    SOURCE,
    customer_by,
    fates,
    mapped,
    ran,
    rehearsed,
    sent,
    uploaded,
)

FINNISH = (
    "Asiakastunnus;Asiakkaan nimi;Y-tunnus;Tila;"
    "Henkilön tunnus;Etunimi;Sukunimi;Sähköposti;Titteli\n"
    "K1;Virtasen Kala Oy;0201724-4;;H1;Äijö;Öhman;aijo@example.com;Myyjä\n"
    "K1;;;;H2;Päivi;Virtanen;paivi@example.com;\n"
    "K2;Åkerlund Ab;;Potential;H1;;;;Neuvonantaja\n"
)


async def count(service: Service, table: str) -> int:
    async with service.engine.connect() as connection:
        return int(
            (
                await connection.execute(select(func.count()).select_from(metadata.tables[table]))
            ).scalar_one()
        )


async def test_a_file_of_customers_and_contacts(customers: Service, api: httpx.AsyncClient) -> None:
    statuses = (await api.get("/v1/customer-statuses")).json()
    status = statuses["items"][1] if isinstance(statuses, dict) else statuses[1]
    content = FINNISH.replace("Potential", status["title"])
    made = await uploaded(api, content.encode("cp1252"))
    assert (made["delimiter"], made["rows"], made["state"]) == (";", 3, "uploaded")
    assert made["first_rows"][0][5] == "Äijö"
    fields = {one["column"]: one["to"] for one in made["proposed"]}
    assert fields["Asiakastunnus"] == "customer.ref"
    assert fields["Y-tunnus"] == "customer.business_id"
    url = await mapped(
        api,
        content.encode("cp1252"),
        {
            **fields,
            "Henkilön tunnus": "contact.ref",
            "Etunimi": "contact.first_name",
            "Sukunimi": "contact.last_name",
            "Sähköposti": "contact.email",
            "Titteli": "contact.role",
        },
    )

    rehearsal = await rehearsed(api, url)
    first = await fates(api, url)
    assert await count(customers, "customer") == await count(customers, "contact") == 0
    assert rehearsal == {"created": 3}
    assert first[1]["changes"]["contact.first_name"] == [None, "Päivi"]
    assert await ran(api, url) == rehearsal
    second = await fates(api, url)
    assert [(one["fate"], one["changes"].keys()) for one in first] == [
        (one["fate"], one["changes"].keys()) for one in second
    ]

    firm = await customer_by(api, "virtasen")
    assert (firm["business_id"], firm["references"]) == (
        "0201724-4",
        [{"source": SOURCE, "ref": "K1"}],
    )
    other = await customer_by(api, "åkerlund")
    assert other["classifications"]["customer_status"] == [status["number"]]
    contact = (await api.get(f"/v1/contacts/{second[0]['contact_id']}")).json()
    roles = {one["customer_id"]: one["role"] for one in contact["customers"]}
    assert roles == {firm["customer_id"]: "Myyjä", other["customer_id"]: "Neuvonantaja"}
    assert (contact["last_name"], contact["email"]) == ("Öhman", "aijo@example.com")
    state = (await api.get(url)).json()
    assert (state["state"], state["counts"]) == ("done", {"created": 3})
    events = await told(customers, "customers.operation-completed.v1")
    assert events == [{"operation_id": state["operation_id"], "customers": 2, "deleted": 0}]
    again = await mapped(
        api,
        content.encode("cp1252"),
        {one["column"]: one["to"] for one in state["mapping"]["columns"]},
    )
    assert await rehearsed(api, again) == {"unchanged": 3}
    assert await ran(api, again) == {"unchanged": 3}


async def test_several_rows_build_one_record_and_blanks_leave_it(api: httpx.AsyncClient) -> None:
    content = (
        "ref,name,phone,customer.email\nA,First,+358401234567,\nA,,,a@example.com\n"
        "B,Second,,\nA,Renamed,,\nA,Renamed,,a@example.com\n"
    )
    mapping = {
        "ref": "customer.ref",
        "name": "customer.name",
        "phone": "customer.phone",
        "customer.email": "customer.email",
    }
    url = await mapped(api, content, mapping)

    expected = {"created": 2, "changed": 2, "unchanged": 1}
    assert await rehearsed(api, url) == expected
    assert await ran(api, url) == expected

    firm = await customer_by(api, "renamed")
    assert (firm["phone"], firm["email"]) == ("+358401234567", "a@example.com")


async def test_a_refused_row_tells_why_and_stops_no_other(api: httpx.AsyncClient) -> None:
    await made(api, "/v1/customers", name="Owner", number="N1", business_id="0201724-4")
    gone = await made(
        api, "/v1/customers", name="Gone", references=[{"source": SOURCE, "ref": "D"}]
    )
    await delete(api, gone)
    content = (
        "ref,name,number,y-tunnus,email,start,status\n"
        "A,A,,,,,\n"
        "B,B,N1,,,,\n"
        "C,C,,0201724-4,,,\n"
        "D,D,,,,,\n"
        "E,,,,,,\n"
        ",F,,,,,\n"
        "G,G,,,no address,32.13.2020,Nonsense\n"
    )
    mapping = {
        "ref": "customer.ref",
        "name": "customer.name",
        "number": "customer.number",
        "y-tunnus": "customer.business_id",
        "email": "customer.email",
        "start": "customer.relationship_start",
        "status": "customer.customer_status",
    }
    url = await mapped(api, content, mapping)

    assert await ran(api, url) == {"created": 1, "refused": 6}

    rows = {one["line"]: one for one in await fates(api, url, fate="refused")}
    assert {line: [p["column"] for p in one["problems"]] for line, one in rows.items()} == {
        3: ["number"],
        4: ["y-tunnus"],
        5: ["ref"],
        6: ["name"],
        7: ["ref"],
        8: ["email", "start", "status"],
    }
    assert "Owner" not in rows[3]["problems"][0]["reason"]
    assert "restore" in rows[5]["problems"][0]["remedy"].lower()
    assert all(p["reason"] and p["remedy"] for one in rows.values() for p in one["problems"])
    mending = await api.get(f"{url}/rows.csv", params={"fate": "refused"})
    assert mending.text.splitlines()[0] == (
        "ref,name,number,y-tunnus,email,start,status,import fate,import problem"
    )
    again = await uploaded(api, mending.content)
    assert (again["rows"], again["first_rows"][0][:3]) == (6, ["B", "B", "N1"])


async def test_match_finds_customers_by_other_keys(api: httpx.AsyncClient) -> None:
    owner = await made(api, "/v1/customers", name="Owner", number="N1")
    content = "ref,number,phone\nA,N1,+358401234567\n"
    mapping = {"ref": "customer.ref", "number": "customer.number", "phone": "customer.phone"}
    url = await mapped(api, content, mapping, match=["ref", "number"])

    assert await ran(api, url) == {"changed": 1}

    now = (await api.get(f"/v1/customers/{owner['customer_id']}")).json()
    assert (now["phone"], now["references"][0]["ref"]) == ("+358401234567", "A")


async def test_all_or_nothing(customers: Service, api: httpx.AsyncClient) -> None:
    content = "ref,name\nA,A\nB,\n"
    mapping = {"ref": "customer.ref", "name": "customer.name"}
    url = await mapped(api, content, mapping, all_or_nothing=True)

    refused = await api.post(f"{url}/run")

    assert (refused.status_code, refused.json()["slug"]) == (422, "rows_refused")
    assert await count(customers, "customer") == 0
    good = await mapped(api, "ref,name\nA,A\n", mapping, all_or_nothing=True)
    assert await ran(api, good) == {"created": 1}


@pytest.mark.requirement("VF-A9")
async def test_values_are_named_by_number_or_title_and_created_only_if_that_is_said(
    api: httpx.AsyncClient,
) -> None:
    boats = await made(api, "/v1/products", title="Boats", titles={"fi": "Veneet"})
    content = (
        "ref,name,product,status code,tick\nA,A,veneet,X,yes\nB,B,Boats; Sails,Y,\n"
        f"C,C,{boats['number']},Z,ei\nD,D,Nets,,joo\n"
    )
    mapping = {
        "ref": "customer.ref",
        "name": "customer.name",
        "product": "customer.product",
        "tick": f"customer.product.{boats['number']}",
    }
    assert "status code" not in {
        one["column"] for one in (await uploaded(api, content))["proposed"]
    }
    plain = await mapped(api, content, mapping)
    assert await rehearsed(api, plain) == {"created": 2, "refused": 2}
    creating = await mapped(api, content, mapping, create_missing=["customer.product"])
    assert await rehearsed(api, creating) == {"created": 3, "refused": 1}
    products = (await api.get("/v1/products")).json()
    assert len(products["items"] if isinstance(products, dict) else products) == 1

    assert await ran(api, creating) == {"created": 3, "refused": 1}

    held = {
        title: (await customer_by(api, title))["classifications"].get("product")
        for title in ("A", "B")
    }
    assert held["A"] == [boats["number"]] and held["B"] is not None and len(held["B"]) == 2


@pytest.mark.requirement("LS-26")
async def test_an_import_sets_bans_and_lifts_none(
    customers: Service, api: httpx.AsyncClient
) -> None:
    no_email = await role(api, "NO_EMAIL")
    await made(api, "/v1/customers", name="Firm", references=[{"source": SOURCE, "ref": "K"}])
    content = (
        "customer,person,email,no email,mobile\nK,P,p@example.com,kyllä,\nK,Q,q@example.com,,\n"
    )
    mapping = {
        "customer": "customer.ref",
        "person": "contact.ref",
        "email": "contact.email",
        "no email": "contact.ban.NO_EMAIL",
        "mobile": "contact.mobile",
    }
    url = await mapped(api, content, mapping)
    assert await ran(api, url) == {"created": 2}
    banned, free = [one["contact_id"] for one in await fates(api, url)]
    assert (await api.get(f"/v1/contacts/{banned}")).json()["attributes"] == [no_email]

    lifting = await mapped(
        api,
        "customer,person,no email,mobile,tick\nK,P,no,,no\nK,Q,yes,not a number,\n",
        {
            **{one: to for one, to in mapping.items() if one != "email"},
            "tick": f"contact.attribute.{no_email}",
        },
    )
    assert await ran(api, lifting) == {"unchanged": 1, "refused": 1}

    for one in (banned, free):
        assert (await api.get(f"/v1/contacts/{one}")).json()["attributes"] == [no_email]
    bans = await told(customers, "customers.bans-changed.v1")
    assert {one["contact_id"] for one in bans} == {banned, free}


async def test_a_ban_reaches_a_deleted_contact_though_its_row_is_refused(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await role(api, "NO_EMAIL")
    await made(api, "/v1/customers", name="Firm", references=[{"source": SOURCE, "ref": "K"}])
    mapping = {"person": "contact.ref", "email": "contact.email", "ban": "contact.ban.NO_EMAIL"}
    url = await mapped(api, "person,email,ban\nP,p@example.com,\n", mapping)
    await ran(api, url)
    (row,) = await fates(api, url)
    contact = (await api.get(f"/v1/contacts/{row['contact_id']}")).json()
    await delete(api, contact)

    banning = await mapped(api, "person,email,ban\nP,other@example.com,x\n", mapping)
    assert await ran(api, banning) == {"refused": 1}

    async with customers.engine.connect() as connection:
        held = await connection.execute(text("SELECT attributes <> '{}', email FROM contact"))
        assert held.one() == (True, "p@example.com")


async def test_an_import_is_undone_where_nobody_has_touched_it(
    customers: Service, api: httpx.AsyncClient
) -> None:
    firm = await made(
        api, "/v1/customers", name="Before", references=[{"source": SOURCE, "ref": "K"}]
    )
    mapping = {"ref": "customer.ref", "name": "customer.name"}
    url = await mapped(api, "ref,name\nK,After\nL,New one\nM,Touched\n", mapping)
    assert await ran(api, url) == {"changed": 1, "created": 2}
    touched = await customer_by(api, "touched")
    answer = await api.put(
        f"/v1/customers/{touched['customer_id']}",
        json={"name": "Touched since"},
        headers={"If-Match": f'"{touched["version"]}"'},
    )
    assert answer.status_code == 200, answer.text

    undone = (await api.post(f"{url}/undo")).json()

    assert (undone["reverted"], undone["deleted"], undone["changed_since"]) == (1, 1, 1)
    assert (await api.get(f"/v1/customers/{firm['customer_id']}")).json()["name"] == "Before"
    found = await api.post("/v1/customers/search", json={"filter": {}})
    assert {one["name"] for one in found.json()["items"]} == {"Before", "Touched since"}
    twice = await api.post(f"{url}/undo")
    assert (twice.status_code, twice.json()["slug"]) == (409, "operation_undone")


async def test_imports_are_listed_mapped_with_care_and_removed(api: httpx.AsyncClient) -> None:
    url = await mapped(api, "ref,name\nA,A\n", {"ref": "customer.ref", "name": "customer.name"})
    bad: list[tuple[Any, str]] = [
        ([{"column": "nose", "to": "customer.ref"}], "no such column"),
        ([{"column": "ref", "to": "customer.nose"}], "no field"),
        ([{"column": "name", "to": "customer.name"}], "no column is a key"),
        ([{"column": "ref", "to": "contact.first_name"}], "key of their own"),
        (
            [{"column": "ref", "to": "customer.ref"}, {"column": "name", "to": "customer.ref"}],
            "two columns",
        ),
        ([{"column": "ref", "to": "customer.ref", "create_missing": True}], "create_missing"),
    ]
    for columns, reason in bad:
        answer = await api.put(
            f"{url}/mapping", json={"columns": columns}, headers={"If-Match": '"2"'}
        )
        assert answer.status_code == 422 and reason in answer.json()["detail"], answer.text
    stale = await api.put(
        f"{url}/mapping",
        json={"columns": [{"column": "ref", "to": "customer.ref"}]},
        headers={"If-Match": '"1"'},
    )
    assert stale.status_code == 412
    assert len((await api.get("/v1/imports")).json()["items"]) == 1
    assert {one["field"] for one in (await api.get("/v1/import-fields")).json()} >= {
        "customer.ref",
        "customer.customer_status",
        "contact.ban.NO_EMAIL",
    }
    raw = await uploaded(api, "ref,name\nA,A\n")
    unmapped = await api.post(f"/v1/imports/{raw['import_id']}/run")
    assert (unmapped.status_code, unmapped.json()["slug"]) == (409, "import_not_mapped")
    assert await ran(api, url) == {"created": 1}
    twice = await api.post(f"{url}/run")
    assert (twice.status_code, twice.json()["slug"]) == (409, "import_busy")
    assert (await api.delete(url)).status_code == 200
    assert (await api.get(url)).status_code == (await api.get(f"{url}/rows")).status_code == 404


async def test_the_same_file_with_one_key_is_one_import(api: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "file"}
    answers = [
        await api.post(
            "/v1/imports",
            params={"source": SOURCE, "name": "n"},
            content=b"ref,name\nA,A\n",
            headers=key,
        )
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json()["import_id"] == answers[1].json()["import_id"]
    other = await api.post(
        "/v1/imports",
        params={"source": SOURCE, "name": "n"},
        content=b"ref,name\nB,B\n",
        headers=key,
    )
    assert other.status_code == 422


async def test_what_an_erp_knows_is_found_by_the_erps_key(
    customers: Service, api: httpx.AsyncClient
) -> None:
    await send(customers, [customer("E1", contacts=[])])
    made_ = await sent(api, "ref,name\nE1,From file\n", source="/erp/test")
    url = f"/v1/imports/{made_.json()['import_id']}"
    columns = made_.json()["proposed"]
    await api.put(f"{url}/mapping", json={"columns": columns}, headers={"If-Match": '"1"'})
    assert await ran(api, url) == {"changed": 1}
    assert (await customer_by(api, "from file"))["references"][0]["ref"] == "E1"
