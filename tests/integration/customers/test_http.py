"""Promises that hold for every route: keys, versions, repetition, pages, and no fault of ours."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import made
from tests.integration.customers.erp import customer, document, event, parked, work_off

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("key", [None, "Bearer wrong", "Basic abc", "Bearer ", "Bearer \xe4"])
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/contacts", "/v1/settings"])
async def test_without_the_key_nothing_is_told(
    api: httpx.AsyncClient, key: str | None, path: str
) -> None:
    headers = {} if key is None else {"Authorization": key.encode("latin-1")}
    del api.headers["authorization"]

    answer = await api.get(path, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/v1/customers/{NOBODY}", None),
        ("GET", f"/v1/contacts/{NOBODY}", None),
        ("GET", "/v1/settings/NO_SUCH", None),
        ("GET", f"/v1/customers/{NOBODY}/addressees?purpose=invoice", None),
        ("PUT", f"/v1/customers/{NOBODY}", {"name": "x"}),
        ("PUT", f"/v1/customers/{NOBODY}/relationship-start", {"started_on": None}),
        ("PUT", f"/v1/customers/{NOBODY}/bans", {"email": True}),
        ("PUT", f"/v1/contacts/{NOBODY}", {"first_name": "x"}),
        ("PUT", f"/v1/contacts/{NOBODY}/bans", {"email": True}),
        ("PUT", "/v1/settings/NO_SUCH", {"value": 1}),
        ("POST", "/v1/contacts", {"customers": [{"customer_id": NOBODY}]}),
        ("GET", "/v1/no-such-route", None),
    ],
)
async def test_what_is_not_there_is_404_with_a_remedy(
    api: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    answer = await api.request(method, path, json=body, headers={"If-Match": '"1"'})

    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    "body",
    [
        {"number": "N1"},
        {"business_id": "B1"},
        {"references": [{"source": "/erp", "ref": "R1"}]},
    ],
)
async def test_a_key_of_another_customer_is_409_and_nothing_is_stored(
    api: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    await made(api, "/v1/customers", name="First", **body)

    answer = await api.post("/v1/customers", json={"name": "Second", **body})

    assert (answer.status_code, answer.json()["slug"]) == (409, "customer_key_taken")
    assert len((await api.get("/v1/customers")).json()["items"]) == 1


async def test_a_series_number_that_a_person_gave_before_is_passed_over(
    api: httpx.AsyncClient,
) -> None:
    first = await made(api, "/v1/customers", name="First")
    await made(api, "/v1/customers", name="By hand", number=str(int(first["number"]) + 1))

    third = await made(api, "/v1/customers", name="Third")

    assert third["number"] not in (first["number"], str(int(first["number"]) + 1))


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/contacts"])
async def test_a_change_names_the_version_it_changes(api: httpx.AsyncClient, path: str) -> None:
    body = {"name": "A"} if path == "/v1/customers" else {"first_name": "A"}
    created = await api.post(path, json=body)
    url = created.headers["location"]
    assert created.headers["etag"] == '"1"'

    for headers, status in (
        ({}, 428),
        ({"If-Match": "*"}, 428),
        ({"If-Match": '"9"'}, 412),
        ({"If-Match": '"1"'}, 200),
        ({"If-Match": '"1"'}, 412),
    ):
        changed = dict.fromkeys(body, "B")
        assert (await api.put(url, json=changed, headers=headers)).status_code == status
    assert (await api.get(url)).headers["etag"] == '"2"'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/customers", {"name": "A", "nam": "B"}),
        ("/v1/customers", {"name": ""}),
        ("/v1/customers", {"name": "A\x00"}),
        ("/v1/customers", {"name": "A" * 201}),
        ("/v1/customers", {"name": "A", "email": "nobody"}),
        ("/v1/customers", {"name": "A", "references": [{"source": "a\x00", "ref": "b"}]}),
        ("/v1/contacts", {"surname": "B"}),
        ("/v1/contacts", {"address": {"street": "x\x00"}}),
        ("/v1/contacts", {"address": {"planet": "Mars"}}),
        ("/v1/contacts", {"mobile": "not a number"}),
        ("/v1/contacts", {"attributes": [0]}),
        ("/v1/contacts", {"attributes": [2**31]}),
        ("/v1/contact-attributes", {"title": "x", "number": 10**30}),
        ("/v1/contact-attributes", {"title": "x", "colour": "red"}),
        ("/v1/contact-groups", {"title": "x\x00"}),
    ],
)
async def test_what_cannot_be_taken_is_422_and_names_the_field(
    api: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    answer = await api.post(path, json=body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


@pytest.mark.parametrize("key", ["\ud800", "a\x00b", "x" * 5000, "é"])
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/contacts"])
async def test_a_field_of_an_absurd_name_is_422(
    api: httpx.AsyncClient, path: str, key: str
) -> None:
    for body in ({"name": "A", key: 1}, {"name": key, "first_name": key}):
        content = json.dumps(body).encode()
        answer = await api.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (201, 422), answer.text


async def test_a_repeated_key_gets_the_first_answer_and_does_nothing(
    api: httpx.AsyncClient,
) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    first = await api.post("/v1/customers", json={"name": "A"}, headers=headers)
    again = await api.post("/v1/customers", json={"name": "A"}, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await api.get("/v1/customers")).json()["items"]) == 1
    other = await api.post("/v1/customers", json={"name": "B"}, headers=headers)
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency_key_reused")


async def test_a_refused_attempt_leaves_its_key_free(api: httpx.AsyncClient) -> None:
    await made(api, "/v1/customers", name="A", number="1")
    headers = {"Idempotency-Key": "k"}
    refused = await api.post("/v1/customers", json={"name": "B", "number": "1"}, headers=headers)
    assert refused.status_code == 409

    taken = await api.post("/v1/customers", json={"name": "B", "number": "2"}, headers=headers)
    assert taken.status_code == 201


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/contacts", "/v1/customers/document-gaps"])
async def test_pages_show_every_row_once_while_others_are_added(
    api: httpx.AsyncClient, path: str
) -> None:
    create = "/v1/contacts" if path == "/v1/contacts" else "/v1/customers"
    field = "first_name" if create == "/v1/contacts" else "name"
    key = "contact_id" if create == "/v1/contacts" else "customer_id"
    before = [(await made(api, create, **{field: f"A{n}"}))[key] for n in range(11)]
    seen: list[str] = []
    cursor: str | None = None
    for page in range(100):
        params: dict[str, Any] = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = (await api.get(path, params=params)).json()
        seen += [one[key] for one in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
        if page < 4:
            await made(api, create, **{field: "between"})

    assert len(seen) == len(set(seen))
    assert seen[:11] == before
    assert len(seen) == 15


@pytest.mark.parametrize(
    "query",
    ["cursor=abc", "cursor=WzFd", "cursor=%00", "cursor=WyJhIl0", "limit=0", "limit=501"],
)
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/contacts", "/v1/customers/document-gaps"])
async def test_a_page_that_cannot_be_is_422(api: httpx.AsyncClient, path: str, query: str) -> None:
    assert (await api.get(f"{path}?{query}")).status_code == 422


WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "\x00", "\ud800", "a@b.fi", "@", "a@xn--a.fi", "+358401234567", "++++", "FI", "fi",
         "9999-99-99", "2024-01-01", "0001-01-01T00:00:00+14:00", "NaN", "1e999", NOBODY, "x" * 600]
    ),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(),
        WORDS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)


def bodies(valid: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Valid bodies with some fields replaced by anything at all, and anything at all."""
    some = st.dictionaries(st.sampled_from(sorted(valid)), st.one_of(VALUES, WORDS), max_size=3)
    return st.one_of(
        some.map(lambda changes: {**valid, **changes}),
        st.tuples(some, WORDS, VALUES).map(lambda three: {**valid, **three[0], three[1]: three[2]}),
        VALUES,
    )


CUSTOMER = {"name": "A", "number": None, "business_id": None, "email": None, "references": []}
CONTACT = {
    "first_name": "A", "last_name": "B", "email": None, "mobile": None, "phone": None,
    "address": {}, "language": None, "customers": [], "attributes": [],
}  # fmt: skip
SAVED = customer("A", version=1, customer_number=None, business_id=None, email=None, contacts=[])
INVOICE = document("invoice-posted", "1", "A", "2024-01-01", "2024-01-01T00:00:00Z")
FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


async def post(api: httpx.AsyncClient, path: str, body: Any) -> httpx.Response:
    content = json.dumps(body).encode()
    return await api.post(path, content=content, headers={"Content-Type": "application/json"})


@given(body=bodies(CUSTOMER))
@FUZZ
async def test_no_customer_is_so_absurd_that_it_is_our_fault(
    api: httpx.AsyncClient, body: Any
) -> None:
    answer = await post(api, "/v1/customers", body)
    assert answer.status_code < 500, answer.text


@given(body=bodies(CONTACT))
@FUZZ
async def test_no_contact_is_so_absurd_that_it_is_our_fault(
    api: httpx.AsyncClient, body: Any
) -> None:
    answer = await post(api, "/v1/contacts", body)
    assert answer.status_code < 500, answer.text


@given(
    body=st.one_of(
        bodies(SAVED),
        bodies(SAVED["data"]).map(lambda data: event("customer-saved", {}) | {"data": data}),
        bodies(INVOICE["data"]).map(lambda data: event("invoice-posted", {}) | {"data": data}),
        st.lists(bodies(SAVED), max_size=3),
    )
)
@FUZZ
async def test_no_event_is_so_absurd_that_it_is_our_fault(
    customers: Service, api: httpx.AsyncClient, body: Any
) -> None:
    answer = await post(api, "/v1/erp/events", body)
    assert answer.status_code < 500, answer.text
    await work_off(customers)
    ours = {"failed_repeatedly", "handler_failed", "internal_error", "gave_up"}
    assert not ours & set(await parked(customers))
