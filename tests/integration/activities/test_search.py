"""The list of activities: who was in contact, what it was about, when; by everything there is."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest

from services.activities.persistence import search
from tests.integration.activities.test_recording import recorded
from tests.integration.activities.world import CATEGORY, World

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_hours = count()


async def visit(api: httpx.AsyncClient, **said: Any) -> str:
    """Record a visit an hour after the one before; return its id."""
    at = (BEGIN + timedelta(hours=next(_hours))).isoformat()
    body = {"category": CATEGORY["customer-visit"], "memo": "Visit", "starts_at": at, **said}
    return str((await recorded(api, **body))["activity_id"])


async def found(api: httpx.AsyncClient, **asked: Any) -> list[str]:
    """Return the ids that a search finds, page by page."""
    ids: list[str] = []
    cursor: str | None = None
    for _ in range(100):
        answer = await api.get(
            "/v1/activities", params={**asked, **({"cursor": cursor} if cursor else {})}
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids += [one["activity_id"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return ids
    raise AssertionError("the pages do not end")


@pytest.mark.requirement("LE-01", "LE-02")
async def test_a_row_says_who_what_about_and_when(api: httpx.AsyncClient, world: World) -> None:
    customer_id = str(await world.customer("Satama Oy"))
    contact_id = str(await world.contact("Aino Aalto"))
    await visit(
        api,
        customer_id=customer_id,
        contacts=[contact_id],
        seller=await world.seller("anna.k", name="Anna Koski"),
        participants=[await world.seller("ville.s", name="Ville Salo")],
        attributes=[2, 1],
        memo="Wants a crane.\nBy summer.",
    )
    answer = await api.get("/v1/activities", params={"customer_id": customer_id, "language": "fi"})
    (row,) = answer.json()["items"]
    assert row["customer"]["name"] == "Satama Oy"
    assert row["contacts"] == [{"contact_id": contact_id, "name": "Aino Aalto"}]
    assert row["seller"] == {"seller": "anna.k", "name": "Anna Koski"}
    assert row["participants"] == [{"seller": "ville.s", "name": "Ville Salo"}]
    assert (row["subject"], row["excerpt"]) == ("Wants a crane.", "Wants a crane.\nBy summer.")
    titles = [row[one]["title"] for one in ("category", "kind", "type")]
    assert titles == ["Asiakaskäynti", "Myynti", "Asiakaskäynnit"]
    assert [one["title"] for one in row["attributes"]] == ["Asiakaspalaute", "Kaupallinen"]
    assert row["starts_at"] and answer.json()["next"] is None


@pytest.mark.requirement("LE-08", "LE-13", "LE-20")
@pytest.mark.parametrize("few", [search.FEW_HITS, 0], ids=["few hits", "many hits"])
async def test_what_is_given_must_all_hold(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(search, "FEW_HITS", few)
    contact = str(await world.contact())
    opportunity = "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"
    customer = str(await world.customer())
    await world.seller("anna.k")
    await world.seller("ville.s")
    lead = await visit(
        api, customer_id=customer, category=CATEGORY["lead"], attributes=[1], seller="anna.k"
    )
    ticked = await visit(
        api, customer_id=customer, attributes=[1, 2], participants=["ville.s"], seller="anna.k"
    )
    met = await visit(
        api,
        customer_id=str(await world.customer()),
        contacts=[contact],
        opportunity_id=opportunity,
        category=CATEGORY["crm-event"],
        state="open",
    )
    kind = {one: (await api.get(f"/v1/activities/{one}")).json()["kind"] for one in (lead, met)}
    type_ = (await api.get(f"/v1/activities/{ticked}")).json()["type"]
    began = (await api.get(f"/v1/activities/{ticked}")).json()["starts_at"]

    assert await found(api) == [met, ticked, lead]
    assert await found(api, customer_id=customer) == [ticked, lead]
    assert await found(api, contact_id=contact) == [met]
    assert await found(api, opportunity_id=opportunity) == [met]
    assert await found(api, seller="anna.k") == [ticked, lead]
    assert await found(api, seller="anna.k", category=CATEGORY["lead"]) == [lead]
    assert await found(api, participant="ville.s") == [ticked]
    assert await found(api, category=[1, 2]) == [met, lead]
    assert await found(api, kind=kind[lead]) == [ticked, lead]
    assert await found(api, kind=[kind[met], 3]) == [met]
    assert await found(api, type=type_) == [ticked]
    assert await found(api, attribute=1) == [ticked, lead]
    assert await found(api, attribute=[1, 2]) == [ticked]
    assert await found(api, attribute=[1, 99]) == []
    assert await found(api, category=99) == []
    assert await found(api, state="open") == [met]
    assert await found(api, since=began) == [met, ticked]
    assert await found(api, until=began) == [lead]


@pytest.mark.requirement("LE-01")
async def test_a_survivor_shows_what_was_done_with_those_merged_into_it(
    api: httpx.AsyncClient, world: World
) -> None:
    first, second, third = [await world.customer(name) for name in ("A", "B", "C")]
    old, new = await world.contact("Old"), await world.contact("New")
    ids = [
        await visit(api, customer_id=str(first), contacts=[str(old)]),
        await visit(api, customer_id=str(second)),
        await visit(api, customer_id=str(third), contacts=[str(new)]),
    ]
    await world.customer_is_merged(first, into=second)
    await world.customer_is_merged(second, into=third)
    await world.contact_is_deleted(old, merged_into=new)
    assert await found(api, customer_id=str(third)) == ids[::-1]
    assert await found(api, customer_id=str(second)) == [ids[1], ids[0]]
    assert await found(api, contact_id=str(new)) == [ids[2], ids[0]]


async def test_pages_show_each_once_though_many_began_at_the_same_time(
    api: httpx.AsyncClient, world: World
) -> None:
    customer = str(await world.customer())
    at = BEGIN.isoformat()
    ids = [await visit(api, customer_id=customer, starts_at=at) for _ in range(5)]
    for limit in (1, 2, 5):
        assert await found(api, customer_id=customer, limit=limit) == sorted(ids, reverse=True)


async def test_a_text_is_found_in_subject_and_memo_page_by_page(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = str(await world.customer())
    ids = [
        await visit(api, customer_id=customer, subject=subject, memo=memo)
        for subject, memo in (
            ("Nosturi, 50% off", ""),
            ("Call", "About the NOSTURI"),
            ("Call", "About nothing"),
            ("Call", "50 off"),
            ("Ääni", ""),
        )
    ]
    # As few are looked at by a page as there can be: it goes on where it ended all the same.
    for most in (search.LOOKED_AT_MOST, 2):
        monkeypatch.setattr(search, "LOOKED_AT_MOST", most)
        assert await found(api, text="nosturi") == [ids[1], ids[0]]
        assert await found(api, text="nosturi", limit=1) == [ids[1], ids[0]]
        assert await found(api, text="50% o") == [ids[0]]
        assert await found(api, text="ÄÄNI") == [ids[4]]
        assert await found(api, text="_") == []


async def test_deleted_activities_have_a_list_of_their_own(
    api: httpx.AsyncClient, world: World
) -> None:
    customer = str(await world.customer())
    first, second, stays = [await visit(api, customer_id=customer) for _ in range(3)]
    for one in (second, first):
        await api.delete(f"/v1/activities/{one}", headers={"If-Match": '"1"'})
    assert await found(api) == [stays]
    assert await found(api, deleted=True, limit=1) == [first, second]
    assert await found(api, deleted=True, customer_id=str(await world.customer())) == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"customer_id": "x"}, "customer_id"),
        ({"category": "0"}, "category"),
        ({"category": ["1"] * 101}, "category"),
        ({"seller": "a/b"}, "seller"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"until": "0001-01-01T00:00:00Z"}, "until"),
        ({"text": "a\x00b"}, "text"),
        ({"text": "a" * 101}, "text"),
        ({"language": "xx"}, "language"),
        ({"limit": "501"}, "limit"),
        ({"cursor": "WyIyMDI2LTAxLTAxIiwgIngiXQ"}, "cursor"),
        ({"cursor": "?"}, "cursor"),
    ],
)
async def test_a_search_that_cannot_be_is_refused_by_field(
    api: httpx.AsyncClient, asked: dict[str, Any], field: str
) -> None:
    answer = await api.get("/v1/activities", params=asked)
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert answer.json()["remedy"]
