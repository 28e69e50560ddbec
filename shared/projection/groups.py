"""Who is in a user group or in one below it, and when, as parts of a WITH RECURSIVE."""


def memberships(lives: str) -> str:
    """
    Return parts that end with `membership`: group_id, seller and a range of days.

    Days that somebody has in several ways are once, and a ring of groups is walked once. `lives` is
    the condition that a group is there, with `{group}` for its row.
    """
    return f"""
        group_covers (above, group_id) AS (
            SELECT group_id, group_id FROM user_group WHERE {lives.format(group="user_group")}
            UNION
            SELECT group_covers.above, below.group_id
            FROM group_covers JOIN user_group AS below ON below.parent_id = group_covers.group_id
                                                      AND {lives.format(group="below")}
        ), membership AS (
            SELECT group_covers.above AS group_id, seller,
                   unnest(range_agg(daterange(since, until, '[]'))) AS days
            FROM group_covers JOIN user_group_member USING (group_id)
            WHERE until IS NULL OR until >= since
            GROUP BY group_covers.above, seller
        )
    """
