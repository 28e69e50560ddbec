"""The board: stages in order, with totals, and cards in the order in which people put them."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.pipeline.domain.board import LONGEST
from shared.chassis.service import Service
from tests.integration.pipeline.selling import PATH, did, done, recorded
from tests.integration.pipeline.test_moves import another
from tests.integration.pipeline.world import STAGE, World

BOARD = "/v1/opportunity-board"


async def order(api: httpx.AsyncClient, stage: int = 1) -> list[str]:
    """Return the names on the board of a stage, in their order."""
    answer = await api.get(f"{BOARD}/{stage}", params={"limit": 500})
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


async def named(api: httpx.AsyncClient, world: World, names: str, **said: Any) -> dict[str, Any]:
    """Record opportunities by these letters; return them by name."""
    customer = str(await world.customer())
    return {one: await recorded(api, customer_id=customer, name=one, **said) for one in names}


async def put(
    api: httpx.AsyncClient, moving: dict[str, Any], side: str, other: dict[str, Any]
) -> dict[str, Any]:
    """Put an opportunity before or after another one, into the other's stage."""
    path = f"{PATH}/{other['opportunity_id']}"
    stage = (await api.get(path)).json()["stage"]
    return await done(api, moving, "stage", stage=stage, position={side: other["opportunity_id"]})


@pytest.mark.requirement("TS-29", "TS-31")
async def test_stages_show_how_many_what_for_and_who(api: httpx.AsyncClient, world: World) -> None:
    customer, other = str(await world.customer("Kauppa")), str(await world.customer())
    anna = [{"seller": "anna.k"}]
    await recorded(api, customer_id=customer, value=999, sellers=anna)
    await recorded(api, customer_id=customer, value=101, probability=50)
    await recorded(api, customer_id=other, value=5000, currency="SEK")
    await recorded(api, customer_id=other, value=700, stage=STAGE["second-visit"], sellers=anna)
    gone = await recorded(api, customer_id=other, value=9)
    await api.delete(f"{PATH}/{gone['opportunity_id']}", headers={"If-Match": '"1"'})

    board = (await api.get(BOARD, params={"limit": 2, "language": "fi"})).json()
    assert board["pipeline"] == 1
    assert [one["stage"] for one in board["stages"]] == [1, 2, 3, 4, 5, 6]
    first, _, third = board["stages"][:3]
    assert (first["title"], first["opportunities"], len(first["cards"])) == ("Puhelu", 3, 2)
    # Rounded half up, each by itself: 149.85 and 50.5.
    assert first["sums"] == [
        {"currency": "EUR", "value": 1100, "weighted": 150 + 51},
        {"currency": "SEK", "value": 5000, "weighted": 750},
    ]
    assert (third["opportunities"], third["next"]) == (1, None)
    rest = await api.get(f"{BOARD}/1", params={"cursor": first["next"]})
    assert [one["currency"] for one in rest.json()["items"]] == ["SEK"]
    assert rest.json()["next"] is None

    annas = (await api.get(BOARD, params={"seller": "anna.k"})).json()["stages"]
    assert [one["opportunities"] for one in annas] == [1, 0, 1, 0, 0, 0]
    one = (await api.get(BOARD, params={"customer_id": customer})).json()["stages"]
    assert one[0]["sums"] == [{"currency": "EUR", "value": 1100, "weighted": 201}]
    assert one[0]["cards"][0]["customer"]["name"] == "Kauppa"
    assert (await api.get(BOARD, params={"pipeline": 99})).status_code == 404
    assert (await api.get(f"{BOARD}/99")).status_code == 404


async def test_new_ones_come_last_and_people_put_them_elsewhere(
    api: httpx.AsyncClient, world: World
) -> None:
    made = await named(api, world, "abcd")
    assert await order(api) == ["a", "b", "c", "d"]
    made["d"] = await put(api, made["d"], "before", made["b"])
    assert await order(api) == ["a", "d", "b", "c"]
    made["a"] = await put(api, made["a"], "after", made["c"])
    assert await order(api) == ["d", "b", "c", "a"]
    made["a"] = await put(api, made["a"], "before", made["d"])
    assert await order(api) == ["a", "d", "b", "c"]
    await put(api, made["a"], "after", made["d"])
    assert await order(api) == ["d", "a", "b", "c"]
    moved = await done(api, made["b"], "stage", stage=2)
    assert (await order(api), await order(api, 2)) == (["d", "a", "c"], ["b"])
    await put(api, made["c"], "before", moved)
    assert (await order(api), await order(api, 2)) == (["d", "a"], ["c", "b"])


async def test_a_place_is_beside_another_one_of_the_stage(
    api: httpx.AsyncClient, world: World
) -> None:
    made = await named(api, world, "ab")
    elsewhere = await done(api, made["b"], "stage", stage=2)
    for position in (
        {"before": elsewhere["opportunity_id"]},
        {"after": made["a"]["opportunity_id"]},
        {"after": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"},
        {},
        {"before": elsewhere["opportunity_id"], "after": elsewhere["opportunity_id"]},
    ):
        refused = await did(api, made["a"], "stage", stage=1, position=position)
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["field"].startswith("position")
    assert await order(api) == ["a"]


async def test_where_no_room_is_left_neighbours_make_it(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    """The same two are put between the first two, in turn, until the digits run out, and after."""
    made = await named(api, world, "abxy")
    close = {"a": Decimal(1), "b": Decimal(1) + Decimal(10) ** -(LONGEST - 1)}
    async with pipeline.engine.begin() as connection:
        for name, position in close.items():
            await connection.execute(
                text("UPDATE opportunity SET position = :position WHERE name = :name"),
                {"position": position, "name": name},
            )
    made["x"] = await put(api, made["x"], "after", made["a"])
    assert await order(api) == ["a", "x", "b", "y"]
    await put(api, made["y"], "before", made["b"])
    assert await order(api) == ["a", "x", "y", "b"]
    async with pipeline.engine.connect() as connection:
        longest = await connection.execute(text("SELECT max(scale(position)) FROM opportunity"))
        assert longest.scalar_one() < LONGEST / 2, "they are spread anew"
        versions = await connection.execute(
            text("SELECT version FROM opportunity WHERE name IN ('a', 'b')")
        )
        assert set(versions.scalars()) == {1}, "making room is no change of the neighbours"


async def test_two_moves_to_the_same_place_are_both_made(
    api: httpx.AsyncClient, world: World
) -> None:
    made = await named(api, world, "abvwxyz")
    behind = {"after": made["a"]["opportunity_id"]}
    answers = await asyncio.gather(
        *(did(api, made[one], "stage", stage=1, position=behind) for one in "vwxyz")
    )
    assert [one.status_code for one in answers] == [200] * 5
    found = await order(api)
    assert (found[0], found[-1], sorted(found[1:-1])) == ("a", "b", list("vwxyz"))
    # Whatever places they share, the next one comes right between two of them.
    second, third = found[1], found[2]
    moving = (await api.get(f"{PATH}/{made['b']['opportunity_id']}")).json()
    await put(api, moving, "before", made[third])
    assert (await order(api))[:4] == ["a", second, "b", third]


async def test_neighbours_that_make_room_at_once_do_not_wait_for_each_other(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    made = await named(api, world, "abcdefgh")
    async with pipeline.engine.begin() as connection:
        await connection.execute(text("UPDATE opportunity SET position = 1"))
    answers = await asyncio.gather(
        *(
            did(api, made[one], "stage", stage=1, position={"before": made[at]["opportunity_id"]})
            for one, at in zip("abcdefgh", "badcfehg", strict=True)
        )
    )
    assert [one.status_code for one in answers] == [200] * 8
    assert sorted(await order(api)) == list("abcdefgh")


async def test_an_archived_stage_shows_while_somebody_is_there(
    api: httpx.AsyncClient, world: World
) -> None:
    old = await another(api, "stages", title="Old", parent=1, probability=5)
    made = await recorded(api, customer_id=str(await world.customer()), stage=old)
    path = f"/v1/stages/{old}"
    present = await api.get(path)
    kept = ("title", "parent", "probability", "outcome", "order")
    body = {name: present.json()[name] for name in kept} | {"archived": True}
    answer = await api.put(path, json=body, headers={"If-Match": present.headers["etag"]})
    assert answer.status_code == 200, answer.text

    async def shown() -> list[int]:
        return [one["stage"] for one in (await api.get(BOARD)).json()["stages"]]

    assert await shown() == [1, 2, 3, 4, 5, 6, old]
    moved = await done(api, made, "stage", stage=1)
    assert await shown() == [1, 2, 3, 4, 5, 6]
    refused = await did(api, moved, "stage", stage=old)
    assert "archived" in refused.json()["detail"]
