"""The demo's segments: who comes and goes when something is told, why, and what a ban refuses."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
from rich.console import Console
from rich.table import Table

from apps.embedded.demo.asking import WITHIN_SECONDS, made_segment, when_there
from apps.embedded.demo.calls import CRM_EVENT, SELLERS
from apps.embedded.demo.summary import print_requests

BUYERS = {
    "name": "Demo: bought for 500 pounds since June 2011",
    "rule": {"op": "turnover", "currency": "GBP", "at_least": "500", "from_day": "2011-06-01"},
}
QUIET = "Demo: of these, not spoken with for seven days"
REACHED = "Demo: of these, spoken with in the last seven days"
WEEK = {"op": "activities", "last_days": 7}


async def print_segments(client: httpx.AsyncClient, console: Console, address: str) -> None:
    """
    Make three segments, tell of a call, and print who came and left by it, and why.

    Then ban somebody and print how the gate answers. A second run goes on with others.
    """
    buyers = await made_segment(client, BUYERS)
    inside = {"op": "in_segment", "segment_id": buyers}
    quiet = await made_segment(
        client,
        {"name": QUIET, "rule": {"op": "all", "rules": [inside, {"op": "not", "rule": WEEK}]}},
    )
    reached = await made_segment(
        client, {"name": REACHED, "rule": {"op": "all", "rules": [inside, WEEK]}}
    )
    table = Table("segment", "members", "mailable by e-mail", title="Segments")
    for name, segment in ((BUYERS["name"], buyers), (QUIET, quiet), (REACHED, reached)):
        counts = (await when_there(client, f"/v1/segments/{segment}/counts"))["email"]
        table.add_row(str(name), f"{counts['members']:,}", f"{counts['mailable']:,}")
    console.print(table)
    member = await _member_with_customer(client, quiet)
    if member is None:
        console.print("Everybody was spoken with this week; nobody is left to call.")
        return
    await _tell_of_a_call(client, member)
    console.print(f"{_name(member)} is called. What that does, and which event did it:")
    for name, segment in ((QUIET, quiet), (REACHED, reached)):
        change = await _change_of(client, segment, member["contact_id"])
        did = "comes into" if change["entered"] else "leaves"
        _say(console, f"  {did} {name!r}: {change['cause']}, {change['told_type']}")
    await _print_why(client, console, quiet, member)
    await _print_ban(client, console, member)
    console.print("The same, and how the segment grew:")
    print_requests(
        console,
        [
            f'"{address}/v1/segments/{quiet}/explanations/{member["contact_id"]}"',
            f'"{address}/v1/segments/{quiet}/changes?contact_id={member["contact_id"]}"',
            f'"{address}/v1/memberships/{member["contact_id"]}"',
        ],
    )


async def _member_with_customer(client: httpx.AsyncClient, segment: str) -> dict[str, Any] | None:
    page = await when_there(client, f"/v1/segments/{segment}/members", limit=20)
    for member in page["items"]:
        contact = (await client.get(f"/v1/contacts/{member['contact_id']}")).raise_for_status()
        found: dict[str, Any] = contact.json()
        if found["customers"] and found["email"]:
            return found
    return None


async def _tell_of_a_call(client: httpx.AsyncClient, member: dict[str, Any]) -> None:
    call = {
        "customer_id": member["customers"][0]["customer_id"],
        "contacts": [member["contact_id"]],
        "category": CRM_EVENT,
        "subject": "Asked how the last delivery was",
        "seller": next(iter(SELLERS)),
    }
    (await client.post("/v1/activities", json=call)).raise_for_status()


async def _change_of(client: httpx.AsyncClient, segment: str, contact_id: str) -> dict[str, Any]:
    """Return how the contact came or left last; wait until he has, by what was told."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            answer = await client.get(
                f"/v1/segments/{segment}/changes", params={"contact_id": contact_id}
            )
            changes = answer.raise_for_status().json()["items"]
            if changes and changes[-1]["cause"] == "event":
                found: dict[str, Any] = changes[-1]
                return found
            await asyncio.sleep(0.1)


async def _print_why(
    client: httpx.AsyncClient, console: Console, segment: str, member: dict[str, Any]
) -> None:
    answer = await client.get(
        f"/v1/segments/{segment}/explanations/{member['contact_id']}",
        params={"channel": "email", "purpose": "marketing"},
    )
    why = answer.raise_for_status().json()
    _say(console, f"Is {_name(member)} in {QUIET!r}? {'Yes' if why['member'] else 'No'}:")
    _print_node(console, why["tree"], "  ")


def _print_node(console: Console, node: dict[str, Any], indent: str) -> None:
    _say(console, f"{indent}{'holds     ' if node['holds'] else 'holds not '} {node['op']}")
    for rule in node["rules"]:
        _print_node(console, rule, indent + "  ")


async def _print_ban(client: httpx.AsyncClient, console: Console, member: dict[str, Any]) -> None:
    ban = {"channel": "email", "address": member["email"], "source": "demo: asked by telephone"}
    fence = (await client.post("/v1/bans", json=ban)).raise_for_status().json()["fence"]
    _say(console, f"{_name(member)} wants no more e-mail; the ban is {fence}.")
    for purpose in ("marketing", "service"):
        asked = {
            "contact_ids": [member["contact_id"]],
            "channel": "email",
            "purpose": purpose,
            "campaign": f"demo-{uuid4()}",
        }
        answer = (await client.post("/v1/hand-offs", json=asked)).raise_for_status().json()
        outcome = answer["outcomes"][0]
        if refused := outcome["refused"]:
            _say(console, f"  {purpose}: refused, {refused['reason']}: {refused['detail']}")
        else:
            released = outcome["released"]
            _say(
                console,
                f"  {purpose}: released, receipt {released['hand_off_id']} "
                f"at consent number {released['consent_seq']}",
            )


def _name(member: dict[str, Any]) -> str:
    return f"{member['first_name']} {member['last_name']}".strip()


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
