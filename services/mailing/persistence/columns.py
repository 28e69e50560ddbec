"""The metadata of this service's tables, and how texts of several values are sent to them."""

from sqlalchemy import MetaData

from shared.chassis.tables import NAMING, add_chassis_tables

# An array of arrays must be a rectangle; texts may differ in length.
SEPARATOR = "\n"

metadata = MetaData(naming_convention=NAMING)
add_chassis_tables(metadata)
