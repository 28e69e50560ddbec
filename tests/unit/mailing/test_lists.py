"""What mailing says of the lists is what customers says of them."""

from services.customers.domain.lists import CONTACT, CUSTOMER, LISTS
from services.mailing.domain import lists


def test_mailing_and_customers_agree_on_every_list() -> None:
    for name, definition in LISTS.items():
        home = definition.home
        if home is not None:
            assert lists.above(name, 5) == f"{home}/5"
        assert lists.bundled(name, [1, 2]) == (
            tuple(f"{definition.bundles}/{n}" for n in (1, 2)) if definition.bundles else ()
        )
        inside = [one for one in LISTS.values() if one.home == name] or [definition]
        bundled = [LISTS[definition.bundles]] if definition.bundles else []
        holders = [definition, *inside, *bundled]
        assert (name in lists.OF_CONTACTS) == any(CONTACT in one.held_by for one in holders), name
        assert (name in lists.OF_CONTACTS_ALONE) == (
            not any(CUSTOMER in one.held_by for one in holders)
        ), name
