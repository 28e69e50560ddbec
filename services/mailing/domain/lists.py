"""What mailing must know of the classification lists: who holds them and what lies in what.

A value is named by its *token*, list and number in one text, so that whatever a customer or contact
holds is one array and a filter one overlap test. Lists come and go in customers; only those that
lie in or bundle another list, or are held by contacts, are named here. A test compares.
"""

from collections.abc import Iterable, Mapping

CUSTOMER_STATUS = "customer_status"
CONTACT_ATTRIBUTE = "contact_attribute"
ENDED = "ended"

INSIDE = {
    "tracking_value": "tracking_object",
    "customer_attribute": "customer_attribute_group",
    "customer_attribute_choice": "customer_attribute",
    CONTACT_ATTRIBUTE: "contact_group",
    "contact_attribute_choice": CONTACT_ATTRIBUTE,
}
BUNDLES = {"status_group": CUSTOMER_STATUS}
OF_CONTACTS = frozenset(
    {"category", CONTACT_ATTRIBUTE, "contact_attribute_choice", "contact_group"}
)
OF_CONTACTS_ALONE = OF_CONTACTS - {"category"}


def token(list_name: str, number: int) -> str:
    """Return the name of a value of a list, such as `customer_status/2`."""
    return f"{list_name}/{number}"


def tokens(held: Mapping[str, Iterable[int]]) -> tuple[str, ...]:
    """Return the names of all values that somebody holds, in one order."""
    return tuple(token(name, number) for name in sorted(held) for number in sorted(set(held[name])))


def above(list_name: str, parent: int | None) -> str | None:
    """Return what a value lies in: a value of its own list if that is a tree, or of another."""
    return None if parent is None else token(INSIDE.get(list_name, list_name), parent)


def bundled(list_name: str, members: list[int]) -> tuple[str, ...]:
    """Return the values that a value bundles, as a status group bundles statuses (VF-20)."""
    bundles = BUNDLES.get(list_name)
    return () if bundles is None else tuple(token(bundles, number) for number in members)
