"""A probe remembers how far the news had come when it was sent.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        'consent_probe',
        sa.Column('applied_through', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    )
