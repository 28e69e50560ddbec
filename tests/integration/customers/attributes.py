"""Short ways to attributes with values, and the law that always holds of them."""

from typing import Any

import httpx
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import contact_at, made, url

PATHS = {
    "customer": ("customer-attributes", "customer-attribute-choices"),
    "contact": ("contact-attributes", "contact-attribute-choices"),
}


async def attribute(
    api: httpx.AsyncClient, title: str, value_type: str, *, of: str = "customer"
) -> int:
    """Create an attribute and return its number."""
    body = {"title": title, "value_type": value_type}
    return int((await made(api, f"/v1/{PATHS[of][0]}", **body))["number"])


async def choice(api: httpx.AsyncClient, title: str, parent: int, *, of: str = "customer") -> int:
    """Create a choice of an attribute of type list and return its number."""
    return int((await made(api, f"/v1/{PATHS[of][1]}", title=title, parent=parent))["number"])


async def record(api: httpx.AsyncClient, of: str) -> dict[str, Any]:
    """Create a customer, or a contact at one."""
    firm = await made(api, "/v1/customers", name="Firm")
    return firm if of == "customer" else await contact_at(api, firm, "Ann")


async def give(
    api: httpx.AsyncClient,
    which: dict[str, Any],
    *,
    attributes: list[int] | None = None,
    choices: list[int] | None = None,
    values: dict[str, Any] | None = None,
) -> httpx.Response:
    """Put attributes, choices and values of a customer or contact; None leaves them as they are."""
    present = await api.get(url(which))
    is_contact = "contact_id" in which
    body: dict[str, Any] = (
        {"first_name": present.json()["first_name"], "customers": present.json()["customers"]}
        if is_contact
        else {"name": present.json()["name"], "classifications": {}}
    )
    held = body if is_contact else body["classifications"]
    names = (
        ("attributes", "attribute_choices")
        if is_contact
        else ("customer_attribute", "customer_attribute_choice")
    )
    for name, numbers in zip(names, (attributes, choices), strict=True):
        if numbers is not None:
            held[name] = numbers
    if values is not None:
        body["attribute_values"] = values
    return await api.put(url(which), json=body, headers={"If-Match": present.headers["etag"]})


async def holding(
    api: httpx.AsyncClient, which: dict[str, Any]
) -> tuple[list[int], list[int], dict[str, Any]]:
    """Return attributes, choices and values of a customer or contact."""
    body = (await api.get(url(which))).json()
    if "contact_id" in which:
        return body["attributes"], body["attribute_choices"], body["attribute_values"]
    held = body["classifications"]
    return (
        held.get("customer_attribute", []),
        held.get("customer_attribute_choice", []),
        body["attribute_values"],
    )


async def outlaws(service: Service) -> list[Any]:
    """Return the records, deleted ones too, that the law of lists and attributes does not allow."""
    async with service.engine.connect() as connection:
        found: list[Any] = list((await connection.execute(text(_VALUES_AND_CHOICES))).all())
        found += (await connection.execute(text(_HELD))).all()
        return found


# Written apart from the code that keeps the law, and in another way.
_VALUES_AND_CHOICES = """
    WITH record AS (
        SELECT customer_id AS id, 'customer_attribute' AS list, attribute_values, classifications,
               ARRAY(SELECT number FROM list_value WHERE list = 'customer_attribute'
                       AND key = ANY(classifications)) AS attributes
        FROM customer
        UNION ALL
        SELECT contact_id, 'contact_attribute', attribute_values, classifications, attributes
        FROM contact
    ), held AS (
        SELECT record.id, record.list, value.number, value.facts ->> 'value_type' AS type,
               record.attribute_values -> CAST(value.number AS text) AS value,
               (SELECT count(*) FROM list_value AS choice WHERE choice.parent = value.key
                  AND choice.key = ANY(record.classifications)) AS choices
        FROM record JOIN list_value AS value ON value.list = record.list
                                            AND value.number = ANY(record.attributes)
    )
    SELECT id, 'value' AS why, type, value::text FROM held
    WHERE (coalesce(type, 'tick') IN ('tick', 'list')) <> (value IS NULL)
       OR type = 'number' AND jsonb_typeof(value) <> 'number'
       OR type IN ('text', 'date') AND jsonb_typeof(value) <> 'string'
       OR type = 'date' AND NOT value #>> '{}' ~ '^\\d{4}-\\d{2}-\\d{2}$'
    UNION ALL
    SELECT id, 'choices', type, choices::text FROM held
    WHERE choices <> CASE type WHEN 'list' THEN 1 ELSE 0 END
    UNION ALL
    SELECT id, 'value of nothing', number, NULL
    FROM record CROSS JOIN LATERAL jsonb_object_keys(attribute_values) AS number
    WHERE CAST(number AS int) <> ALL (attributes)
    UNION ALL
    SELECT record.id, 'choice of nothing', choice.title, NULL
    FROM record JOIN list_value AS choice ON choice.key = ANY(record.classifications)
                                         AND choice.list = record.list || '_choice'
    WHERE NOT EXISTS (SELECT FROM held JOIN list_value AS home ON home.key = choice.parent
                      WHERE held.id = record.id AND held.list = home.list
                        AND held.number = home.number)
"""
_HELD = """
    SELECT customer_id AS id, 'one of each' AS why, statuses, kinds, groups
    FROM (SELECT customer_id, count(*) FILTER (WHERE list = 'customer_status') AS statuses,
                 count(*) FILTER (WHERE list = 'customer_kind') AS kinds,
                 count(*) FILTER (WHERE list = 'customer_group') AS groups,
                 count(*) FILTER (WHERE list_value.key IS NULL
                                    OR list_value.facts ->> 'scope' = 'contact') AS missing
          FROM customer LEFT JOIN LATERAL unnest(classifications) AS held (key) ON true
          LEFT JOIN list_value USING (key) GROUP BY customer_id) AS counted
    WHERE (statuses, kinds, missing) <> (1, 1, 0) OR groups > 1
    UNION ALL
    SELECT contact_id, 'missing', 0, 0, 0
    FROM contact CROSS JOIN LATERAL unnest(attributes) AS held (number)
    WHERE NOT EXISTS (SELECT FROM list_value WHERE list = 'contact_attribute'
                        AND list_value.number = held.number)
    UNION ALL
    SELECT contact_id, 'missing', 1, 1, 1
    FROM contact CROSS JOIN LATERAL unnest(classifications) AS held (key)
    WHERE NOT EXISTS (SELECT FROM list_value WHERE list_value.key = held.key
                        AND coalesce(facts ->> 'scope', '') <> 'customer')
"""
