"""What mailing must know of the lists of all services: who holds them and what lies in what.

Lists come and go there; only those that lie in another list, those of customers that bundle
another one, and those held by contacts are named here. A test compares.
"""

from collections.abc import Iterator

from shared.contracts.held import token

CUSTOMER_STATUS = "customer_status"
CONTACT_ATTRIBUTE = "contact_attribute"
ENDED = "ended"

INSIDE = {
    "tracking_value": "tracking_object",
    "customer_attribute": "customer_attribute_group",
    "customer_attribute_choice": "customer_attribute",
    CONTACT_ATTRIBUTE: "contact_group",
    "contact_attribute_choice": CONTACT_ATTRIBUTE,
    "stage": "pipeline",
}
BUNDLES = {"status_group": CUSTOMER_STATUS}
UNHELD = (frozenset(INSIDE.values()) | BUNDLES.keys()) - {"customer_attribute", CONTACT_ATTRIBUTE}
"""Lists whose values nobody holds: they only cover others."""
ONE_EACH = frozenset(
    {
        CUSTOMER_STATUS, "customer_type", "industry", "headcount_class", "end_reason",
        "customer_group", "customer_kind", "contact_origin", "customer_source",
    }
)  # fmt: skip
"""Lists of which a customer holds one value at most."""
COMPULSORY = frozenset({CUSTOMER_STATUS, "customer_kind"})
"""Lists of which every customer holds a value."""
OF_CONTACTS = frozenset(
    {"category", CONTACT_ATTRIBUTE, "contact_attribute_choice", "contact_group"}
)
OF_CONTACTS_ALONE = OF_CONTACTS - {"category"}


def above(list_name: str, parent: int | None) -> str | None:
    """Return what a value lies in: a value of its own list if that is a tree, or of another."""
    return None if parent is None else token(INSIDE.get(list_name, list_name), parent)


def covering(list_name: str) -> Iterator[str]:
    """Return the lists whose values may cover a value of this one: it, and what it lies in."""
    inside: str | None = list_name
    while inside is not None:
        yield inside
        inside = INSIDE.get(inside)


def bundled(list_name: str, members: list[int]) -> tuple[str, ...]:
    """Return the values that a value bundles, as a status group bundles statuses (VF-20)."""
    bundles = BUNDLES.get(list_name)
    return () if bundles is None else tuple(token(bundles, number) for number in members)
