"""The lists that sort activities, and the cards of the seller view (LE-07 to LE-20, LE-A8).

A category steers: choosing it chooses kind and type. Kinds drive statistics, searches and cards;
types tell what sort of event it is; attributes refine it by ticks. A card is a saved filter over
categories and perhaps a kind. All behave as the lists of customers do.
"""

from shared.lists.definition import Fact, FactKind, ListDefinition

ACTIVITY = "activity"

ACTIVITY_KIND = "activity_kind"
ACTIVITY_TYPE = "activity_type"
ACTIVITY_ATTRIBUTE = "activity_attribute"
ACTIVITY_CATEGORY = "activity_category"
SELLER_CARD = "seller_card"

LISTS: dict[str, ListDefinition] = {
    definition.name: definition
    for definition in (
        ListDefinition(
            ACTIVITY_KIND,
            "activity-kinds",
            "what statistics, searches and cards go by (LE-07 to LE-09)",
            held_by=(ACTIVITY,),
        ),
        ListDefinition(
            ACTIVITY_TYPE,
            "activity-types",
            "what sort of event an activity is (LE-10, LE-11)",
            held_by=(ACTIVITY,),
        ),
        ListDefinition(
            ACTIVITY_ATTRIBUTE,
            "activity-attributes",
            "ticks that refine category and type (LE-12, LE-13, LE-20)",
            held_by=(ACTIVITY,),
            several=True,
        ),
        ListDefinition(
            ACTIVITY_CATEGORY,
            "activity-categories",
            "the first choice when an activity is recorded; steers kind and type (LE-14 to LE-19)",
            held_by=(ACTIVITY,),
            facts={
                "kind": Fact(FactKind.REFERENCE, "the kind it steers to", list=ACTIVITY_KIND),
                "type": Fact(FactKind.REFERENCE, "the type it steers to", list=ACTIVITY_TYPE),
                "allow_selection": Fact(
                    FactKind.FLAG, "another kind and type may be chosen (LE-19)"
                ),
                "sales_target": Fact(
                    FactKind.FLAG, "activities recorded from now on count to targets (LE-16)"
                ),
            },
        ),
        ListDefinition(
            SELLER_CARD,
            "seller-cards",
            "a card of the seller view: activities of these categories (all if none is named) "
            "and this kind (LE-09, LE-21 to LE-23)",
            bundles=ACTIVITY_CATEGORY,
            facts={"kind": Fact(FactKind.REFERENCE, "only this kind", list=ACTIVITY_KIND)},
        ),
    )
}
