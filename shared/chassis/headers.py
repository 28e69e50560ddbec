"""Headers of tables as people write them, made comparable."""

import re
import unicodedata


def folded(header: str) -> str:
    """Return a header without case, accents and signs, for comparison."""
    plain = unicodedata.normalize("NFKD", header.casefold())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", letters.replace("ø", "o")).split())
