"""What customers hold, as parts of a WITH RECURSIVE: values in a tree, and who stands for whom."""

COVERS = """
    covers (above, token) AS (
        SELECT token, token FROM classification WHERE NOT removed
        UNION
        SELECT covers.above, below.token
        FROM covers JOIN classification AS below ON below.above = covers.token AND NOT below.removed
                    AND below.list_name = split_part(covers.above, '/', 1)
    )
"""
"""Each value with itself, and with all that lie in it."""
STANDING = """
    standing (customer_id, held) AS (
        SELECT customer_id, coalesce(taken.held, customer.held)
        FROM customer LEFT JOIN (
            SELECT merged.customer_id, survivor.held
            FROM customer AS merged
            JOIN customer AS survivor ON survivor.customer_id = survivor_of(merged.customer_id)
            WHERE merged.merged_into IS NOT NULL) AS taken USING (customer_id)
    )
"""
"""Each customer, merged ones too, with what is held by who stands for it now."""
