"""How the demo asks the API for segments, and for what is ready only in a moment."""

import asyncio
from typing import Any

import httpx

WITHIN_SECONDS = 60


async def made_segment(client: httpx.AsyncClient, segment: dict[str, Any]) -> str:
    """Return the id of the segment of this name; make it, if there is none."""
    asked: dict[str, str] = {}
    while True:
        page = (await client.get("/v1/segments", params=asked)).raise_for_status().json()
        for item in page["items"]:
            if item["name"] == segment["name"]:
                return str(item["segment_id"])
        if page["next"] is None:
            break
        asked = {"cursor": page["next"]}
    made = await client.post("/v1/segments", json=segment)
    return str(made.raise_for_status().json()["segment_id"])


async def when_there(client: httpx.AsyncClient, path: str, **asked: Any) -> Any:
    """Return the answer as soon as the service is ready to give it; 503 says that it is not."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            answer = await client.get(path, params=asked)
            if answer.status_code != 503:
                return answer.raise_for_status().json()
            await asyncio.sleep(0.1)
