"""What the first migration does so that the database keeps each state of an opportunity.

Triggers per statement keep `opportunity_state`, whatever changes opportunities. A state holds from
its moment until that of the next, so that exactly one holds at any moment since the creation.
"""

from shared.history.migration import Operations

_AS_IT_IS = (
    *("customer_id", "pipeline", "stage", "entered_at", "outcome", "closed_on", "value"),
    *("currency", "probability", "expected_close", "type", "sellers", "weights"),
)


def keep_states(op: Operations) -> None:
    """Let states follow every statement that makes or changes opportunities."""
    op.execute(_FUNCTION)
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER keep_states_at_{event.lower()} AFTER {event} ON opportunity "
            "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keep_states()"
        )


_COLUMNS = ", ".join((*_AS_IT_IS, "deleted"))
_KEPT = ", ".join(f"present.{column}" for column in (*_AS_IT_IS, "deleted"))
_NOW = ", ".join((*(f"one.{column}" for column in _AS_IT_IS), "one.deleted_at IS NOT NULL"))
# The present state of each row, by index, one by one, and then by its place: the plan is made once,
# when tables may have been small, and its cost must not grow with them. OFFSET keeps it so.
_PRESENT = """
    SELECT {} FROM opportunity_state AS state
    WHERE state.opportunity_id = one.opportunity_id AND state.until IS NULL OFFSET 0
"""
_CHANGED = f"""
    new_rows AS one
    CROSS JOIN LATERAL ({_PRESENT.format("state.ctid AS place, state.*")}) AS present
    WHERE state.ctid = present.place AND ({_KEPT}) IS DISTINCT FROM ({_NOW})
"""
# What changed is what differs from the present state. A clock that went back, and a second change
# at one moment, change the present state: no state is empty or ends before it begins.
_FUNCTION = f"""
    CREATE FUNCTION keep_states() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            UPDATE opportunity_state AS state SET ({_COLUMNS}) = ROW ({_NOW})
            FROM {_CHANGED} AND present.since >= one.updated_at;

            UPDATE opportunity_state AS state SET until = one.updated_at
            FROM {_CHANGED};
        END IF;

        INSERT INTO opportunity_state AS state (opportunity_id, since, {_COLUMNS})
        SELECT one.opportunity_id,
               CASE TG_OP WHEN 'INSERT' THEN one.created_at ELSE one.updated_at END, {_NOW}
        FROM new_rows AS one WHERE NOT EXISTS ({_PRESENT.format("")});
        RETURN NULL;
    END $$
"""
