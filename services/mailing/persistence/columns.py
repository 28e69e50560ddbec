"""The metadata of this service's tables, and how their columns are written."""

from sqlalchemy import Boolean, Column, MetaData, Text, text
from sqlalchemy.dialects.postgresql import UUID

from shared.chassis.tables import NAMING, add_chassis_tables

# An array of arrays must be a rectangle; texts may differ in length.
SEPARATOR = "\n"

metadata = MetaData(naming_convention=NAMING)
add_chassis_tables(metadata)


def uuid(name: str, **options: object) -> Column[object]:
    """Return a column of ids."""
    return Column(name, UUID(as_uuid=True), **options)  # type: ignore[arg-type]


def flag(name: str) -> Column[bool]:
    """Return a column that is false unless said otherwise."""
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def words(name: str) -> Column[str]:
    """Return a column of text that is empty unless said otherwise."""
    return Column(name, Text, nullable=False, server_default=text("''"))
