"""Imports of activities: every row has a fate, and all goes by the rows' keys."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from shared.contracts.customers import PersonErased
from tests.integration.activities.test_recording import flagged
from tests.integration.activities.world import World

SOURCE = "/crm/old"
PATH = "/v1/activity-imports"


async def sent(api: httpx.AsyncClient, content: bytes | str, **said: Any) -> httpx.Response:
    """Send a file."""
    body = content.encode() if isinstance(content, str) else content
    params = {"source": SOURCE, "name": "calls.csv", **said}
    return await api.post(PATH, params=params, content=body)


async def uploaded(api: httpx.AsyncClient, content: bytes | str, **said: Any) -> str:
    """Send a good file; return the import's URL."""
    answer = await sent(api, content, **said)
    assert answer.status_code == 201, answer.text
    return f"{PATH}/{answer.json()['import_id']}"


async def did(api: httpx.AsyncClient, url: str, what: str) -> dict[str, Any]:
    """Rehearse, run or undo; return the outcome."""
    answer = await api.post(f"{url}/{what}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def rows(api: httpx.AsyncClient, url: str, **said: Any) -> list[dict[str, Any]]:
    answer = await api.get(f"{url}/rows", params=said)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def scalar(service: Service, statement: str) -> Any:
    async with service.engine.connect() as connection:
        return (await connection.execute(text(statement))).scalar()


FINNISH = (
    "Tunnus;Asiakasnumero;Kategoria;Myyjä;Päivämäärä;Klo;Kesto;Muistio;Kanava;Tila\n"
    "1;1000;Asiakaskäynti;anna.k;31.1.2026;9.30;1:30;Tarjous perjantaina;käynti;\n"
    "2;1000;lead;;2.2.2026;14:00;;Soitettu;puhelin;tehty\n"
    "3;1000;4;anna.k;1.6.2099;10:00;45;Sovittu;;avoin\n"
)


@pytest.mark.requirement("LE-01", "LE-17", "LE-18")
async def test_a_file_is_understood_rehearsed_and_run_alike(
    activities: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    await world.seller()
    await flagged(api, 4, sales_target=True)
    url = await uploaded(api, FINNISH.encode("cp1252"))
    shown = (await api.get(url)).json()
    assert {one["column"]: one["to"] for one in shown["mapping"]} == {
        "Tunnus": "ref",
        "Asiakasnumero": "customer",
        "Kategoria": "category",
        "Myyjä": "seller",
        "Päivämäärä": "starts_at",
        "Klo": "time",
        "Kesto": "duration",
        "Muistio": "memo",
        "Kanava": "channel",
        "Tila": "state",
    }

    rehearsed = await did(api, url, "rehearsal")
    assert rehearsed["counts"] == {"created": 3}, await rows(api, url)
    assert await scalar(activities, "SELECT count(*) FROM activity") == 0
    assert (await did(api, url, "run"))["counts"] == {"created": 3}

    first, _, third = await rows(api, url)
    visit = (await api.get(f"/v1/activities/{first['activity_id']}")).json()
    assert (visit["starts_at"], visit["ends_at"]) == (
        "2026-01-31T07:30:00Z",
        "2026-01-31T09:00:00Z",
    )
    assert (visit["subject"], visit["channel"], visit["seller"], visit["state"]) == (
        "Tarjous perjantaina",
        "meeting",
        "anna.k",
        "done",
    )
    planned = (await api.get(f"/v1/activities/{third['activity_id']}")).json()
    assert (planned["state"], planned["due_at"]) == ("open", "2099-06-01T07:00:00Z")
    assert await scalar(activities, "SELECT sum(done) FROM tally") == 1
    told = "SELECT count(*) FROM outbox WHERE type = 'activities.activity-saved.v1'"
    assert await scalar(activities, told) == 3


async def test_keys_tell_what_is_new_changed_and_unchanged(
    activities: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    lines = [f"{n},1000,1,2026-03-0{n},Call {n}" for n in range(1, 6)]

    async def run(lines: Sequence[str]) -> dict[str, int]:
        url = await uploaded(api, "ref,customer,category,date,memo\n" + "\n".join(lines))
        counts: dict[str, int] = (await did(api, url, "rehearsal"))["counts"]
        assert (await did(api, url, "run"))["counts"] == counts
        return counts

    assert await run(lines) == {"created": 5}
    assert await run(lines) == {"unchanged": 5}
    assert await scalar(activities, "SELECT max(version) FROM activity") == 1
    # Empty cells leave what is there; the last line is new.
    again = [lines[0], "2,,,,", "3,,2,,", "4,,,2026-03-09,", "6,1000,1,,New"]
    assert await run(again) == {"unchanged": 2, "changed": 2, "created": 1}
    assert (
        await scalar(activities, "SELECT day::text FROM activity WHERE ref = '4'") == "2026-03-09"
    )


async def test_what_cannot_be_is_refused_row_by_row(api: httpx.AsyncClient, world: World) -> None:
    await world.customer()
    bad = {
        "2,9999,1,,,a": ("customer", "no live customer has the number"),
        "3,1000,Nothing,,,a": ("category", "there is no activity_category"),
        "4,1000,99,,,a": ("category", "there is no activity_category 99"),
        "5,1000,1,31.31.2026,,a": ("date", "is no time"),
        "6,1000,1,2999-01-01,,a": ("date", "is no time"),
        "7,1000,1,2099-01-01,,a": ("date", "what lies in the future is not done"),
        "8,1000,1,,nobody,a": ("seller", "there is no seller"),
        "9,1000,1,,,": ("subject", "there is neither a subject nor a memo"),
        ",1000,1,,,a": ("ref", "is empty"),
        "1,1000,1,,,a": ("ref", "stands in line 2 too"),
        "10,1000,,,,a": ("category", "is empty"),
        "11,1000,1,,,a\x07b": ("memo", "control character U+0007"),
    }
    content = "ref,customer,category,date,seller,memo\n1,1000,1,,,good\n" + "\n".join(bad)
    url = await uploaded(api, content)
    assert (await did(api, url, "run"))["counts"] == {"created": 1, "refused": len(bad)}
    refused = await rows(api, url, fate="refused")
    for row, (column, reason) in zip(refused, bad.values(), strict=True):
        assert row["problems"][0]["column"] == column
        assert reason in row["problems"][0]["reason"]
        assert row["problems"][0]["remedy"]


@pytest.mark.requirement("LE-19", "LE-A2")
async def test_a_locked_kind_is_refused_in_its_row(api: httpx.AsyncClient, world: World) -> None:
    await world.customer()
    url = await uploaded(
        api, "ref,customer,category,kind,memo\n1,1000,4,Marketing,a\n2,1000,4,Sales,b\n"
    )
    assert (await did(api, url, "run"))["counts"] == {"created": 1, "refused": 1}
    (row,) = await rows(api, url, fate="refused")
    assert row["problems"][0]["column"] == "kind"
    assert "Customer visit" in row["problems"][0]["reason"]


async def test_undo_deletes_what_it_recorded_unless_somebody_changed_it(
    activities: Service, api: httpx.AsyncClient, world: World
) -> None:
    customer_id = await world.customer()
    await world.seller()
    await flagged(api, 1, sales_target=True)
    lines = "".join(f"{n},1000,1,anna.k,Call {n}\n" for n in range(1, 1204))
    url = await uploaded(api, "ref,customer,category,seller,memo\n" + lines)
    assert (await api.post(f"{url}/undo")).json()["slug"] == "activity_import_not_run"
    assert (await did(api, url, "run"))["counts"] == {"created": 1203}
    assert (await api.post(f"{url}/run")).json()["slug"] == "activity_import_busy"
    assert await scalar(activities, "SELECT sum(done) FROM tally") == 1203

    changed = (await rows(api, url))[7]["activity_id"]
    answer = await api.put(
        f"/v1/activities/{changed}",
        json={"customer_id": str(customer_id), "category": 1, "seller": "anna.k", "memo": "Kept"},
        headers={"If-Match": '"1"'},
    )
    assert answer.status_code == 200
    undone = await did(api, url, "undo")
    assert (undone["deleted"], undone["kept"]) == (1202, 1)
    assert await scalar(activities, "SELECT sum(done) FROM tally") == 1
    assert await scalar(activities, "SELECT count(*) FROM activity WHERE deleted_at IS NULL") == 1
    again = await uploaded(api, "ref,customer,category,seller,memo\n1,1000,1,,Again\n")
    await did(api, again, "run")
    (row,) = await rows(api, again)
    assert "is deleted" in row["problems"][0]["reason"]


async def test_an_import_says_nothing_of_an_erased_person_again(
    activities: Service, api: httpx.AsyncClient, world: World
) -> None:
    customer_id, person = await world.customer(), await world.contact()
    content = "ref,customer,category,memo\n1,1000,1,Aino called\n"
    url = await uploaded(api, content)
    await did(api, url, "run")
    (row,) = await rows(api, url)
    path = f"/v1/activities/{row['activity_id']}"
    said = {"customer_id": str(customer_id), "category": 1, "memo": "Aino called"}
    answer = await api.put(
        path, json={**said, "contacts": [str(person)]}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200
    await world.hear(PersonErased(contact_id=person, version=2))
    assert "Aino" not in str(await rows(api, url))
    again = await uploaded(api, content)
    assert (await did(api, again, "run"))["counts"] == {"refused": 1}
    assert (await api.get(path)).json()["memo"] == ""


async def test_a_mapping_can_be_told_and_a_file_without_one_is_not_run(
    api: httpx.AsyncClient, world: World
) -> None:
    customer_id = await world.customer()
    content = f"a;b;c;d\n1;{customer_id};1;2026-07-01T12:00\n"
    url = await uploaded(api, content, time_zone="America/New_York")
    refused = await api.post(f"{url}/run")
    assert (refused.status_code, refused.json()["slug"]) == (409, "activity_import_not_mapped")

    async def mapped(**columns: str) -> httpx.Response:
        body = {"columns": [{"column": one, "to": to} for one, to in columns.items()]}
        return await api.put(f"{url}/mapping", json=body, headers={"If-Match": '"1"'})

    assert (await mapped(a="ref", b="customer")).status_code == 422
    assert (await mapped(a="ref", b="customer", c="nothing")).status_code == 422
    assert (await mapped(a="ref", b="customer", c="category", z="memo")).status_code == 422
    good = await mapped(a="ref", b="customer", c="category", d="starts_at")
    assert good.status_code == 200, good.text
    assert (await did(api, url, "rehearsal"))["counts"] == {"refused": 1}, "there is no text"
    assert (await api.delete(url)).status_code == 200
    assert (await api.get(url)).status_code == 404


@pytest.mark.parametrize(
    ("content", "said", "status"),
    [
        (b"", {}, 422),
        (b"ref,customer\n", {}, 422),
        (b"\x00\x01\x02" * 100, {}, 422),
        (b"PK\x03\x04" + b"\x00" * 100, {}, 422),
        (b"ref,customer\n1,2\n", {"time_zone": "Mars/Olympus"}, 422),
        (b"ref,customer\n1,2\n", {"encoding": "rot13"}, 422),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused(
    api: httpx.AsyncClient, content: bytes, said: dict[str, str], status: int
) -> None:
    answer = await sent(api, content, **said)
    assert answer.status_code == status, answer.text
    assert answer.json()["remedy"]
