"""The one Alembic environment of all services: it takes connection and metadata from its caller."""

from alembic import context
from sqlalchemy import text

config = context.config
connection = config.attributes["connection"]
# A migration that cannot get its lock must fail and be run again, not queue up all traffic.
connection.execute(text("SET LOCAL lock_timeout = '3s'"))
context.configure(
    connection=connection,
    target_metadata=config.attributes["metadata"],
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
