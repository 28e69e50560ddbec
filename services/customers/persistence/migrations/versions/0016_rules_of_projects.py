"""Projects know the rule that the pick of their customer broke, so that it can be told anew.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('erp_project', sa.Column('violated_rule', sa.Text(), nullable=True))
    # Picks that broke no rule were not kept: who was picked again since, then rightly, cannot be
    # told apart from who was picked once.
    op.execute("""
        UPDATE erp_project AS project SET violated_rule = violation.rule
        FROM (SELECT DISTINCT ON (source, project_ref, customer_id)
                     source, project_ref, customer_id, rule
              FROM rule_violation
              ORDER BY source, project_ref, customer_id, violation_id DESC) AS violation
        WHERE violation.source = project.source
          AND violation.project_ref = project.project_ref
          AND violation.customer_id = project.customer_id
    """)
