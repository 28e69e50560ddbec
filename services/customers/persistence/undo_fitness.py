"""Statements that find what of an undo would not be lawful today, in the table of `undo`."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.lists import (
    ATTRIBUTES_OF,
    CHOICES_OF,
    COMPULSORY,
    CONTACT_ATTRIBUTE,
    LISTS,
)
from services.customers.domain.undo import GONE


async def leave_unfit(connection: AsyncConnection, operation_id: UUID) -> None:
    """Leave fields whose values are gone, or are by now what their records could not be given."""
    await connection.execute(_GONE)
    for heirless in _HEIRLESS:
        await connection.execute(heirless)
    await connection.execute(_UNFIT, {**_LAWS, "id": operation_id})


# Also a status that has come to mean something else: the day of the end would not fit it.
_GONE = text(
    f"""
    UPDATE undoing SET why = '{GONE}'
    WHERE why IS NULL
      AND (field = 'classifications' AND EXISTS (
               SELECT FROM jsonb_array_elements_text(before) AS held
               WHERE NOT EXISTS (SELECT FROM list_value WHERE key = CAST(held AS int)))
           OR record = 'contact' AND field = 'attributes' AND EXISTS (
               SELECT FROM jsonb_array_elements_text(before) AS held
               WHERE NOT EXISTS (SELECT FROM list_value WHERE list = 'contact_attribute'
                                   AND number = CAST(held AS int)))
           OR record = 'customer' AND field = 'classifications'
              AND EXISTS (SELECT FROM jsonb_array_elements_text(before) AS held
                          JOIN list_value ON key = CAST(held AS int)
                          WHERE list = 'customer_status' AND facts @> '{{"ended": true}}')
                  <> coalesce(
                      (SELECT ended.before <> 'null' FROM undoing AS ended
                       WHERE ended.record_id = undoing.record_id AND ended.field = 'ended_on'),
                      (SELECT ended_on IS NOT NULL FROM customer
                       WHERE customer_id = undoing.record_id))
           OR record = 'customer'
              AND NOT EXISTS (SELECT FROM customer WHERE customer_id = undoing.record_id)
           OR record = 'contact'
              AND NOT EXISTS (SELECT FROM contact WHERE contact_id = undoing.record_id))
    """
)
# What a record would hold must be what it could be given today.
_UNFIT = text(
    f"""
    WITH altered AS (  -- attributes of another type, and choices of another attribute, since then
        SELECT DISTINCT value.key, value.list, value.number
        FROM list_value AS value JOIN history AS change ON change.record = 'list_value'
                                                       AND change.record_id = value.value_id
        WHERE value.list = ANY(CAST(:lists AS text[]))
          AND change.history_id > (SELECT min(since) FROM undoing)
          AND (coalesce(change.before #>> '{{facts,value_type}}', 'tick')
                   <> coalesce(change.after #>> '{{facts,value_type}}', 'tick')
               OR value.list = ANY(CAST(:choices AS text[])) AND change.before ? 'parent')
        UNION  -- a number may have been given again by hand
        SELECT key, list, number FROM list_value
        WHERE list = '{CONTACT_ATTRIBUTE}'
          AND created_at > (SELECT at FROM operation WHERE operation_id = :id)
    ), would AS (
        SELECT undoing.record, undoing.record_id, value.list, value.parent, value.facts
        FROM undoing
        CROSS JOIN LATERAL jsonb_array_elements_text(
            CASE WHEN field = 'classifications' THEN before ELSE '[]' END) AS held
        JOIN list_value AS value ON value.key = CAST(held AS int)
        WHERE why IS NULL
    )
    UPDATE undoing SET why = '{GONE}'
    WHERE why IS NULL AND (
        field IN ('classifications', 'attributes', 'attribute_values') AND EXISTS (
            SELECT FROM altered WHERE
                field = 'classifications' AND before @> to_jsonb(altered.key)
                OR field = 'attributes' AND altered.list = 'contact_attribute'
                   AND before @> to_jsonb(altered.number)
                OR record = 'customer' AND EXISTS (
                    SELECT FROM customer WHERE customer_id = record_id
                      AND altered.key = ANY(customer.classifications))
                OR record = 'contact' AND EXISTS (
                    SELECT FROM contact WHERE contact_id = record_id
                      AND (altered.key = ANY(contact.classifications)
                           OR altered.list = 'contact_attribute'
                              AND altered.number = ANY(contact.attributes))))
        OR field = 'classifications' AND (
            EXISTS (SELECT FROM would WHERE would.record_id = undoing.record_id
                      AND would.facts ->> 'scope'
                          = CASE record WHEN 'customer' THEN 'contact' ELSE 'customer' END)
            OR EXISTS (SELECT FROM would WHERE would.record_id = undoing.record_id
                         AND would.list = ANY(CAST(:single AS text[]))
                       GROUP BY would.list HAVING count(*) > 1)
            OR EXISTS (SELECT FROM would WHERE would.record_id = undoing.record_id
                         AND would.list = ANY(CAST(:one_inside AS text[]))
                       GROUP BY would.list, would.parent HAVING count(*) > 1)
            OR record = 'customer'
               AND (SELECT count(*) FROM would WHERE would.record_id = undoing.record_id
                      AND would.list = ANY(CAST(:compulsory AS text[])))
                   <> cardinality(CAST(:compulsory AS text[]))))
    """
)
_LAWS = {
    "lists": [*CHOICES_OF, *ATTRIBUTES_OF],
    "choices": list(ATTRIBUTES_OF),
    "compulsory": list(COMPULSORY),
    "single": [one.name for one in LISTS.values() if not one.several],
    "one_inside": [one.name for one in LISTS.values() if one.one_inside],
}
# Whoever is merged again needs somebody living who stands for him; so no merges make a ring.
_HEIRLESS = tuple(
    text(
        f"""
        UPDATE undoing SET why = '{GONE}'
        WHERE record = '{record}' AND field = 'merged_into' AND before <> 'null' AND why IS NULL
          AND NOT EXISTS (SELECT FROM {record} AS heir WHERE heir.deleted_at IS NULL
                            AND heir.{record}_id = CAST(before #>> '{{}}' AS uuid))
        """
    )
    for record in ("customer", "contact")
)
