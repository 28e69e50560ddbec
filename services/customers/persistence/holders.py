"""In which columns customers and contacts hold values of lists."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.lists import CONTACT, CONTACT_ATTRIBUTE, CUSTOMER, CUSTOMER_ATTRIBUTE
from shared.lists.holders import Holder

HOLDERS = (
    Holder(CUSTOMER, "customers", "customer_id"),
    Holder(CUSTOMER, "customers", "customer_id", only=CUSTOMER_ATTRIBUTE, said="attribute_values"),
    Holder(CONTACT, "contacts", "contact_id"),
    # By number, since settings and bans go by number.
    Holder(
        CONTACT,
        "contacts",
        "contact_id",
        column="attributes",
        reference="number",
        only=CONTACT_ATTRIBUTE,
        said="attribute_values",
    ),
)


async def holder_ids(connection: AsyncConnection, key: int, *, limit: int) -> list[UUID]:
    """Return the customers that hold a value, deleted ones too."""
    result = await connection.execute(
        text(
            "SELECT customer_id FROM customer WHERE classifications @> ARRAY[CAST(:key AS int)] "
            "ORDER BY customer_id LIMIT :limit"
        ),
        {"key": key, "limit": limit},
    )
    return list(result.scalars())
