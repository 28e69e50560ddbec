"""New identifiers, in the order of time."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Return a new UUID of version 7."""
    return UUID(int=uuid_utils.uuid7().int)
