"""Short ways through the API's doors, for tests that are about something else."""

from typing import Any

import httpx

STANDING = {"customer_status": [1], "customer_kind": [1]}
"""What every customer holds of whom nobody has said anything."""


async def made(api: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    """Create something and return it."""
    answer = await api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def contact_at(
    api: httpx.AsyncClient, customer: dict[str, Any], first_name: str, **body: Any
) -> dict[str, Any]:
    """Create a contact at a customer."""
    places = [{"customer_id": customer["customer_id"]}]
    return await made(api, "/v1/contacts", first_name=first_name, customers=places, **body)


async def setting(api: httpx.AsyncClient, name: str) -> dict[str, Any]:
    """Fetch a setting."""
    return dict((await api.get(f"/v1/settings/{name}")).json())


async def put_setting(
    api: httpx.AsyncClient, name: str, value: int | None, *, dry_run: bool = False
) -> httpx.Response:
    """Set a setting at its present version."""
    version = (await setting(api, name))["version"]
    return await api.put(
        f"/v1/settings/{name}?dry_run={str(dry_run).lower()}",
        json={"value": value},
        headers={"If-Match": f'"{version}"'},
    )


async def role(api: httpx.AsyncClient, name: str) -> int:
    """Create an attribute, give its number to the setting and return the number."""
    number = int((await made(api, "/v1/contact-attributes", title=name))["number"])
    assert (await put_setting(api, name, number)).status_code == 200
    return number


async def addressees(api: httpx.AsyncClient, customer: dict[str, Any], purpose: str) -> list[Any]:
    """Return the e-mail addresses a document goes to."""
    url = f"/v1/customers/{customer['customer_id']}/addressees"
    answer = await api.get(url, params={"purpose": purpose})
    assert answer.status_code == 200, answer.text
    return [one["email"] for one in answer.json()]


def url(record: dict[str, Any]) -> str:
    """Return where a customer or contact is."""
    if "contact_id" in record:
        return f"/v1/contacts/{record['contact_id']}"
    return f"/v1/customers/{record['customer_id']}"


async def delete(api: httpx.AsyncClient, record: dict[str, Any]) -> dict[str, Any]:
    """Delete a customer or contact at its present version."""
    present = await api.get(url(record))
    answer = await api.delete(url(record), headers={"If-Match": present.headers["etag"]})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def restore(api: httpx.AsyncClient, record: dict[str, Any], **body: Any) -> httpx.Response:
    """Restore a customer or contact."""
    kind = "contact" if "contact_id" in record else "customer"
    path = f"/v1/deleted-{kind}s/{record[f'{kind}_id']}/restore"
    return await api.post(path, **({"json": body} if body else {}))
