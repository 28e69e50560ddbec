"""The steps of the sales process and what sorts opportunities, as they are installed."""

import httpx
import pytest


@pytest.mark.requirement("TS-36", "TS-37", "TS-38", "TS-A1")
async def test_the_example_of_the_manual_is_installed(api: httpx.AsyncClient) -> None:
    stages = (await api.get("/v1/stages")).json()
    shown = [
        (one["title"], one["probability"], one["status"], one["outcome"], one["closed"])
        for one in stages
    ]
    assert shown[:5] == [
        ("Phone call", 15, "Open", "open", False),
        ("First visit", 35, "Open", "open", False),
        ("Second visit", 65, "Open", "open", False),
        ("Follow-up call", 100, "Open \u2013 won", "won", False),
        ("Lost customer", 0, "Closed \u2013 lost", "lost", True),
    ]
    reasons = {
        one["number"]: one["title"] for one in (await api.get("/v1/rejection-reasons")).json()
    }
    assert reasons[stages[4]["rejection"]] == "Went to competitor"
