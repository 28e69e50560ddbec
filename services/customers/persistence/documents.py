"""Statements on ERP documents: all of them set-based, their cost follows the batch."""

import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.documents import DocumentState
from services.customers.domain.relationship import CountedDocument

Reference = tuple[str, str, str]
"""How a document names its customer: (erp_ref | customer_number | business_id, source, value)."""


async def resolve_customers(
    connection: AsyncConnection, references: Collection[Reference]
) -> dict[Reference, UUID | None]:
    """Return the customer of each reference, or None where it is not known."""
    wanted = list(references)
    result = await connection.execute(
        _RESOLVE,
        {
            "kinds": [kind for kind, _, _ in wanted],
            "sources": [source for _, source, _ in wanted],
            "values": [value for _, _, value in wanted],
        },
    )
    return {(row.kind, row.source, row.value): row.customer_id for row in result}


async def resolve_merged(
    connection: AsyncConnection, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Return who has taken the place of those that had these keys, unless others have them now."""
    if not keys:
        return {}
    result = await connection.execute(
        _RESOLVE_MERGED,
        {"kinds": [kind for kind, _ in keys], "values": [value for _, value in keys]},
    )
    return {(row.kind, row.value): row.customer_id for row in result}


class MergedMeanwhile(TimeoutError):
    """A record was merged between being found and being locked; done again, all finds its heir."""


async def lock_customers(
    connection: AsyncConnection, customer_ids: Collection[UUID], *, resolved: bool = False
) -> dict[UUID, Row[Any]]:
    """
    Lock customers in one order, so that their start is decided by one worker at a time.

    With `resolved`, they are those that some keys name: of one merged since, its heir is meant.
    """
    result = await connection.execute(_LOCK, {"ids": list(customer_ids)})
    locked = {row.customer_id: row for row in result}
    if resolved and any(row.merged_into is not None for row in locked.values()):
        raise MergedMeanwhile("A customer was merged into another just now.")
    return locked


async def fetch_documents(
    connection: AsyncConnection, keys: Collection[tuple[str, str, str]]
) -> dict[tuple[str, str, str], DocumentState]:
    """Return the present state of those documents that exist."""
    wanted = list(keys)
    result = await connection.execute(
        _FETCH,
        {
            "sources": [source for source, _, _ in wanted],
            "kinds": [kind for _, kind, _ in wanted],
            "ids": [document_id for _, _, document_id in wanted],
        },
    )
    states = (DocumentState(**row._mapping) for row in result)
    return {state.key: state for state in states}


async def next_documents(
    connection: AsyncConnection, *, after: DocumentState | None, limit: int
) -> Sequence[DocumentState]:
    """Lock the next documents in the order of their keys and return how they stand."""
    source, kind, document_id = after.key if after else ("", "", "")
    result = await connection.execute(
        _NEXT, {"source": source, "kind": kind, "id": document_id, "limit": limit}
    )
    return [DocumentState(**row._mapping) for row in result]


async def save_documents(connection: AsyncConnection, states: Sequence[DocumentState]) -> None:
    """Insert or replace documents; a newer state that another worker has saved stays."""
    await connection.execute(
        _SAVE,
        {
            "sources": [state.source for state in states],
            "kinds": [state.kind for state in states],
            "ids": [state.document_id for state in states],
            "versions": [state.version for state in states],
            "voided": [state.voided for state in states],
            "said_at": [state.said_at for state in states],
            "hashes": [state.content_hash for state in states],
            "customers": [state.customer_id for state in states],
            "dates": [state.document_date for state in states],
            "recorded": [state.recorded_at for state in states],
            "currencies": [state.currency for state in states],
            "net": [state.net_amount for state in states],
            "gross": [state.gross_amount for state in states],
            "margins": [state.margin for state in states],
            "orders": [state.order_id for state in states],
            "invoices": [state.invoice_id for state in states],
            "lines": [None if state.lines is None else json.dumps(state.lines) for state in states],
        },
    )


async def keep_history(
    connection: AsyncConnection, replaced: Sequence[DocumentState], now: object
) -> None:
    """Keep states that were replaced; a state that is kept already stays as it is."""
    await connection.execute(
        _HISTORY,
        {
            "sources": [state.source for state in replaced],
            "kinds": [state.kind for state in replaced],
            "ids": [state.document_id for state in replaced],
            "hashes": [state.content_hash for state in replaced],
            "versions": [state.version for state in replaced],
            "voided": [state.voided for state in replaced],
            "facts": [_facts(state) for state in replaced],
            "now": now,
        },
    )


def _facts(state: DocumentState) -> str:
    names = ("document_date", "recorded_at", "currency", "net_amount", "gross_amount", "order_id")
    return json.dumps(
        {name: None if (value := getattr(state, name)) is None else str(value) for name in names}
    )


async def first_documents(
    connection: AsyncConnection, customer_ids: Collection[UUID]
) -> dict[UUID, list[CountedDocument]]:
    """Return each customer's first recorded valid invoice and sales order, where there are any."""
    result = await connection.execute(_FIRST, {"ids": list(customer_ids)})
    found: dict[UUID, list[CountedDocument]] = {}
    for row in result:
        found.setdefault(row.customer_id, []).append(
            CountedDocument(
                kind=row.kind,
                source=row.source,
                document_id=row.document_id,
                document_date=row.document_date,
                recorded_at=row.recorded_at,
            )
        )
    return found


async def next_told(connection: AsyncConnection) -> int:
    """Return a number higher than those taken before: under one lock, the newest word."""
    # Any sequence would do; that of the outbox is at hand where something is told.
    result = await connection.execute(
        text("SELECT nextval(pg_get_serial_sequence('outbox', 'seq'))")
    )
    return int(result.scalar_one())


def _live(key: str) -> str:
    return f"(SELECT customer_id FROM customer WHERE {key} = wanted.value AND deleted_at IS NULL)"


def _heir(key: str) -> str:
    """Return who took the place of the one merged last with a key, if it is live."""
    return f"""
        (SELECT heir.customer_id FROM (
             SELECT customer_survivor(customer_id) AS customer_id FROM customer
             WHERE {key} = wanted.value AND merged_into IS NOT NULL
             ORDER BY deleted_at DESC, customer_id LIMIT 1) AS merged
         JOIN customer AS heir USING (customer_id) WHERE heir.deleted_at IS NULL)"""


def _owner(key: str) -> str:
    return f"coalesce({_live(key)}, {_heir(key)})"


_RESOLVE_MERGED = text(
    f"""
    SELECT kind, value, heir AS customer_id FROM (
        SELECT wanted.kind, wanted.value,
               CASE kind WHEN 'customer_number' THEN {_live("number")}
                         ELSE {_live("business_id")} END AS owner,
               CASE kind WHEN 'customer_number' THEN {_heir("number")}
                         ELSE {_heir("business_id")} END AS heir
        FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS wanted (kind, value)
    ) AS found WHERE heir IS NOT NULL AND coalesce(owner, heir) = heir
    """
)
_RESOLVE = text(
    f"""
    SELECT wanted.kind, wanted.source, wanted.value,
           CASE wanted.kind
               WHEN 'erp_ref' THEN (SELECT customer_id FROM customer_reference AS reference
                                    WHERE reference.source = wanted.source
                                      AND reference.ref = wanted.value)
               WHEN 'customer_number' THEN {_owner("number")}
               ELSE {_owner("business_id")}
           END AS customer_id
    FROM unnest(CAST(:kinds AS text[]), CAST(:sources AS text[]), CAST(:values AS text[]))
         AS wanted (kind, source, value)
    """
)
_LOCK = text(
    """
    SELECT customer_id, version, started_on, start_source, start_document_source,
           start_document_id, start_recorded_at, business_id, phone, headcount,
           street, postal_code, city, country, classifications, attribute_values, ended_on,
           deleted_at, merged_into
    FROM customer WHERE customer_id = ANY(CAST(:ids AS uuid[]))
    ORDER BY customer_id FOR NO KEY UPDATE
    """
)
_STATE = """source, kind, document_id, version, voided, said_at, content_hash, customer_id,
            document_date, recorded_at, currency, net_amount, gross_amount, margin, order_id,
            invoice_id, lines"""
_FETCH = text(
    f"""
    SELECT {_STATE}, hashed_for
    FROM unnest(CAST(:sources AS text[]), CAST(:kinds AS text[]), CAST(:ids AS text[]))
         AS wanted (source, kind, document_id)
    JOIN erp_document USING (source, kind, document_id)
    """
)
_NEXT = text(
    f"""
    SELECT {_STATE}, hashed_for FROM erp_document
    WHERE (source, kind, document_id) > (:source, :kind, :id)
    ORDER BY source, kind, document_id LIMIT :limit FOR SHARE
    """
)
_SAVE = text(
    f"""
    INSERT INTO erp_document ({_STATE})
    SELECT source, kind, document_id, version, voided, said_at, content_hash, customer_id,
           document_date, recorded_at, currency, net_amount, gross_amount, margin, order_id,
           invoice_id, CAST(lines AS jsonb)
    FROM unnest(CAST(:sources AS text[]), CAST(:kinds AS text[]), CAST(:ids AS text[]),
                CAST(:versions AS bigint[]), CAST(:voided AS boolean[]),
                CAST(:said_at AS timestamptz[]), CAST(:hashes AS bytea[]),
                CAST(:customers AS uuid[]), CAST(:dates AS date[]),
                CAST(:recorded AS timestamptz[]), CAST(:currencies AS text[]),
                CAST(:net AS numeric[]), CAST(:gross AS numeric[]), CAST(:margins AS numeric[]),
                CAST(:orders AS text[]), CAST(:invoices AS text[]), CAST(:lines AS text[]))
         AS told ({_STATE})
    ON CONFLICT (source, kind, document_id) DO UPDATE SET
        version = excluded.version, voided = excluded.voided, said_at = excluded.said_at,
        content_hash = excluded.content_hash, customer_id = excluded.customer_id,
        document_date = coalesce(excluded.document_date, erp_document.document_date),
        recorded_at = coalesce(excluded.recorded_at, erp_document.recorded_at),
        currency = coalesce(excluded.currency, erp_document.currency),
        net_amount = coalesce(excluded.net_amount, erp_document.net_amount),
        gross_amount = coalesce(excluded.gross_amount, erp_document.gross_amount),
        margin = coalesce(excluded.margin, erp_document.margin),
        order_id = coalesce(excluded.order_id, erp_document.order_id),
        invoice_id = coalesce(excluded.invoice_id, erp_document.invoice_id),
        lines = coalesce(excluded.lines, erp_document.lines), hashed_for = NULL
    WHERE (excluded.version, excluded.voided, excluded.said_at, excluded.content_hash)
        > (erp_document.version, erp_document.voided, erp_document.said_at,
           erp_document.content_hash)
    """
)
_HISTORY = text(
    """
    INSERT INTO erp_document_history (source, kind, document_id, content_hash, version, voided,
                                      facts, replaced_at)
    SELECT source, kind, document_id, content_hash, version, voided, CAST(facts AS jsonb), :now
    FROM unnest(CAST(:sources AS text[]), CAST(:kinds AS text[]), CAST(:ids AS text[]),
                CAST(:hashes AS bytea[]), CAST(:versions AS bigint[]), CAST(:voided AS boolean[]),
                CAST(:facts AS text[]))
         AS replaced (source, kind, document_id, content_hash, version, voided, facts)
    ON CONFLICT DO NOTHING
    """
)
# One index probe per customer and kind, however many documents a customer has.
_FIRST = text(
    """
    SELECT wanted.customer_id, first.kind, first.source, first.document_id, first.document_date,
           first.recorded_at
    FROM unnest(CAST(:ids AS uuid[])) AS wanted (customer_id)
    CROSS JOIN (VALUES ('invoice'), ('sales_order')) AS counted (kind)
    CROSS JOIN LATERAL (
        SELECT document.* FROM erp_document AS document
        WHERE document.customer_id = wanted.customer_id AND document.kind = counted.kind
          AND NOT document.voided
          AND ((SELECT sum(abs(note.net_amount)) FROM erp_document AS note
                WHERE note.source = document.source AND note.invoice_id = document.document_id
                  AND note.kind = 'credit_note' AND document.kind = 'invoice' AND NOT note.voided
                  AND note.currency = document.currency) >= document.net_amount) IS NOT TRUE
        ORDER BY document.recorded_at, document.document_date, document.document_id,
                 document.source
        LIMIT 1
    ) AS first
    """
)
