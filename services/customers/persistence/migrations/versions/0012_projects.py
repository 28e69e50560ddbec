"""Projects of ERPs, and the customers that were picked against a rule.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('erp_project',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('project_ref', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('said_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.customer_id'], name=op.f('fk_erp_project_customer_id_customer')),
    sa.PrimaryKeyConstraint('source', 'project_ref', name=op.f('pk_erp_project'))
    )
    op.create_index(op.f('ix_erp_project_customer_id'), 'erp_project', ['customer_id'])
    op.create_table('rule_violation',
    sa.Column('violation_id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('rule', sa.Text(), nullable=False),
    sa.Column('status_number', sa.Integer(), nullable=True),
    sa.Column('status_title', sa.Text(), nullable=True),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('project_ref', sa.Text(), nullable=False),
    sa.Column('event_id', sa.Text(), nullable=False),
    sa.Column('said_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.customer_id'], name=op.f('fk_rule_violation_customer_id_customer')),
    sa.PrimaryKeyConstraint('violation_id', name=op.f('pk_rule_violation'))
    )
    op.create_index('ix_rule_violation_customer', 'rule_violation', ['customer_id', 'violation_id'])
