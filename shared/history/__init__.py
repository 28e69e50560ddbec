"""What changed of records, as the database kept it."""
