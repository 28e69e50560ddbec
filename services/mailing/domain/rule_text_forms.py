"""The words that reading and writing rules as text share."""

from typing import Any, NamedTuple, get_args

from services.mailing.domain.conditions import (
    Activities,
    ContactField,
    CustomerField,
    Documents,
    Holder,
    Opportunities,
)
from services.mailing.domain.lists import CONTACT_ATTRIBUTE

MAX_NESTING = 50
"""How deep parentheses may stand in each other, whatever the tree that they make."""

FLAGGED = "flagged"
COMPARED = ("is", "starts", "contains", "at", "below")
"""The words with which comparisons begin."""

CUSTOMER_ATTRIBUTE = "customer_attribute"
ATTRIBUTES = {Holder.CUSTOMER: CUSTOMER_ATTRIBUTE, Holder.CONTACT: CONTACT_ATTRIBUTE}


class Clause(NamedTuple):
    """A narrowing of a count: its words, its field, and the list of its values."""

    words: str
    field: str
    list: str


class Counted(NamedTuple):
    """What is counted: its words for one and for several, and its narrowings in order."""

    one: str
    several: str
    clauses: tuple[Clause, ...]


ACTIVITIES = Counted(
    "activity",
    "activities",
    (
        Clause("of category", "categories", "activity_category"),
        Clause("of kind", "kinds", "activity_kind"),
        Clause("of type", "types", "activity_type"),
        Clause("with attribute", "attributes", "activity_attribute"),
    ),
)
OPPORTUNITIES = Counted(
    "opportunity",
    "opportunities",
    (
        Clause("of pipeline", "pipelines", "pipeline"),
        Clause("of stage", "stages", "stage"),
        Clause("of type", "types", "opportunity_type"),
    ),
)
DOCUMENTS = Counted("document", "documents", ())


def choices(model: type, field: str) -> tuple[str, ...]:
    """Return the words that a field of a condition may be."""
    return tuple(_words_of(model.model_fields[field].annotation))  # type: ignore[attr-defined]


def _words_of(annotation: Any) -> list[str]:
    if isinstance(annotation, str):
        return [annotation]
    return [word for part in get_args(annotation) for word in _words_of(part)]


FIELDS = {
    Holder.CUSTOMER: choices(CustomerField, "field"),
    Holder.CONTACT: choices(ContactField, "field"),
}
STATES = choices(Activities, "state")
OUTCOMES = choices(Opportunities, "outcomes")
KINDS = choices(Documents, "kinds")


def spoken(name: str) -> str:
    """Return the name of a field as words."""
    return name.replace("_", " ")


def list_words(name: str) -> str:
    """Return the name of a list as words, or as it is where these would be read as another."""
    parts = name.split("_")
    plain = all(part[:1].isalpha() for part in parts) and FLAGGED not in parts[1:]
    return " ".join(parts) if plain else name
