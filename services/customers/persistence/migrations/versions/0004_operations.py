"""Operations on many customers at once.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

def upgrade() -> None:
    op.create_table('operation',
    sa.Column('operation_id', sa.UUID(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('request', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('customers', sa.Integer(), nullable=False),
    sa.Column('deleted', sa.Integer(), nullable=False),
    sa.Column('undoes', sa.UUID(), nullable=True),
    sa.ForeignKeyConstraint(['undoes'], ['operation.operation_id'], name=op.f('fk_operation_undoes_operation')),
    sa.PrimaryKeyConstraint('operation_id', name=op.f('pk_operation')),
    sa.UniqueConstraint('undoes', name=op.f('uq_operation_undoes'))
    )
