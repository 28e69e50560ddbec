"""The classification lists of customers and contacts, and what is particular about each.

To add one, add a line to `LISTS`: tables, routes, usage counts, deletion, translations and history
are the same for all (VF-01 to VF-38, LS-01 to LS-17, TS-01 to TS-07, TS-16 to TS-18, TS-40).
"""

from dataclasses import dataclass

from services.customers.domain.attribute_values import TICK, VALUE_TYPES
from shared.chassis.errors import InvalidField
from shared.lists.definition import Fact, FactKind, ListDefinition

CUSTOMER, CONTACT = "customer", "contact"
"""The records that hold values."""


def _flag(meaning: str) -> Fact:
    return Fact(FactKind.FLAG, meaning)


_VALUE_TYPE = Fact(
    FactKind.CHOICE,
    "what holders say of it beyond a tick (LS-A11)",
    choices=VALUE_TYPES,
    preset=TICK,
)
_DEFAULT = _flag("what a new customer gets; one value and one only")

CUSTOMER_STATUS = "customer_status"
STATUS_GROUP = "status_group"
END_REASON = "end_reason"
HEADCOUNT_CLASS = "headcount_class"
CUSTOMER_GROUP = "customer_group"
CUSTOMER_KIND = "customer_kind"
INDUSTRY = "industry"
TRACKING_VALUE = "tracking_value"
CATEGORY = "category"
CUSTOMER_ATTRIBUTE = "customer_attribute"
CUSTOMER_ATTRIBUTE_CHOICE = "customer_attribute_choice"
CONTACT_ATTRIBUTE = "contact_attribute"
CONTACT_ATTRIBUTE_CHOICE = "contact_attribute_choice"
CONTACT_GROUP = "contact_group"

LISTS: dict[str, ListDefinition] = {
    definition.name: definition
    for definition in (
        ListDefinition(
            CUSTOMER_STATUS,
            "customer-statuses",
            "how we stand with a customer; every customer has exactly one (VF-01 to VF-18)",
            held_by=(CUSTOMER,),
            compulsory=True,
            retired=("code",),  # VF-09, VF-A9
            facts={
                "colour": Fact(FactKind.COLOUR, "background of the row in search, #RRGGBB"),
                "selectable_in_project": _flag("a project may be created for the customer"),
                "selectable_as_supplier": _flag("the customer may be chosen as supplier"),
                "ended": _flag("the relationship has ended; hidden in search by default"),
                "default": _DEFAULT,
            },
        ),
        ListDefinition(
            STATUS_GROUP,
            "status-groups",
            "a bundle of statuses to search and mail by (VF-19 to VF-26)",
            bundles=CUSTOMER_STATUS,
        ),
        ListDefinition(
            "customer_type",
            "customer-types",
            "such as A, B, C (VF-27 to VF-29)",
            held_by=(CUSTOMER,),
        ),
        ListDefinition(
            INDUSTRY,
            "industries",
            "what the customer does; NACE is a tree (VF-30 to VF-32, TS-16 to TS-21)",
            held_by=(CUSTOMER,),
            tree=True,
            facts={"code": Fact(FactKind.CODE, "such as a NACE code")},
        ),
        ListDefinition(
            HEADCOUNT_CLASS,
            "headcount-classes",
            "how large the customer is (VF-33 to VF-35)",
            held_by=(CUSTOMER,),
            facts={
                "min": Fact(FactKind.WHOLE, "fewest people"),
                "max": Fact(FactKind.WHOLE, "most people"),
            },
        ),
        ListDefinition(
            END_REASON,
            "end-reasons",
            "why a relationship ended (VF-36 to VF-38)",
            held_by=(CUSTOMER,),
        ),
        ListDefinition(
            CUSTOMER_GROUP,
            "customer-groups",
            "hierarchical groups; a filter includes the subtree (LS-01 to LS-07)",
            held_by=(CUSTOMER,),
            tree=True,
        ),
        ListDefinition(
            CUSTOMER_KIND,
            "customer-kinds",
            "customer or supplier, with a number series; every customer has exactly one "
            "(LS-08 to LS-12)",
            held_by=(CUSTOMER,),
            compulsory=True,
            facts={
                "prefix": Fact(
                    FactKind.PREFIX,
                    "what numbers of this kind begin with, up to 10 characters, the last no digit",
                ),
                "supplier": _flag("marks a supplier"),
                "default": _DEFAULT,
            },
        ),
        ListDefinition(
            "tracking_object",
            "tracking-objects",
            "a dimension of reports, such as region (LS-13, LS-14)",
        ),
        ListDefinition(
            TRACKING_VALUE,
            "tracking-values",
            "a value of a tracking object (LS-13, LS-14)",
            held_by=(CUSTOMER,),
            several=True,
            inside="tracking_object",
            one_inside=True,
        ),
        ListDefinition(
            CUSTOMER_ATTRIBUTE,
            "customer-attributes",
            "whatever else sorts customers (LS-15 to LS-17)",
            held_by=(CUSTOMER,),
            several=True,
            inside="customer_attribute_group",
            facts={"value_type": _VALUE_TYPE},
        ),
        ListDefinition(
            CUSTOMER_ATTRIBUTE_CHOICE,
            "customer-attribute-choices",
            "a choice of a customer attribute of type list (LS-A11)",
            held_by=(CUSTOMER,),
            several=True,
            inside=CUSTOMER_ATTRIBUTE,
            always_inside=True,
            one_inside=True,
        ),
        ListDefinition(
            "customer_attribute_group",
            "customer-attribute-groups",
            "where attributes of customers are kept together",
        ),
        ListDefinition(
            CONTACT_ATTRIBUTE,
            "contact-attributes",
            "sorts contacts; settings name some by number (LS-18 to LS-28)",
            held_by=(CONTACT,),
            several=True,
            inside=CONTACT_GROUP,
            facts={"value_type": _VALUE_TYPE},
        ),
        ListDefinition(
            CONTACT_ATTRIBUTE_CHOICE,
            "contact-attribute-choices",
            "a choice of a contact attribute of type list (LS-A11)",
            held_by=(CONTACT,),
            several=True,
            inside=CONTACT_ATTRIBUTE,
            always_inside=True,
            one_inside=True,
        ),
        ListDefinition(
            CONTACT_GROUP,
            "contact-groups",
            "where contact attributes such as the bans are kept together (LS-28)",
        ),
        ListDefinition(
            CATEGORY,
            "categories",
            "free marks on customers, contacts or both (TS-03 to TS-07)",
            held_by=(CUSTOMER, CONTACT),
            several=True,
            facts={
                "scope": Fact(
                    FactKind.CHOICE,
                    "where it may be ticked",
                    choices=(CUSTOMER, CONTACT, "both"),
                    preset="both",
                )
            },
        ),
        ListDefinition(
            "contact_origin",
            "contact-origins",
            "how the contact came about (TS-01)",
            held_by=(CUSTOMER,),
            may_own_tab=True,
        ),
        ListDefinition(
            "product",
            "products",
            "what the customer is interested in (TS-01)",
            held_by=(CUSTOMER,),
            several=True,
            may_own_tab=True,
        ),
        ListDefinition(
            "customer_source",
            "customer-sources",
            "where a customer came from (TS-01)",
            held_by=(CUSTOMER,),
            may_own_tab=True,
        ),
    )
}

CHOICES_OF = {
    CUSTOMER_ATTRIBUTE: CUSTOMER_ATTRIBUTE_CHOICE,
    CONTACT_ATTRIBUTE: CONTACT_ATTRIBUTE_CHOICE,
}
ATTRIBUTES_OF = {choices: attributes for attributes, choices in CHOICES_OF.items()}
COMPULSORY = tuple(one.name for one in LISTS.values() if one.compulsory)


@dataclass(frozen=True, slots=True)
class Band:
    """A headcount class with its bounds, both inclusive; None is open (VF-A8)."""

    key: int
    title: str
    lowest: int | None
    highest: int | None

    @property
    def is_empty(self) -> bool:
        """Tell whether the class has no bounds and so takes no raw numbers."""
        return self.lowest is None and self.highest is None

    def holds(self, headcount: int) -> bool:
        """Tell whether a number of people falls into the class."""
        return not self.is_empty and (self.lowest or 0) <= headcount <= (
            headcount if self.highest is None else self.highest
        )


def refuse_overlap(band: Band, others: list[Band]) -> None:
    """Refuse bounds that are the wrong way round or overlap with another live class (VF-A8)."""
    if band.is_empty:
        return
    if band.lowest is not None and band.highest is not None and band.lowest > band.highest:
        raise InvalidField("max", f"{band.highest} is below min {band.lowest}", "Swap them.")
    for other in others:
        if other.is_empty or other.key == band.key:
            continue
        begins_in_time = (
            band.lowest is None or other.highest is None or (band.lowest <= other.highest)
        )
        ends_late_enough = (
            band.highest is None or other.lowest is None or (band.highest >= other.lowest)
        )
        if begins_in_time and ends_late_enough:
            raise InvalidField(
                "min", f"the band overlaps with {other.title!r}", "Choose bounds beside it."
            )
