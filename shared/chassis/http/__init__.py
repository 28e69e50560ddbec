"""The HTTP edge: problem details, keys, paging, conditional and repeatable writes, health."""
