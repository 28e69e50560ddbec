"""What of an operation is given back together or not at all, and why something is left."""

CHANGED = "changed_since"
"""Somebody has changed the field since, or a record that the operation created."""
GONE = "gone"
"""A value of a list that the record held is gone, or means something else by now."""
TAKEN = "taken"
"""Another record owns the number, business id or reference by now."""

UNITS = {
    "customer": (
        ("deleted_at", "merged_into"),
        # A status that means ended, the reason and the day of the end belong together.
        ("classifications", "ended_on", "attribute_values"),
        (
            "started_on",
            "start_source",
            "start_document_source",
            "start_document_id",
            "start_recorded_at",
        ),
    ),
    # A choice of an attribute, among the classifications, ticks it.
    "contact": (
        ("attributes", "attribute_values", "classifications"),
        ("deleted_at", "merged_into"),
    ),
}
"""By record, the fields that are one: who has changed one of them has changed them all."""
