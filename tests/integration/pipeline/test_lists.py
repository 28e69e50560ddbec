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


@pytest.mark.requirement("TS-38", "TS-29")
async def test_the_example_of_the_manual_loads_as_a_pipeline_of_its_own(
    api: httpx.AsyncClient,
) -> None:
    path = "/v1/pipeline-profiles/24sevenoffice/apply"
    told = (await api.post(path, params={"dry_run": True})).json()
    done = (await api.post(path)).json()

    assert (done["added"], done["adopted"]) == (told["added"], told["adopted"]) == (6, 4)
    pipelines = {one["title"]: one for one in (await api.get("/v1/pipelines")).json()}
    assert (pipelines["Sales"]["default"], pipelines["24SevenOffice"]["default"]) == (True, False)
    reasons = {
        one["number"]: one["title"] for one in (await api.get("/v1/rejection-reasons")).json()
    }
    shown = [
        (one["title"], one["probability"], one["status"], reasons.get(one["rejection"]))
        for one in (await api.get("/v1/stages")).json()
        if one["parent"] == pipelines["24SevenOffice"]["number"]
    ]
    assert shown == [
        ("Phone call", 15, "Open", None),
        ("First visit", 35, "Open", None),
        ("Second visit", 65, "Open", None),
        ("Follow-up call", 100, "Open \u2013 won", None),
        ("Lost customer", 0, "Closed \u2013 lost", "Went to competitor"),
    ]
    again = (await api.post(path)).json()
    assert (again["added"], again["installed_before"]) == (0, 10)
    profiles = {one["name"]: one for one in (await api.get("/v1/pipeline-profiles")).json()}
    assert profiles["24sevenoffice"]["installed"] == profiles["24sevenoffice"]["values"] == 10


async def test_a_profile_that_is_not_there_is_told_with_where_they_are(
    api: httpx.AsyncClient,
) -> None:
    refused = await api.post("/v1/pipeline-profiles/sap/apply")
    assert (refused.status_code, refused.json()["slug"]) == (404, "list_profile_not_found")
    assert "GET /v1/pipeline-profiles" in refused.json()["remedy"]


@pytest.mark.requirement("TS-35", "TS-39")
async def test_reasons_types_and_sources_are_maintained_lists(api: httpx.AsyncClient) -> None:
    for path in ("rejection-reasons", "opportunity-types", "opportunity-sources"):
        before = len((await api.get(f"/v1/{path}")).json())
        made = await api.post(f"/v1/{path}", json={"title": "Other", "titles": {"fi": "Muu"}})
        assert made.status_code == 201, made.text
        values = (await api.get(f"/v1/{path}", params={"language": "fi"})).json()
        assert len(values) == before + 1
        assert "Muu" in [one["label"] for one in values]


async def test_a_new_order_is_remembered(api: httpx.AsyncClient) -> None:
    reason = (await api.get("/v1/rejection-reasons/1")).json()

    await api.put(
        "/v1/rejection-reasons/1",
        json={"title": reason["title"], "titles": reason["titles"], "order": reason["order"] + 5},
        headers={"If-Match": f'"{reason["version"]}"'},
    )

    newest = (await api.get("/v1/rejection-reasons/1/history")).json()["items"][0]
    assert [one["field"] for one in newest["changes"]] == ["order"]
