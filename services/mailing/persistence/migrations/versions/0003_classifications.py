"""Customers and contacts hold values of the classification lists; contacts have a telephone.

Nothing is known of them for the rows there are: `held_version` tells that, until customers tells
them anew. Old code must survive this schema: add, backfill, then enforce; remove when nobody reads
any more.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('classification',
    sa.Column('token', sa.Text(), nullable=False),
    sa.Column('list_name', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('titles', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('above', sa.Text(), nullable=True),
    sa.Column('bundled', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('flags', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('archived', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('removed', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('token', name=op.f('pk_classification'))
    )
    op.create_index('ix_classification_list_name', 'classification', ['list_name'], unique=False)
    op.create_index('ix_classification_above', 'classification', ['above'], unique=False)
    op.add_column('customer', sa.Column('ended_on', sa.Date(), nullable=True))
    op.add_column('contact', sa.Column('phone', sa.Text(), nullable=True))
    for table in ('customer', 'contact'):
        op.add_column(table, sa.Column('held', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False))
        op.add_column(table, sa.Column('held_version', sa.BigInteger(), server_default=sa.text('0'), nullable=False))
        op.create_index(f'ix_{table}_held', table, ['held'], unique=False, postgresql_using='gin')
        op.create_index(f'ix_{table}_not_told', table, [f'{table}_id'], unique=False, postgresql_where=sa.text('NOT deleted AND held_version <> version'))
