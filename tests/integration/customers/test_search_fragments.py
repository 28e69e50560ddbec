"""Whatever way a fragment is searched, it finds what a naive look at every text finds."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.search import CustomerFilter, Ended, Sort
from services.customers.handlers.search_customers import search_customers
from services.customers.persistence import search_fragments
from shared.chassis.service import Service
from shared.chassis.testing.waiting import eventually
from tests.integration.customers.api_helpers import contact_at, delete, made, restore, url

# Few hits, many, many whose places are not looked up, and hits met without an index.
WAYS = [
    {},
    {"FEW_HITS": 0, "SAMPLE": 2},
    {"FEW_HITS": 0, "PLACES_AT_HAND": 0, "SAMPLE": 2},
    {"EVERYWHERE": 0, "SAMPLE": 1},
]
WORDS = st.text(alphabet="abÅ%_ .", min_size=1, max_size=6).filter(str.strip)
LONG = st.sampled_from(["", "", "", "å" * 310])
WORLDS = st.lists(
    st.tuples(WORDS, LONG, st.booleans(), st.lists(WORDS, max_size=2)), min_size=1, max_size=8
)
ADD_CUSTOMERS = text(
    """
    INSERT INTO customer (customer_id, version, number, name, classifications, started_on,
                          start_source, created_at, updated_at)
    SELECT gen_random_uuid(), 1, substr(md5(random()::text), 1, 12), name,
           ARRAY(SELECT key FROM list_value WHERE list = 'customer_status'
                 AND (facts @> '{"ended": true}') = ended ORDER BY number LIMIT 1),
           started_on, CASE WHEN started_on IS NOT NULL THEN 'manual' END, now(), now()
    FROM unnest(CAST(:names AS text[]), CAST(:ended AS bool[])) WITH ORDINALITY
             AS world (name, ended, place)
    CROSS JOIN LATERAL (SELECT CASE WHEN place % 2 = 0 THEN DATE '2020-01-01' + place::int END)
             AS start (started_on)
    RETURNING customer_id
    """
)
ADD_CONTACTS = text(
    """
    WITH world AS MATERIALIZED (
        SELECT gen_random_uuid() AS contact_id, customer_id, name
        FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) AS world (customer_id, name)),
    person AS (
        INSERT INTO contact (contact_id, version, first_name, created_at, updated_at)
        SELECT contact_id, 1, name, now(), now() FROM world RETURNING contact_id)
    SELECT contact_id, customer_id FROM world JOIN person USING (contact_id)
    """
)
ADD_PLACES = text(
    "INSERT INTO contact_customer (contact_id, customer_id) "
    "SELECT * FROM unnest(CAST(:contacts AS uuid[]), CAST(:customers AS uuid[]))"
)
EVERYBODY = text(
    """
    SELECT customer_id, lower(concat_ws(E'\\n', name, number, business_id, phone, email)) AS own,
           ARRAY(SELECT lower(concat_ws(E'\\n', first_name || ' ' || last_name, email, mobile,
                                        phone))
                 FROM contact JOIN contact_customer AS place USING (contact_id)
                 WHERE place.customer_id = customer.customer_id AND contact.deleted_at IS NULL)
               AS theirs
    FROM customer WHERE deleted_at IS NULL
    """
)


async def add(connection: AsyncConnection, world: list[tuple[str, str, bool, list[str]]]) -> None:
    ids = list(
        (
            await connection.execute(
                ADD_CUSTOMERS,
                {
                    "names": [word + long for word, long, _, _ in world],
                    "ended": [ended for _, _, ended, _ in world],
                },
            )
        ).scalars()
    )
    people = [
        (one, name) for one, (_, _, _, names) in zip(ids, world, strict=True) for name in names
    ]
    places = (
        await connection.execute(
            ADD_CONTACTS, {"ids": [one for one, _ in people], "names": [name for _, name in people]}
        )
    ).all()
    await connection.execute(
        ADD_PLACES,
        {"contacts": [row[0] for row in places], "customers": [row[1] for row in places]},
    )
    await connection.commit()


async def pages(
    connection: AsyncConnection, wanted: CustomerFilter, sort: Sort, *, limit: int
) -> list[UUID]:
    found: list[UUID] = []
    after = None
    while True:
        page = (
            await search_customers(wanted, connection, sort=sort, after=after, limit=limit)
        ).rows
        found += [row.customer_id for row in page]
        if len(page) < limit:
            return found
        after = page[-1].sort_key, page[-1].customer_id


@pytest.mark.requirement("VF-15")
@pytest.mark.parametrize("way", WAYS, ids=str)
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    world=WORLDS,
    fragment=WORDS.map(str.strip).filter(lambda word: len(word) >= 3),
    sort=st.sampled_from(list(Sort)),
    ended=st.sampled_from(list(Ended)),
)
async def test_every_way_finds_what_a_naive_search_finds(
    customers: Service,
    monkeypatch: pytest.MonkeyPatch,
    way: dict[str, int],
    world: list[tuple[str, str, bool, list[str]]],
    fragment: str,
    sort: Sort,
    ended: Ended,
) -> None:
    for name, bound in way.items():
        monkeypatch.setattr(search_fragments, name, bound)
    async with customers.engine.connect() as connection:
        await add(connection, world)
        folded = fragment.lower()
        hit = {
            row.customer_id
            for row in await connection.execute(EVERYBODY)
            if folded in row.own or any(folded in one for one in row.theirs)
        }
        in_order = await pages(connection, CustomerFilter(ended=ended), sort, limit=500)

        found = await pages(
            connection, CustomerFilter(fragment=fragment, ended=ended), sort, limit=3
        )

    assert found == [one for one in in_order if one in hit]


async def found(api: httpx.AsyncClient, fragment: str) -> list[str]:
    answer = await api.get("/v1/customers", params={"q": fragment, "sort": "name"})
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


async def changed(api: httpx.AsyncClient, contact: dict[str, Any], **body: Any) -> None:
    etag = (await api.get(url(contact))).headers["etag"]
    answer = await api.put(url(contact), json=body, headers={"If-Match": etag})
    assert answer.status_code == 200, answer.text


async def test_a_contact_is_found_as_it_is_and_where_it_is(restoring: httpx.AsyncClient) -> None:
    api = restoring
    one, other = [await made(api, "/v1/customers", name=name) for name in ("One", "Other")]
    ann = await contact_at(api, one, "Annika")
    assert await found(api, "annika") == ["One"]

    await changed(api, ann, first_name="Birgit", customers=[{"customer_id": one["customer_id"]}])
    assert (await found(api, "annika"), await found(api, "birgit")) == ([], ["One"])

    await changed(api, ann, first_name="Birgit", customers=[{"customer_id": other["customer_id"]}])
    assert await found(api, "birgit") == ["Other"]

    await delete(api, ann)
    assert await found(api, "birgit") == []
    assert (await restore(api, ann)).status_code == 200
    assert await found(api, "birgit") == ["Other"]


@pytest.mark.parametrize("renamed_first", [True, False])
async def test_a_contact_that_is_renamed_while_it_is_placed_is_found_by_its_new_name(
    customers: Service, api: httpx.AsyncClient, renamed_first: bool
) -> None:
    one, other = [await made(api, "/v1/customers", name=name) for name in ("One", "Other")]
    ann = await contact_at(api, one, "Annika")
    values = {"contact": ann["contact_id"], "other": other["customer_id"]}
    rename = text("UPDATE contact SET first_name = 'Birgit' WHERE contact_id = :contact")
    place = text("INSERT INTO contact_customer (contact_id, customer_id) VALUES (:contact, :other)")
    first, second = (rename, place) if renamed_first else (place, rename)

    async def do_second() -> None:
        async with customers.engine.begin() as connection:
            await connection.execute(second, values)

    async with customers.engine.begin() as connection:
        await connection.execute(first, values)
        waiting = asyncio.create_task(do_second())
        await eventually(lambda: somebody_waits(customers))
    await waiting

    assert await found(api, "birgit") == ["One", "Other"]


async def somebody_waits(service: Service) -> bool:
    async with service.engine.connect() as connection:
        count = await connection.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )
        return bool(count.scalar_one())
