"""Profiles are applied: each value once, and never over what somebody has edited."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.customers.api_helpers import made, put_setting, setting
from tests.integration.customers.test_lists import delete, put_value, titles


async def apply(api: httpx.AsyncClient, name: str, *, dry_run: bool = False) -> dict[str, Any]:
    answer = await api.post(f"/v1/list-profiles/{name}/apply", params={"dry_run": dry_run})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def everything(api: httpx.AsyncClient) -> dict[str, Any]:
    """Return all values of all lists."""
    lists = (await api.get("/v1/lists")).json()
    return {
        one["name"]: (await api.get(one["path"], params={"archived": True})).json() for one in lists
    }


async def test_what_cannot_be_applied_is_told(api: httpx.AsyncClient) -> None:
    refused = await api.post("/v1/list-profiles/sap/apply")
    assert (refused.status_code, refused.json()["slug"]) == (404, "list_profile_not_found")
    assert "suhde profile list" in refused.json()["remedy"]


@pytest.mark.requirement("VF-03", "VF-28")
async def test_a_new_register_has_the_lists_of_valueframe_already(api: httpx.AsyncClient) -> None:
    done = await apply(api, "valueframe")
    assert (done["added"], done["installed_before"]) == (0, 11)
    shown = {one["name"]: one for one in (await api.get("/v1/list-profiles")).json()}
    assert shown["valueframe"]["installed"] == shown["valueframe"]["values"] == 11
    assert shown["lemonsoft"]["installed"] == 0


@pytest.mark.requirement("LS-11", "LS-13", "LS-18", "LS-22", "LS-23", "LS-24", "LS-25")
async def test_lemonsoft_brings_the_contact_attributes_and_their_settings(
    api: httpx.AsyncClient,
) -> None:
    own = await made(api, "/v1/contact-attributes", title="Buyers")
    await put_setting(api, "CONTACT_PURCHASE", own["number"])
    told = await apply(api, "lemonsoft", dry_run=True)
    assert "Region" not in await titles(api, "tracking-objects"), "a dry run adds nothing"

    done = await apply(api, "lemonsoft")

    assert done == {**told, "dry_run": False}
    assert (done["added"], done["adopted"]) == (5, 2), "the two kinds are there by the same title"
    named = {one["number"]: one for one in (await api.get("/v1/contact-attributes")).json()}
    invoices = named[(await setting(api, "CONTACT_NUMBER"))["value"]]
    assert invoices["titles"]["fi"] == "Sähköpostilaskut ja maksumuistutukset"
    assert named[(await setting(api, "CONTACT_SALES"))["value"]]["title"] == "Sales orders"
    assert (await setting(api, "CONTACT_PURCHASE"))["value"] == own["number"], "it had a value"


@pytest.mark.requirement("TS-01", "TS-03", "TS-04", "TS-40")
async def test_24sevenoffice_brings_its_status_types(api: httpx.AsyncClient) -> None:
    await apply(api, "24sevenoffice")
    assert (await titles(api, "customer-statuses"))[-2:] == ["Active", "Not processed"]
    scopes = {one["title"]: one["scope"] for one in (await api.get("/v1/categories")).json()}
    assert scopes["Decision maker"] == "contact"
    assert "Trade fair" in await titles(api, "customer-sources")


@pytest.mark.requirement("MC-02", "MC-03", "MC-A6")
async def test_minicrm_proposes_statuses_in_four_groups(api: httpx.AsyncClient) -> None:
    await apply(api, "minicrm")
    numbers = {
        one["title"]: one["number"] for one in (await api.get("/v1/customer-statuses")).json()
    }
    groups = {one["title"]: one["members"] for one in (await api.get("/v1/status-groups")).json()}
    assert groups["Lead"] == [numbers["Enquiry"]]
    assert groups["Open"] == [numbers["Order"], numbers["Realisation"], numbers["Invoicing"]]
    marks = {
        one["title"]: one["default"] for one in (await api.get("/v1/customer-statuses")).json()
    }
    assert [title for title, default in marks.items() if default] == ["Customer"]


@pytest.mark.requirement("MC-03", "VF-06")
@pytest.mark.parametrize("name", ["lemonsoft", "valueframe", "24sevenoffice", "minicrm", "nace"])
async def test_twice_changes_nothing(api: httpx.AsyncClient, name: str) -> None:
    await apply(api, name)
    before = await everything(api)
    second = await apply(api, name)
    assert (second["added"], second["adopted"], second["left_out"]) == (0, 0, 0)
    assert await everything(api) == before


@pytest.mark.requirement("MC-03")
async def test_edited_values_stay_and_deleted_ones_stay_away(api: httpx.AsyncClient) -> None:
    await apply(api, "minicrm")
    numbers = {
        one["title"]: one["number"] for one in (await api.get("/v1/customer-statuses")).json()
    }
    await put_value(api, "customer-statuses", numbers["Enquiry"], title="Lead", colour="#010203")
    await put_value(api, "customer-statuses", numbers["Order"], title="Order", archived=True)
    assert (await delete(api, "customer-statuses", numbers["Invoicing"])).status_code == 200
    before = await everything(api)

    done = await apply(api, "minicrm")

    assert (done["added"], done["installed_before"]) == (0, 10)
    assert await everything(api) == before


async def test_two_at_once_install_it_once(api: httpx.AsyncClient) -> None:
    done = await asyncio.gather(*(apply(api, "24sevenoffice") for _ in range(4)))
    assert sorted(one["added"] for one in done) == [0, 0, 0, 10]


@pytest.mark.requirement("VF-30", "VF-31", "TS-16", "TS-17")
async def test_nace_is_a_tree_of_industries(api: httpx.AsyncClient) -> None:
    own = await made(api, "/v1/industries", title="Ours", order=5)
    done = await apply(api, "nace")
    assert (done["added"], len(done["first_added"])) == (1047, 100)

    industries = (await api.get("/v1/industries")).json()
    by_code = {one["code"]: one for one in industries}
    assert industries[0]["number"] == own["number"]
    assert [one["code"] for one in industries[1:4]] == ["A", "01", "01.1"], "in NACE's order"
    assert by_code["12.00"]["parent"] == by_code["12.0"]["number"]
    rice = by_code["01.12"]["number"]
    firm = await made(api, "/v1/customers", name="F", classifications={"industry": [rice]})
    assert firm["classifications"]["industry"] == [rice]
    section = {"having": {"industry": [by_code["A"]["number"]]}}
    found = await api.post("/v1/customers/search", json={"filter": section})
    assert [one["name"] for one in found.json()["items"]] == ["F"], "a section has what is below it"
    more = await made(api, "/v1/industries", title="Wild rice", parent=rice)
    assert more["parent"] == rice
