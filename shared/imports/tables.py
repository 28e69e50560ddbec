"""The tables of a service's imports, made on the service's own metadata."""

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.chassis.tables import moment, uuid, version


def add_import_tables(metadata: MetaData, record: str) -> None:
    """Declare the tables of files and of their rows; `record` is what a row makes."""
    of_file = f"{record}_import"
    Table(
        of_file,
        metadata,
        uuid("import_id", primary_key=True),
        version(),
        # Whose keys the keys of its rows are.
        Column("source", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("encoding", Text),
        Column("delimiter", Text),
        Column("sheet", Text),
        # Of what in it names no zone, and where its days begin.
        Column("time_zone", Text, nullable=False),
        Column("columns", ARRAY(Text), nullable=False),
        Column("rows", Integer, nullable=False),
        # What columns mean: field by header.
        Column("mapping", JSONB, nullable=False),
        Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
        uuid("rehearsal_job"),
        uuid("run_job"),
        uuid("undo_job"),
        moment("created_at", nullable=False),
        moment("updated_at", nullable=False),
    )
    Table(
        f"{of_file}_row",
        metadata,
        Column(
            "import_id", ForeignKey(f"{of_file}.import_id", ondelete="CASCADE"), primary_key=True
        ),
        Column("line", Integer, primary_key=True),
        Column("cells", ARRAY(Text), nullable=False),
        # What it came to in the last rehearsal or run, if that has been there.
        Column("fate", Text),
        Column("ref", Text),
        uuid(f"{record}_id"),
        Column("problems", JSONB, nullable=False, server_default=text("'[]'")),
        Index(f"ix_{of_file}_row_fate", "import_id", "fate", "line"),
        Index(f"ix_{of_file}_row_ref", "import_id", "ref"),
    )
