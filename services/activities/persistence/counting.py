"""What the first migration does so that the database counts activities by itself.

Triggers per statement keep `activity_count` and `last_contact`, whatever changes activities: a
request, an import, a value of a list that goes into another. Their cost is that of the change,
however much there is already. They also tell whoever watches the view of a seller.
"""

from shared.history.migration import Operations

CHANNEL = "seller_view"
"""What is told on it is the key of a seller, or nothing where the views of all may have changed."""

_SHOWN_TO_ALL = (
    "customer",
    "list_value",
    "seller",
    "target",
    "target_exception",
    "user_group",
    "user_group_member",
)


def count_activities(op: Operations) -> None:
    """Let counts and last contacts follow every statement that changes activities."""
    for event, came, went in (
        ("INSERT", "came", _NO_ROWS.format("came")),
        ("UPDATE", "came", "went"),
        ("DELETE", _NO_ROWS.format("went"), "went"),
    ):
        tables = {"came": "NEW TABLE AS came", "went": "OLD TABLE AS went"}
        name = f"count_activities_at_{event.lower()}"
        op.execute(_COUNT.format(name=name, came=came, went=went, channel=CHANNEL))
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON activity "
            f"REFERENCING {' '.join(tables[one] for one in tables if one in (came, went))} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def tell_watchers(op: Operations) -> None:
    """Let whoever watches a view hear of changes to what is shown to all sellers."""
    op.execute(_TELL.format(channel=CHANNEL))
    for table in _SHOWN_TO_ALL:
        op.execute(
            f'CREATE TRIGGER tell_watchers AFTER INSERT OR UPDATE OR DELETE ON "{table}" '
            "FOR EACH STATEMENT EXECUTE FUNCTION tell_watchers()"
        )


_NO_ROWS = """
    (SELECT day, seller, customer_id, category, kind, type, state, deleted_at FROM {} WHERE false)
"""
_DONE = """
    SELECT who.seller, customer_id, max(day) AS day
    FROM {{{rows}}} AS one CROSS JOIN LATERAL (VALUES (''), (one.seller)) AS who (seller)
    WHERE deleted_at IS NULL AND state = 'done' AND who.seller IS NOT NULL
    GROUP BY who.seller, customer_id
"""
# Two that delete the last two contacts at once each see the other's: who comes second waits for the
# row, and then looks anew in a statement of its own.
_COUNT = f"""
    CREATE FUNCTION {{name}}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        sellers text[];
        customers uuid[];
        days date[];
    BEGIN
        INSERT INTO activity_count AS kept (day, seller, category, kind, type, done, open)
        SELECT day, coalesce(seller, ''), category, kind, type,
               coalesce(sum(change) FILTER (WHERE state = 'done'), 0),
               coalesce(sum(change) FILTER (WHERE state = 'open'), 0)
        FROM (SELECT 1 AS change, day, seller, category, kind, type, state
              FROM {{came}} AS one WHERE deleted_at IS NULL
              UNION ALL
              SELECT -1, day, seller, category, kind, type, state
              FROM {{went}} AS one WHERE deleted_at IS NULL) AS changed
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(change) <> 0 OR sum(change) FILTER (WHERE state = 'done') <> 0
        ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (day, seller, category, kind, type) DO UPDATE
            SET done = kept.done + EXCLUDED.done, open = kept.open + EXCLUDED.open;

        INSERT INTO last_contact AS kept (seller, customer_id, day)
        SELECT seller, customer_id, day FROM ({_DONE.format(rows="came")}) AS last ORDER BY 1, 2
        ON CONFLICT (seller, customer_id) DO UPDATE SET day = EXCLUDED.day
            WHERE kept.day IS NULL OR kept.day < EXCLUDED.day;

        SELECT array_agg(seller), array_agg(customer_id), array_agg(day)
        INTO sellers, customers, days
        FROM ({_DONE.format(rows="went")} EXCEPT {_DONE.format(rows="came")}) AS perhaps_last;
        IF sellers IS NOT NULL THEN
            PERFORM 1 FROM last_contact AS kept
            JOIN unnest(sellers, customers) AS pair (seller, customer_id)
              USING (seller, customer_id)
            ORDER BY kept.seller, kept.customer_id FOR UPDATE OF kept;

            UPDATE last_contact AS kept SET day = (
                SELECT activity.day FROM activity
                WHERE activity.customer_id = pair.customer_id AND activity.deleted_at IS NULL
                  AND activity.state = 'done' AND pair.seller IN ('', activity.seller)
                ORDER BY activity.starts_at DESC LIMIT 1)
            FROM unnest(sellers, customers, days) AS pair (seller, customer_id, day)
            WHERE kept.seller = pair.seller AND kept.customer_id = pair.customer_id
              AND kept.day <= pair.day;
        END IF;

        PERFORM pg_notify('{{channel}}', seller)
        FROM (SELECT seller FROM {{came}} AS one UNION SELECT seller FROM {{went}} AS one) AS told
        WHERE seller IS NOT NULL;
        RETURN NULL;
    END $$
"""
_TELL = """
    CREATE FUNCTION tell_watchers() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('{channel}', '');
        RETURN NULL;
    END $$
"""
