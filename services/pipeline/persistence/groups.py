"""Statements on user groups and who is in them."""


def subtree_members(group: str) -> str:
    """
    Return a subquery of who is in a group or below it: (seller, since, until), both included.

    `group` is an SQL expression for its id; that of an outer row asks for LATERAL. Each seller has
    one row per stretch of days, so that nobody is there twice on a day who is in two groups below.
    """
    return f"""(
        WITH RECURSIVE below (group_id) AS (
            SELECT group_id FROM user_group WHERE group_id = {group} AND deleted_at IS NULL
            UNION
            SELECT child.group_id FROM user_group AS child JOIN below
              ON child.parent_id = below.group_id WHERE child.deleted_at IS NULL
        )
        SELECT seller, lower(days) AS since, upper(days) - 1 AS until
        FROM (SELECT seller, unnest(range_agg(daterange(since, until, '[]'))) AS days
              FROM user_group_member JOIN below USING (group_id) GROUP BY seller) AS stretch
    )"""
