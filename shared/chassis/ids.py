"""New identifiers, in the order of their creation (UUID version 7)."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Return a new identifier that sorts after those made before."""
    return UUID(int=uuid_utils.uuid7().int)
