"""Attaching files in tests."""

from pathlib import Path
from typing import Any

import httpx

PDF = {"Content-Type": "application/pdf"}


async def attached(
    api: httpx.AsyncClient, activity: str, content: Any = b"%PDF", name: str = "offer.pdf"
) -> dict[str, Any]:
    """Attach a file to the activity at this path; return what is known of it."""
    answer = await api.post(
        f"{activity}/attachments", params={"name": name}, content=content, headers=PDF
    )
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def files(store: Path) -> list[str]:
    """Return the names of all files, those that are being received too."""
    return sorted(path.name for path in store.rglob("*") if path.is_file())
