"""Short ways through the doors of imports."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import xlsxwriter

SOURCE = "/crm/old"


async def sent(api: httpx.AsyncClient, content: bytes | str, **said: Any) -> httpx.Response:
    """Send a file."""
    body = content.encode() if isinstance(content, str) else content
    params = {"source": SOURCE, "name": "customers", **said}
    return await api.post("/v1/imports", params=params, content=body)


async def uploaded(api: httpx.AsyncClient, content: bytes | str, **said: Any) -> dict[str, Any]:
    """Send a good file and return the import."""
    answer = await sent(api, content, **said)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def mapped(
    api: httpx.AsyncClient,
    content: bytes | str,
    mapping: Mapping[str, str] | None = None,
    **said: Any,
) -> str:
    """Send a file, map its columns (as proposed unless told), return the import's URL."""
    made = await uploaded(api, content)
    url = f"/v1/imports/{made['import_id']}"
    columns = (
        made["proposed"]
        if mapping is None
        else [{"column": column, "to": to} for column, to in mapping.items()]
    )
    creating = said.pop("create_missing", ())
    columns = [{**one, "create_missing": one["to"] in creating} for one in columns]
    answer = await api.put(
        f"{url}/mapping", json={"columns": columns, **said}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    return url


async def rehearsed(api: httpx.AsyncClient, url: str) -> dict[str, int]:
    """Rehearse and return rows by fate."""
    answer = await api.post(f"{url}/rehearsal")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["counts"])


async def ran(api: httpx.AsyncClient, url: str) -> dict[str, int]:
    """Run and return rows by fate."""
    answer = await api.post(f"{url}/run")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["counts"])


async def fates(api: httpx.AsyncClient, url: str, **said: Any) -> list[dict[str, Any]]:
    """Return the rows with their fates."""
    answer = await api.get(f"{url}/rows", params={"limit": 500, **said})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def customer_by(api: httpx.AsyncClient, fragment: str) -> dict[str, Any]:
    """Return the one customer that a fragment finds."""
    found = await api.post(
        "/v1/customers/search", json={"filter": {"fragment": fragment, "ended": "show"}}
    )
    (one,) = found.json()["items"]
    return dict(one)


def workbook(
    rows: Sequence[Sequence[Any]], *, merged: str | None = None, sheets: Sequence[str] = ("Sheet1",)
) -> bytes:
    """Return rows as a workbook."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        for name in sheets:
            sheet = book.add_worksheet(name)
            for line, row in enumerate(rows):
                sheet.write_row(line, 0, row)
            if merged:
                sheet.merge_range(merged, "merged")
    return made.getvalue()
