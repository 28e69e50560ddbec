"""Merges that are undone and done again lose no ban, make no ring and leave nobody half merged."""

from typing import Any

import httpx
import pytest

from services.customers.domain.bans import CHANNEL_OF
from shared.chassis.service import Service
from tests.integration.customers.api_helpers import (
    contact_at,
    delete,
    made,
    restore,
    setting,
    url,
)
from tests.integration.customers.test_merges import merge, merged
from tests.integration.customers.test_undo import present, told, undo

KINDS = pytest.mark.parametrize("kind", ["customer", "contact"])


async def twins(api: httpx.AsyncClient, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Create two customers, or a contact at each of them."""
    firms = [await made(api, "/v1/customers", name=name) for name in ("One", "Other")]
    one, other = (
        firms
        if kind == "customer"
        else [
            await contact_at(api, firm, "Ann", email=f"{n}@b.com") for n, firm in enumerate(firms)
        ]
    )
    return one, other


async def ban(api: httpx.AsyncClient, record: dict[str, Any], **channels: bool) -> None:
    answer = await api.put(f"{url(record)}/bans", json=channels)
    assert answer.status_code == 202, answer.text


async def bans(api: httpx.AsyncClient, record: dict[str, Any]) -> set[str]:
    """Return the channels that are banned for a record."""
    held = await present(api, record)
    if "contact_id" in record:
        return {
            channel
            for name, channel in CHANNEL_OF.items()
            if (await setting(api, name))["value"] in held["attributes"]
        }
    return {channel for channel, banned in held["bans"].items() if banned}


async def last_bans(customers: Service, record: dict[str, Any]) -> set[str]:
    """Return what was told last of the bans of a record."""
    key = "contact_id" if "contact_id" in record else "customer_id"
    (*_, last) = [one for one in await told(customers, "bans-changed") if one[key] == record[key]]
    return {channel for channel, banned in last["bans"].items() if banned}


@pytest.mark.requirement("TS-A9")
@KINDS
@pytest.mark.parametrize("way", ["undo", "restore"])
async def test_a_ban_while_they_were_one_stays_with_both(
    customers: Service, restoring: httpx.AsyncClient, kind: str, way: str
) -> None:
    api = restoring
    into, other = await twins(api, kind)
    await ban(api, into, sms=True)
    done = await merged(api, into, other)
    await ban(api, into, email=True)

    if way == "undo":
        await undo(api, done["operation_id"])
    else:
        answer = await restore(api, other)
        assert answer.status_code == 200, answer.text

    assert await bans(api, into) == {"sms", "email"}
    # What the other one had banned before is not his.
    assert await bans(api, other) == {"email"}
    assert await last_bans(customers, other) == {"email"}
    saved = (await told(customers, f"{kind}-saved"))[-1]
    assert saved[f"{kind}_id"] == other[f"{kind}_id"]
    assert saved["version"] == (await present(api, other))["version"]


@pytest.mark.requirement("TS-A9")
@KINDS
async def test_a_ban_of_the_heirs_heir_stays_with_who_comes_back(
    customers: Service, restoring: httpx.AsyncClient, kind: str
) -> None:
    api = restoring
    middle, first = await twins(api, kind)
    last, _ = await twins(api, kind)
    done = await merged(api, middle, first)
    await merged(api, last, middle)
    await ban(api, last, post=True)

    await undo(api, done["operation_id"])

    assert await bans(api, first) == {"post"}
    assert await last_bans(customers, first) == {"post"}


@pytest.mark.requirement("TS-A9")
@KINDS
async def test_a_ban_between_reaches_the_survivor_of_a_merge_done_again(
    customers: Service, api: httpx.AsyncClient, kind: str
) -> None:
    into, other = await twins(api, kind)
    done = await merged(api, into, other)
    undone = await undo(api, done["operation_id"])
    await ban(api, other, email=True)

    redone = await undo(api, undone["operation_id"])

    assert redone["changed_since"] == 0
    assert (await api.get(url(other))).json()["merged_into"] == into[f"{kind}_id"]
    assert await bans(api, into) == {"email"}
    assert await last_bans(customers, into) == {"email"}


@pytest.mark.requirement("TS-A9")
@KINDS
async def test_no_merges_make_a_ring(api: httpx.AsyncClient, kind: str) -> None:
    one, other = await twins(api, kind)
    done = await merged(api, one, other)
    undone = await undo(api, done["operation_id"])
    await merged(api, other, one)

    redone = await undo(api, undone["operation_id"])

    left = {each["record_id"]: each["fields"] for each in redone["first_changed_since"]}
    assert left[other[f"{kind}_id"]]["merged_into"] == "gone"
    assert redone["reverted"] == 0
    assert (await api.get(url(one))).json()["merged_into"] == other[f"{kind}_id"]
    assert (await api.get(url(other))).status_code == 200


@pytest.mark.requirement("TS-A9")
async def test_a_merge_is_done_again_whole_or_not_at_all(api: httpx.AsyncClient) -> None:
    into, gone = await twins(api, "customer")
    firm, _ = await twins(api, "customer")
    ann = await contact_at(api, gone, "Ann")
    answer = await merge(api, into, gone, firm, number=gone)
    undone = await undo(api, answer.json()["operation_id"])
    await delete(api, gone)

    redone = await undo(api, undone["operation_id"])

    assert redone["reverted"] == 0
    assert (await present(api, firm))["number"] == firm["number"]
    assert (await present(api, into))["number"] == into["number"]
    (place,) = (await present(api, ann))["customers"]
    assert place["customer_id"] == gone["customer_id"]


@pytest.mark.requirement("TS-A9")
@KINDS
async def test_nobody_is_merged_again_into_who_is_deleted(
    api: httpx.AsyncClient, kind: str
) -> None:
    into, other = await twins(api, kind)
    undone = await undo(api, (await merged(api, into, other))["operation_id"])
    await delete(api, into)

    redone = await undo(api, undone["operation_id"])

    assert redone["reverted"] == 0
    assert (await api.get(url(other))).status_code == 200
