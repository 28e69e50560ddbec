"""
Whatever is done to records, attributes and lists: what is held is always lawful (LS-A11), nothing
belongs to who is merged away, and no ban is lost (TS-A9).
"""

import os
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

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
from tests.integration.customers.attributes import PATHS, attribute, choice, give, outlaws
from tests.integration.customers.test_lists import delete as delete_value
from tests.integration.customers.test_lists import put_value
from tests.integration.republish.world import true_bans

VALUES: dict[str, list[Any]] = {
    "tick": ["wrong", None],
    "list": ["wrong", None],
    "text": ["gold", "2024-01-01", None],
    "number": [7, -0.5, "wrong", None],
    "date": ["2024-01-01", "wrong", None],
}
TYPES = tuple(VALUES)
ACTIONS = (
    *("value", "value", "tick", "choose", "put", "many", "many", "undo", "undo"),
    *("retype", "archive", "merge", "remove", "rehome", "delete", "restore"),
    *("status", "kind", "group", "narrow", "unite", "unite", "unite", "undo", "undo", "ban", "ban"),
)
Step = tuple[str, int, int, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)),
    min_size=4,
    max_size=20,
)
FIRST = 3  # customers before contacts among the records
CHANNELS = ("email", "sms", "post")
EVERYBODY: dict[str, Any] = {"filter": {}, "everybody": True}


class World:
    """Three customers and contacts, with attributes of every type and two lists of choices."""

    def __init__(self, customers: Service, api: httpx.AsyncClient, titles: "count[int]") -> None:
        self.customers = customers
        self.api = api
        self.titles = titles
        self.records: list[dict[str, Any]] = []
        self.attributes: dict[str, list[int]] = {}
        self.choices: dict[str, list[int]] = {}
        self.lists: dict[str, list[int]] = {}
        self.operations: list[str] = []
        self.answers: set[tuple[str, int]] = set()
        self.banned: dict[str, set[str]] = {}
        self.bans: set[int] = set()

    def title(self) -> str:
        return f"V{next(self.titles)}"

    async def fill(self) -> None:
        firms = [
            await made(self.api, "/v1/customers", name=title, references=[reference(title)])
            for title in (self.title() for _ in range(FIRST))
        ]
        people = [await contact_at(self.api, firm, self.title()) for firm in firms]
        self.records = [*firms, *people]
        self.banned = {record_id(one): set() for one in self.records}
        self.bans = {(await setting(self.api, name))["value"] for name in CHANNEL_OF}
        for of in PATHS:
            self.attributes[of] = [
                await attribute(self.api, self.title(), one, of=of) for one in (*TYPES, "list")
            ]
            homes = [self.attributes[of][TYPES.index("list")], self.attributes[of][-1]]
            self.choices[of] = [
                await choice(self.api, self.title(), home, of=of) for home in (*homes, *homes)
            ]
        for path in ("customer-statuses", "customer-kinds", "customer-groups", "categories"):
            self.lists[path] = [
                int((await made(self.api, f"/v1/{path}", title=self.title()))["number"])
                for _ in range(2)
            ]

    async def take(self, step: Step) -> None:
        what, which, one, other = step
        answer = await getattr(self, what)(which, one, other)
        if answer is not None:
            assert answer.status_code < 500, answer.text
            self.answers.add((what, answer.status_code // 100))
            if what in ("many", "narrow", "unite") and answer.status_code == 200:
                self.operations.append(answer.json().get("operation_id") or "")

    def of(self, which: int) -> str:
        return "customer" if which < FIRST else "contact"

    async def present(self, of: str, number: int) -> dict[str, Any] | None:
        answer = await self.api.get(f"/v1/{PATHS[of][0]}/{number}")
        return dict(answer.json()) if answer.status_code == 200 else None

    async def given(self, which: int, **asked: Any) -> httpx.Response | None:
        """Give a living record what is asked; bans stay, for whoever unticks one frees it."""
        record = self.records[which]
        present = await self.api.get(url(record))
        if present.status_code != 200:
            return None
        if which >= FIRST and "attributes" in asked:
            asked["attributes"] += sorted(self.bans & set(present.json()["attributes"]))
        return await give(self.api, record, **asked)

    async def value(self, which: int, one: int, other: int) -> httpx.Response | None:
        number = self.attributes[self.of(which)][one]
        present = await self.present(self.of(which), number)
        values = VALUES[present["value_type"] if present else "text"]
        return await self.given(which, values={str(number): values[other % len(values)]})

    async def tick(self, which: int, one: int, other: int) -> httpx.Response | None:
        own = self.attributes[self.of(which)]
        return await self.given(which, attributes=[own[one], own[0]][: 1 + other % 2])

    async def choose(self, which: int, one: int, other: int) -> httpx.Response | None:
        own = self.choices[self.of(which)]
        return await self.given(which, choices=[own[one % 4], own[other % 4]][: 1 + other % 2])

    async def put(self, which: int, one: int, other: int) -> httpx.Response | None:
        """Take everything away, by its attributes or by its choices."""
        return await self.given(which, **{("attributes", "choices")[one % 2]: []})

    async def many(self, which: int, one: int, other: int) -> httpx.Response:
        number = self.attributes["customer"][one]
        present = await self.present("customer", number)
        values = VALUES[present["value_type"] if present else "text"]
        way: dict[str, Any] = (
            {"put_values": {str(number): values[other % len(values)]}},
            {"add": {"customer_attribute_choice": [self.choices["customer"][one % 4]]}},
            {"remove": {"customer_attribute": [number]}},
            {"put": {"customer_attribute": []}},
            {"put": {"customer_group": [self.lists["customer-groups"][one % 2]]}},
            {"put": {"category": [self.lists["categories"][one % 2]]}},
        )[other]
        return await self.api.post("/v1/customer-changes", json={**EVERYBODY, **way})

    async def undo(self, which: int, one: int, other: int) -> httpx.Response | None:
        known = [operation for operation in self.operations if operation]
        if not known:
            return None
        operation = known[-1 - one % len(known)]
        answer = await self.api.post(f"/v1/operations/{operation}/undo")
        if answer.status_code == 200:
            self.operations.append(answer.json()["operation_id"])
        return answer

    async def retype(self, which: int, one: int, other: int) -> httpx.Response | None:
        of = self.of(which)
        number = self.attributes[of][one]
        present = await self.present(of, number)
        if present is None:
            return None
        return await put_value(
            self.api,
            PATHS[of][0],
            number,
            title=present["title"],
            value_type=TYPES[other % len(TYPES)],
        )

    async def archive(self, which: int, one: int, other: int) -> httpx.Response | None:
        of = self.of(which)
        number = self.attributes[of][one]
        present = await self.present(of, number)
        if present is None:
            return None
        return await put_value(
            self.api,
            PATHS[of][0],
            number,
            title=present["title"],
            value_type=present["value_type"],
            archived=present["archived_at"] is None,
        )

    async def merge(self, which: int, one: int, other: int) -> httpx.Response | None:
        return await self.gone(which, one, self.of(which), other)

    async def remove(self, which: int, one: int, other: int) -> httpx.Response | None:
        return await self.gone(which, one, self.of(which), None)

    async def gone(self, which: int, one: int, of: str, other: int | None) -> httpx.Response | None:
        own, path = (
            (self.choices[of], PATHS[of][1]) if which % 2 else (self.attributes[of], PATHS[of][0])
        )
        number = own[one % len(own)]
        target = None if other is None else own[other % len(own)]
        if (await self.api.get(f"/v1/{path}/{number}")).status_code != 200:
            return None
        return await delete_value(self.api, path, number, move_to=target)

    async def rehome(self, which: int, one: int, other: int) -> httpx.Response | None:
        of = self.of(which)
        path = PATHS[of][1]
        found = await self.api.get(f"/v1/{path}/{self.choices[of][one % 4]}")
        if found.status_code != 200:
            return None
        return await put_value(
            self.api,
            path,
            found.json()["number"],
            title=found.json()["title"],
            parent=self.attributes[of][other],
        )

    async def delete(self, which: int, one: int, other: int) -> None:
        if (await self.api.get(url(self.records[which]))).status_code == 200:
            await delete(self.api, self.records[which])

    async def restore(self, which: int, one: int, other: int) -> httpx.Response:
        record, into = self.records[which], self.records[one % FIRST]
        if which < FIRST and other == 0:
            answer = await restore(self.api, record, merge_into=into["customer_id"])
            newest = (await self.api.get("/v1/operations?limit=1")).json()["items"]
            self.operations += [one["operation_id"] for one in newest]
            return answer
        return await restore(self.api, record)

    async def unite(self, which: int, one: int, other: int) -> httpx.Response | None:
        """Merge one or two records into another, their status perhaps from one of those."""
        kind = self.of(which)
        of_kind = self.records[:FIRST] if kind == "customer" else self.records[FIRST:]
        into = self.records[which]
        others = [of_kind[n % FIRST] for n in (which + 1 + one % 2, which + 2 - one % 2)]
        found = [await self.api.get(url(record)) for record in (into, *others)]
        live = [
            record
            for record, answer in zip((into, *others), found, strict=True)
            if answer.status_code == 200
        ]
        if live[:1] != [into] or len(live) < 2:
            return None
        live = live[: 2 + (other == 5)]
        ids = [record_id(record) for record in live]
        versions = {
            answer.json()[f"{kind}_id"]: answer.json()["version"]
            for answer in found
            if answer.status_code == 200 and answer.json()[f"{kind}_id"] in ids
        }
        fields = {"classifications.customer_status": ids[-1], "number": ids[-1]}
        return await self.api.post(
            f"/v1/{kind}-merges",
            json={
                "into": ids[0],
                "from": ids[1:],
                "fields": fields if kind == "customer" and other % 2 else {},
                "if_match": versions,
            },
        )

    async def ban(self, which: int, one: int, other: int) -> httpx.Response:
        """Ban somebody: all that are one with him by now are banned."""
        record, channel = self.records[which], CHANNELS[one % 3]
        answer = await self.api.put(f"{url(record)}/bans", json={channel: True})
        assert answer.status_code == 202, answer.text
        heirs = await self.heirs()
        for who, heir in heirs.items():
            if heir == heirs[record_id(record)]:
                self.banned[who].add(channel)
        return answer

    async def heirs(self) -> dict[str, str]:
        """Return who stands for whom: himself, or who lives at the end of his merges."""
        async with self.customers.engine.connect() as connection:
            rows = await connection.execute(text(_MERGED))
            into = {str(row.id): row.merged_into and str(row.merged_into) for row in rows}
        heirs = {}
        for one in into:
            seen = [one]
            while (above := into[seen[-1]]) is not None:
                assert above not in seen, "merged in a ring"
                seen.append(above)
            heirs[one] = seen[-1]
        return heirs

    async def lost_bans(self) -> list[tuple[str, set[str]]]:
        """Return who ought to be banned and is not; a merge hands bans on to the survivor."""
        held = await true_bans(self.customers)
        heirs = await self.heirs()
        for who, heir in heirs.items():
            self.banned[heir] |= self.banned[who]
        lost = []
        for who, channels in self.banned.items():
            kind = (
                "customer"
                if any(r.get("customer_id") == who for r in self.records[:FIRST])
                else "contact"
            )
            bans = held.get(f"{kind}:{heirs[who]}", (False, False, False))
            missing = channels - {name for name, on in zip(CHANNELS, bans, strict=True) if on}
            if missing:
                lost.append((f"{kind} {who}", missing))
        return lost

    async def status(self, which: int, one: int, other: int) -> httpx.Response | None:
        return await self.listed("customer-statuses", "customer_status", which, one, other)

    async def kind(self, which: int, one: int, other: int) -> httpx.Response | None:
        return await self.listed("customer-kinds", "customer_kind", which, one, other)

    async def group(self, which: int, one: int, other: int) -> httpx.Response | None:
        return await self.listed("customer-groups", "customer_group", which, one, other)

    async def listed(
        self, path: str, name: str, which: int, one: int, other: int
    ) -> httpx.Response | None:
        """Put or empty a value of a list, or delete or merge one, or make it the default."""
        first, second = self.lists[path]
        match other:
            case 0 | 1:
                return await self.api.post(
                    "/v1/customer-changes",
                    json={**EVERYBODY, "put": {name: [first, second][: one % 3]}},
                )
            case 2:
                return await self.api.post(
                    "/v1/customer-changes",
                    json={**EVERYBODY, "remove": {name: [first]}, "add": {name: [second]}},
                )
            case 3:
                number, target = (first, None) if one % 2 else (second, first)
                if (await self.api.get(f"/v1/{path}/{number}")).status_code == 200:
                    return await delete_value(self.api, path, number, move_to=target)
            case _ if name != "customer_group":
                if (await self.api.get(f"/v1/{path}/{first}")).status_code == 200:
                    return await put_value(
                        self.api, path, first, title=self.title(), default=one % 2 == 0
                    )
        return None

    async def narrow(self, which: int, one: int, other: int) -> httpx.Response:
        number = self.lists["categories"][one % 2]
        version = (await self.api.get(f"/v1/categories/{number}")).json()["version"]
        scope = ("customer", "contact", "both")[other % 3]
        return await self.api.put(
            f"/v1/categories/{number}?force={str(other > 2).lower()}",
            json={"title": self.title(), "scope": scope},
            headers={"If-Match": f'"{version}"'},
        )


TEXT, NUMBER, LIST = (TYPES.index(one) for one in ("text", "number", "list"))


@pytest.mark.requirement("LS-A11", "LS-08", "VF-02", "TS-A9", "TS-A10")
@given(steps=STEPS)
@example(  # values, taken from many, of another type before they are given back
    steps=[
        ("value", 0, TEXT, 1),
        ("many", 0, TEXT, 3),
        ("retype", 0, TEXT, 3),
        ("undo", 0, 0, 0),
    ]
)
@example(  # a choice, taken from many, in another attribute before it is given back
    steps=[("choose", 0, 0, 0), ("many", 0, 0, 3), ("rehome", 0, 0, 5), ("undo", 0, 0, 0)]
)
@example(  # merged onto an attribute that one of the holders is deleted with
    steps=[
        ("value", 4, TEXT, 0),
        ("delete", 4, 0, 0),
        ("retype", 4, NUMBER, TEXT),
        ("merge", 4, TEXT, NUMBER),
        ("restore", 4, 0, 0),
    ]
)
@example(steps=[("many", 0, 0, 5), ("narrow", 0, 0, 4), ("undo", 0, 0, 0)])
@settings(
    max_examples=int(os.environ.get("SUHDE_SEQUENCES", "20")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_no_sequence_of_operations_breaks_the_law(
    customers: Service, restoring: httpx.AsyncClient, steps: list[Step]
) -> None:
    async with customers.engine.begin() as connection:
        await connection.execute(text("TRUNCATE inbox, outbox, customer, contact CASCADE"))
    world = World(customers, restoring, TITLES)
    await world.fill()

    for step in steps:
        await world.take(step)
        assert await outlaws(customers) == [], step
        assert await stranded(customers) == [], step
        assert await world.lost_bans() == [], step


@pytest.mark.requirement("LS-A11", "TS-A9")
async def test_every_kind_of_step_does_something(
    customers: Service, restoring: httpx.AsyncClient
) -> None:
    """What the API refuses breaks no law, so a test that is always refused would prove nothing."""
    world = World(customers, restoring, TITLES)
    await world.fill()

    for step in [
        *[("value", 0, TEXT, 0), ("tick", 0, 0, 0), ("choose", 3, 0, 0), ("put", 0, 0, 0)],
        *[("many", 0, TEXT, 0), ("undo", 0, 0, 0), ("retype", 0, NUMBER, TEXT)],
        *[("archive", 0, 0, 0), ("merge", 4, NUMBER, NUMBER), ("merge", 0, TEXT, NUMBER)],
        *[("remove", 0, 0, 0), ("rehome", 0, 0, 5), ("delete", 2, 0, 0), ("restore", 2, 0, 1)],
        *[("status", 0, 1, 0), ("kind", 0, 1, 0), ("group", 0, 1, 0), ("narrow", 0, 0, 3)],
        *[("ban", 0, 0, 0), ("unite", 0, 0, 5), ("undo", 0, 0, 0), ("undo", 0, 0, 0)],
        *[("unite", 4, 0, 0), ("undo", 0, 0, 0), ("restore", 0, 0, 0)],
    ]:
        await world.take(step)
        assert await outlaws(customers) == [], step

    taken = {what for what, answered in world.answers if answered == 2}
    assert taken >= set(ACTIONS) - {"delete"}


TITLES = count()


def record_id(record: dict[str, Any]) -> str:
    return str(record.get("contact_id") or record["customer_id"])


def reference(title: str) -> dict[str, str]:
    return {"source": "/erp", "ref": title}


async def stranded(service: Service) -> list[Any]:
    """Return what belongs to a customer or contact that another one stands for."""
    async with service.engine.connect() as connection:
        return list((await connection.execute(text(_STRANDED))).all())


_MERGED = """
    SELECT customer_id AS id, merged_into FROM customer
    UNION ALL SELECT contact_id, merged_into FROM contact
"""
_STRANDED = """
    SELECT 'place' AS what, customer_id FROM contact_customer JOIN customer USING (customer_id)
    WHERE merged_into IS NOT NULL
    UNION ALL
    SELECT 'reference', customer_id FROM customer_reference JOIN customer USING (customer_id)
    WHERE merged_into IS NOT NULL
"""
