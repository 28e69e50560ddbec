"""What mailing says of the lists is what their services say of them."""

from services.activities.domain.lists import LISTS as OF_ACTIVITIES
from services.customers.domain.lists import CONTACT, CUSTOMER, LISTS
from services.mailing.domain import lists
from services.pipeline.domain.lists import LISTS as OF_PIPELINE


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


def test_mailing_knows_which_values_are_held_and_how_many_at_once() -> None:
    of_customers = {name for name, one in LISTS.items() if CUSTOMER in one.held_by}
    assert {name for name, one in LISTS.items() if not one.held_by} == lists.UNHELD - {"pipeline"}
    assert {name for name in of_customers if not LISTS[name].several} == lists.ONE_EACH
    assert {name for name, one in LISTS.items() if one.compulsory} == lists.COMPULSORY


def test_no_two_services_have_lists_of_one_name_since_tokens_name_only_the_list() -> None:
    names = [*LISTS, *OF_ACTIVITIES, *OF_PIPELINE]
    assert len(set(names)) == len(names)


def test_mailing_knows_in_which_list_those_of_activities_and_pipeline_lie() -> None:
    for name, definition in (OF_ACTIVITIES | OF_PIPELINE).items():
        if definition.home is not None:
            assert lists.above(name, 5) == f"{definition.home}/5"
    assert lists.above("stage", 2) == "pipeline/2"
