"""Who stands for a customer now: itself, or what it was merged into, and so on, as far as known.

Functions of the database, which the first migration makes: `survivor_of(id)` and, the other way,
`merged_into_it(id)`. Most customers were never merged; the expressions here ask only where one was.
"""

from shared.history.migration import Operations

LONGEST_CHAIN = 100


def follow_merges(op: Operations) -> None:
    """Make the functions."""
    op.execute(_SURVIVOR_OF)
    op.execute(_MERGED_INTO_IT)


def survivor_of(customer: str) -> str:
    """Return the expression for the id of who stands for this row of `customer` now."""
    return (
        f"CASE WHEN {customer}.merged_into IS NULL THEN {customer}.customer_id "
        f"ELSE survivor_of({customer}.customer_id) END"
    )


def one_merged_into(customer: str, condition: str) -> str:
    """Return the condition that one of those merged into this row, called `below`, meets it."""
    return f"""
        ({customer}.customer_id IN (SELECT merged_into FROM customer WHERE merged_into IS NOT NULL)
         AND EXISTS (SELECT FROM merged_into_it({customer}.customer_id) AS below (customer_id)
                     WHERE {condition}))
    """


_SURVIVOR_OF = f"""
    CREATE FUNCTION survivor_of(uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
        WITH RECURSIVE up (customer_id, merged_into, steps) AS (
            SELECT customer_id, merged_into, 0 FROM customer WHERE customer_id = $1
            UNION ALL
            SELECT above.customer_id, above.merged_into, up.steps + 1
            FROM up JOIN customer AS above ON above.customer_id = up.merged_into
            WHERE up.steps < {LONGEST_CHAIN})
        SELECT customer_id FROM up ORDER BY steps DESC LIMIT 1
    $$
"""
_MERGED_INTO_IT = f"""
    CREATE FUNCTION merged_into_it(uuid) RETURNS SETOF uuid LANGUAGE sql STABLE ROWS 2 AS $$
        WITH RECURSIVE below (customer_id, steps) AS (
            SELECT customer_id, 1 FROM customer WHERE merged_into = $1
            UNION ALL
            SELECT one.customer_id, below.steps + 1
            FROM below JOIN customer AS one ON one.merged_into = below.customer_id
            WHERE below.steps < {LONGEST_CHAIN})
        SELECT customer_id FROM below
    $$
"""
