"""Imports of opportunities: every row has a fate, and all goes by the rows' keys."""

import io
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
import xlsxwriter
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from shared.chassis.service import Service
from tests.integration.pipeline.world import STAGE, World

SOURCE = "/crm/old"
PATH = "/v1/opportunity-imports"
HEADER = "ref,customer,name,value,expected close,stage,probability,sellers,reason,closed on"


async def sent(api: httpx.AsyncClient, content: bytes | str, **said: Any) -> httpx.Response:
    """Send a file."""
    body = content.encode() if isinstance(content, str) else content
    params = {"source": SOURCE, "name": "pipeline.csv", **said}
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


async def ran(api: httpx.AsyncClient, content: str, **said: Any) -> dict[str, int]:
    """Rehearse and run a file, which comes to the same; return rows by fate."""
    url = await uploaded(api, content, **said)
    counts: dict[str, int] = (await did(api, url, "rehearsal"))["counts"]
    assert (await did(api, url, "run"))["counts"] == counts, await rows(api, url)
    return counts


async def scalar(service: Service, statement: str, **values: Any) -> Any:
    async with service.engine.connect() as connection:
        return (await connection.execute(text(statement), values)).scalar()


async def shown(api: httpx.AsyncClient, service: Service, ref: str) -> dict[str, Any]:
    """Return the opportunity that has a key."""
    found = await scalar(
        service, "SELECT opportunity_id FROM opportunity WHERE ref = :ref", ref=ref
    )
    answer = await api.get(f"/v1/opportunities/{found}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


FINNISH = (
    "Tunnus;Asiakasnumero;Kauppa;Arvo;Valuutta;Arvioitu päätös;Vaihe;Todennäköisyys;Myyjät;"
    "Tyyppi;Lähde;Menetyksen syy;Päätetty;Muistio\n"
    "1;1000;Hissi satamaan;1\N{NO-BREAK SPACE}234,50;;18.12.2099;Ensikäynti;;"
    "anna.k:60; ville.s:40;Uusmyynti;Suositus;;;Tarjous lähti\n"
    '2;1000;Nosturi;"12.500,00";SEK;1.6.2099;2;65 %;anna.k;;;;;\n'
    "3;1000;Trukki;900 EUR;;31.1.2026;Menetetty asiakas;;;;;Hinta;15.1.2026;\n"
)


async def translated(api: httpx.AsyncClient) -> None:
    """Let the stages that the file names be called so in Finnish."""
    for title, number in (("Ensikäynti", "first-visit"), ("Menetetty asiakas", "lost-customer")):
        url = f"/v1/stages/{STAGE[number]}"
        answer = await api.get(url)
        keep = {
            key: value
            for key, value in answer.json().items()
            if key not in ("value_id", "number", "version", "label", "archived_at")
        }
        answer = await api.put(
            url,
            json={**keep, "titles": {**keep["titles"], "fi": title}},
            headers={"If-Match": answer.headers["ETag"]},
        )
        assert answer.status_code == 200, answer.text


@pytest.mark.requirement("TS-27", "TS-28", "TS-31", "TS-A12")
async def test_a_file_is_understood_rehearsed_and_run_alike(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    await translated(api)
    # Semicolons part the columns of this file, so bars part who sells.
    content = FINNISH.replace("anna.k:60; ville.s:40", "anna.k:60 | ville.s:40")
    url = await uploaded(api, content.encode("cp1252"))
    mapped = {one["column"]: one["to"] for one in (await api.get(url)).json()["mapping"]}
    assert mapped == {
        "Tunnus": "ref",
        "Asiakasnumero": "customer",
        "Kauppa": "name",
        "Arvo": "value",
        "Valuutta": "currency",
        "Arvioitu päätös": "expected_close",
        "Vaihe": "stage",
        "Todennäköisyys": "probability",
        "Myyjät": "sellers",
        "Tyyppi": "type",
        "Lähde": "source",
        "Menetyksen syy": "rejection",
        "Päätetty": "closed_on",
        "Muistio": "memo",
    }
    assert (await did(api, url, "rehearsal"))["counts"] == {"created": 3}, await rows(api, url)
    assert await scalar(pipeline, "SELECT count(*) FROM opportunity") == 0
    assert (await did(api, url, "run"))["counts"] == {"created": 3}

    lift = await shown(api, pipeline, "1")
    assert (lift["name"], lift["value"], lift["currency"]) == ("Hissi satamaan", 123450, "EUR")
    assert (lift["stage"], lift["expected_close"]) == (STAGE["first-visit"], "2099-12-18")
    assert lift["sellers"] == [
        {"seller": "anna.k", "weight": 60},
        {"seller": "ville.s", "weight": 40},
    ]
    assert lift["type"] and lift["source"] and lift["memo"] == "Tarjous lähti"
    crane = await shown(api, pipeline, "2")
    assert (crane["value"], crane["currency"]) == (1250000, "SEK")
    assert (crane["probability"], crane["probability_source"]) == (65, "manual")
    truck = await shown(api, pipeline, "3")
    assert (truck["outcome"], truck["closed_on"], truck["value"]) == ("lost", "2026-01-15", 90000)
    assert truck["rejection"]
    told = "SELECT count(*) FROM outbox WHERE type = 'pipeline.opportunity-saved.v1'"
    assert await scalar(pipeline, told) == 3


async def test_a_workbook_is_read_as_well(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["ref", "customer", "name", "value", "expected close"])
        sheet.write_row(1, 0, [17, 1000, "Lift", 1200.5])
        sheet.write_datetime(1, 4, datetime(2099, 12, 18), day)
    url = await uploaded(api, file.getvalue())
    assert (await did(api, url, "run"))["counts"] == {"created": 1}, await rows(api, url)
    lift = await shown(api, pipeline, "17")
    assert (lift["value"], lift["expected_close"]) == (120050, "2099-12-18")


async def test_keys_tell_what_is_new_changed_and_unchanged(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    lines = [
        f"{n},1000,Deal {n},{n}00.50,2099-03-0{n},{n},,anna.k:60|ville.s:40,," for n in range(1, 5)
    ]
    lines.append("5,1000,Deal 5,1,2099-03-05,lost customer,,,Price,2026-02-03")
    content = "\n".join([HEADER, *lines])
    assert await ran(api, content) == {"created": 5}
    before = await scalar(pipeline, "SELECT max(version) FROM opportunity")
    assert await ran(api, content) == {"unchanged": 5}
    assert await scalar(pipeline, "SELECT max(version) FROM opportunity") == before
    # Empty cells leave what is there; a probability by hand stays.
    again = ["1,,,,,,,,,", "2,,,,,,55,,,", "3,,,900,,4,,,,", "6,1000,New,,2099-01-01,,,,,"]
    content = "\n".join([HEADER, *again])
    assert await ran(api, content) == {"unchanged": 1, "changed": 2, "created": 1}
    assert await ran(api, content) == {"unchanged": 4}
    second, third = await shown(api, pipeline, "2"), await shown(api, pipeline, "3")
    assert (second["probability"], second["value"]) == (55, 20050)
    assert (third["value"], third["stage"]) == (90000, 4)
    assert third["sellers"] == [
        {"seller": "anna.k", "weight": 60},
        {"seller": "ville.s", "weight": 40},
    ]


@pytest.mark.requirement("TS-A2", "TS-A3", "TS-A12")
async def test_what_cannot_be_is_refused_row_by_row(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    pipelines = (await api.get("/v1/pipelines")).json()
    # Unlike the one that is installed, it names no reason by itself.
    of = pipelines[0]["number"]
    facts = {"outcome": "lost", "probability": 0, "closed": True}
    lost = {"title": "Lost for good", "parent": of, **facts}
    answer = await api.post("/v1/stages", json=lost)
    assert answer.status_code == 201, answer.text
    bad = {
        "2,1000,a,1,2099-01-01,1,120,,,": ("probability", "'120' is not 0 to 100 per cent"),
        "3,1000,a,1,2099-01-01,lost for good,,,,": ("reason", "says why"),
        "4,1000,a,1,2099-01-01,1,,anna.k:61|ville.s:40,,": ("sellers", "weights sum to 101"),
        "5,1000,a,1,2099-01-01,Nothing,,,,": ("stage", "there is no stage 'Nothing'"),
        "6,1000,a,1,2099-01-01,99,,,,": ("stage", "there is no stage 99"),
        "7,1000,a,1,1899-12-31,1,,,,": ("expected close", "1899-12-31 lies outside"),
        "8,1000,a,1,2099-02-31,1,,,,": ("expected close", "'2099-02-31' is no day"),
        "9,9999,a,1,2099-01-01,1,,,,": ("customer", "no live customer has the number"),
        "10,1000,,1,2099-01-01,1,,,,": ("name", "is empty, and there is no such opportunity"),
        "11,1000,a,1,,1,,,,": ("expected close", "is empty"),
        "12,1000,a,-1,2099-01-01,1,,,,": ("value", "is below 0"),
        "13,1000,a,1.234,2099-01-01,1,,,,": ("value", "may be 1234 or 1 and a bit"),
        "14,1000,a,1.2345,2099-01-01,1,,,,": ("value", "more decimals than EUR"),
        "15,1000,a,many,2099-01-01,1,,,,": ("value", "is no amount"),
        "16,1000,a,1,2099-01-01,1,,anna.k:0,,": ("sellers", "no share of 1 to 100"),
        "17,1000,a,1,2099-01-01,1,,,,2026-01-01": ("closed on", "it is open"),
        "18,1000,a,1,2099-01-01,expired,40,,,": ("probability", "does not fit"),
        "1,1000,a,1,2099-01-01,1,,,,": ("ref", "stands in line 2 too"),
        ",1000,a,1,2099-01-01,1,,,,": ("ref", "is empty"),
        "19,1000,a\x07,1,2099-01-01,1,,,,": ("name", "control character U+0007"),
    }
    good = "1,1000,good,1,2099-01-01,1,,,,"
    url = await uploaded(api, "\n".join([HEADER, good, *bad]))
    assert (await did(api, url, "run"))["counts"] == {"created": 1, "refused": len(bad)}
    refused = await rows(api, url, fate="refused")
    for row, (column, reason) in zip(refused, bad.values(), strict=True):
        assert row["problems"][0]["column"] == column, row
        assert reason in row["problems"][0]["reason"], row
        assert row["problems"][0]["remedy"]
    assert await scalar(pipeline, "SELECT count(*) FROM opportunity") == 1


async def test_a_currency_is_of_its_amount(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    header = "ref,customer,name,expected close,value,currency"
    new = [
        "1,1000,a,2099-01-01,1234,JPY",
        "2,1000,a,2099-01-01,1.234,KWD",
        '3,1000,a,2099-01-01,"€ 1,234.50",',
        '4,1000,a,2099-01-01,"1.234.567,89 EUR",',
        "5,1000,a,2099-01-01,12 SEK,EUR",
        "6,1000,a,2099-01-01,12,crowns",
    ]
    url = await uploaded(api, "\n".join([header, *new]))
    assert (await did(api, url, "run"))["counts"] == {"created": 4, "refused": 2}
    values = [
        (one["value"], one["currency"]) for one in [await shown(api, pipeline, n) for n in "1234"]
    ]
    assert values == [(1234, "JPY"), (1234, "KWD"), (123450, "EUR"), (123456789, "EUR")]
    assert {row["problems"][0]["column"] for row in await rows(api, url, fate="refused")} == {
        "currency"
    }
    url = await uploaded(api, "ref,currency\n1,EUR\n2,KWD\n")
    assert (await did(api, url, "run"))["counts"] == {"refused": 1, "unchanged": 1}
    (row,) = await rows(api, url, fate="refused")
    assert "is empty though JPY becomes EUR" in row["problems"][0]["reason"]


async def test_stages_called_alike_are_those_of_the_rows_pipeline(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    other = (await api.post("/v1/pipelines", json={"title": "Service"})).json()["number"]
    stage = {"title": "Phone call", "parent": other, "probability": 30}
    answer = await api.post("/v1/stages", json=stage)
    assert answer.status_code == 201, answer.text
    own = answer.json()["number"]
    content = (
        "ref,customer,name,expected close,pipeline,stage\n"
        "1,1000,a,2099-01-01,,phone call\n"
        "2,1000,a,2099-01-01,service,phone call\n"
        f"3,1000,a,2099-01-01,,{own}\n"
    )
    assert await ran(api, content) == {"created": 2, "refused": 1}
    assert (await shown(api, pipeline, "1"))["stage"] == STAGE["phone-call"]
    assert (await shown(api, pipeline, "2"))["stage"] == own
    assert await ran(api, "ref,stage\n2,phone call\n") == {"unchanged": 1}


@pytest.mark.requirement("TS-33", "TS-A5")
async def test_a_project_brings_its_customer(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    customer_id = await world.customer()
    await world.project(customer_id, "P-7")
    content = "ref,project,name,expected close\n1,P-7,On a project,2099-01-01\n2,P-8,a,2099-01-01\n"
    url = await uploaded(api, content)
    assert (await did(api, url, "run"))["counts"] == {"created": 1, "refused": 1}
    found = await shown(api, pipeline, "1")
    assert UUID(found["customer_id"]) == customer_id
    assert found["project_ref"] == "P-7"
    (row,) = await rows(api, url, fate="refused")
    assert row["problems"][0]["column"] == "project"
    assert await ran(api, content) == {"unchanged": 1, "refused": 1}


async def test_undo_deletes_what_it_recorded_unless_somebody_changed_it(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    lines = "".join(f"{n},1000,Deal {n},10,2099-01-01,anna.k\n" for n in range(1, 1004))
    url = await uploaded(api, "ref,customer,name,value,expected close,seller\n" + lines)
    assert (await api.post(f"{url}/undo")).json()["slug"] == "opportunity_import_not_run"
    assert (await did(api, url, "run"))["counts"] == {"created": 1003}
    assert (await api.post(f"{url}/run")).json()["slug"] == "opportunity_import_busy"
    total = "SELECT sum(value) FROM forecast_share"
    assert await scalar(pipeline, total) == 1003 * 1000

    kept = (await rows(api, url))[7]["opportunity_id"]
    answer = await api.post(
        f"/v1/opportunities/{kept}/stage",
        json={"stage": STAGE["first-visit"]},
        headers={"If-Match": '"1"'},
    )
    assert answer.status_code == 200, answer.text
    undone = await did(api, url, "undo")
    assert (undone["deleted"], undone["kept"]) == (1002, 1)
    assert await scalar(pipeline, total) == 1000
    again = await uploaded(api, "ref,customer,name,expected close\n1,1000,Again,2099-01-01\n")
    await did(api, again, "run")
    (row,) = await rows(api, again)
    assert "is deleted" in row["problems"][0]["reason"]
    assert row["problems"][0]["remedy"].startswith("Restore it first: POST /v1/opportunities/")


async def test_many_rows_cost_as_many_statements_as_few(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    statements: list[str] = []

    def noted(*arguments: Any) -> None:
        if "opportunity" in arguments[2]:
            statements.append(arguments[2])

    async def cost(first: int, many: int) -> int:
        lines = "".join(f"{first + n},1000,a,1,2099-01-01,anna.k\n" for n in range(many))
        url = await uploaded(api, "ref,customer,name,value,expected close,seller\n" + lines)
        statements.clear()
        assert (await did(api, url, "run"))["counts"] == {"created": many}
        return len(statements)

    event.listen(Engine, "before_cursor_execute", noted)
    try:
        assert await cost(0, 2) == await cost(1000, 400) > 0
    finally:
        event.remove(Engine, "before_cursor_execute", noted)


async def test_a_moment_is_of_the_day_where_the_file_is_from(
    pipeline: Service, api: httpx.AsyncClient, world: World
) -> None:
    await world.customer()
    content = "ref,customer,name,expected close\n1,1000,a,2099-01-31T23:30:00Z\n"
    assert await ran(api, content, time_zone="Europe/Helsinki") == {"created": 1}
    assert (await shown(api, pipeline, "1"))["expected_close"] == "2099-02-01"


async def test_a_file_without_keys_is_not_run(api: httpx.AsyncClient, world: World) -> None:
    url = await uploaded(api, "a;b\n1;1000\n")
    refused = await api.post(f"{url}/run")
    assert (refused.status_code, refused.json()["slug"]) == (409, "opportunity_import_not_mapped")
    body = {"columns": [{"column": "b", "to": "customer"}]}
    answer = await api.put(f"{url}/mapping", json=body, headers={"If-Match": '"1"'})
    assert answer.status_code == 422
    assert "each row needs its own key" in answer.text
    assert (await api.delete(url)).status_code == 200
    answer = await api.get(url)
    assert answer.json()["slug"] == "opportunity_import_not_found"
