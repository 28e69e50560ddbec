"""What a builder of rules needs to know: every node with its text forms, fields and an example."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from services.mailing.domain.conditions import (
    Activities,
    ContactField,
    ContactHas,
    ContactValue,
    CustomerEnded,
    CustomerField,
    CustomerFlagged,
    CustomerHas,
    CustomerValue,
    Documents,
    HasAttribute,
    Holder,
    InSegment,
    Opportunities,
    RelationshipStart,
    Turnover,
)
from services.mailing.domain.lists import CONTACT_ATTRIBUTE
from services.mailing.domain.periods import Period
from services.mailing.domain.rule_text_forms import (
    ACTIVITIES,
    CUSTOMER_ATTRIBUTE,
    FIELDS,
    KINDS,
    OPPORTUNITIES,
    OUTCOMES,
    STATES,
    Counted,
)
from services.mailing.domain.rules import All, Any_, Not, SameCustomer

ValueType = Literal["text", "number", "day"]
FieldType = Literal[
    "rule", "rules", "list", "value", "values", "flag", "choice", "choices", "texts", "segment",
    "amount", "currency", "count",
]  # fmt: skip


class Operator(NamedTuple):
    """A way to compare, the types that it compares, and its words in a text."""

    name: str
    types: tuple[ValueType, ...]
    text: str


OF_OTHERS = frozenset(
    {
        *("activity_kind", "activity_type", "activity_attribute", "activity_category"),
        *("pipeline", "stage", "opportunity_type", "opportunity_source", "rejection_reason"),
        "seller_card",
    }
)
"""Lists that sort neither customers nor contacts but what is done with them; a test compares."""
OPERATORS = (
    Operator("is_one_of", ("text", "number"), 'is "…" · is one of ("…", "…")'),
    Operator("starts_with", ("text",), 'starts with "…"'),
    Operator("contains", ("text",), 'contains "…"'),
    Operator("at_least", ("number", "day"), "at least …"),
    Operator("below", ("number", "day"), "below …"),
    Operator("is_set", ("text", "number", "day"), "is set"),
)
COMPARISONS = frozenset(operator.name for operator in OPERATORS)
PERIOD_TEXTS = {
    "last_days": "in the last 30 days",
    "next_days": "in the next 30 days",
    "older_than_days": "at least 30 days ago",
    "from_day": "from 2026-01-01",
    "before_day": "before 2026-04-01",
}


class Takes(NamedTuple):
    """A field of a node; `values_from` is the list of its values, or the field that names it."""

    name: str
    type: FieldType
    values_from: str | None = None
    choices: tuple[str, ...] = ()


class Compared(NamedTuple):
    """What a condition compares, and of which types its values may be."""

    name: str
    types: tuple[ValueType, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One node: whom it is about, how it is written, what it takes, and an example."""

    node: type[Any]
    about: Literal["customer", "contact", "either", "rules"]
    text: str
    example: dict[str, Any]
    takes: tuple[Takes, ...] = ()
    compared: tuple[Compared, ...] = ()

    @property
    def ops(self) -> tuple[str, ...]:
        """Return the names under which the node may be sent; it is given back under the first."""
        return tuple(self.node.model_fields["op"].annotation.__args__)

    @property
    def meaning(self) -> str:
        """Return when it holds."""
        return " ".join((self.node.__doc__ or "").split())

    @property
    def has_period(self) -> bool:
        """Tell whether it takes a period."""
        return issubclass(self.node, Period)

    def is_required(self, name: str) -> bool:
        """Tell whether a field has to be sent."""
        return bool(self.node.model_fields[name].is_required())


def _clauses(counted: Counted) -> tuple[Takes, ...]:
    return tuple(Takes(field, "values", name) for _, field, name in counted.clauses)


def _fields(holder: Holder) -> tuple[Compared, ...]:
    return tuple(
        Compared(name, ("number",) if name == "headcount" else ("text",)) for name in FIELDS[holder]
    )


_HELD = (Takes("list", "list"), Takes("numbers", "values", "list"))
_EITHER = Takes("of", "choice", None, ("customer", "contact"))
_ANY_VALUE = Compared("value", ("text", "number", "day"))
_TICKED: dict[str, Any] = {"op": "has_attribute", "number": 7}

CATALOGUE = (
    Entry(
        All,
        "rules",
        "… and … · all of (…) · everybody",
        {"op": "all", "rules": [_TICKED, {"op": "customer_ended"}]},
        (Takes("rules", "rules"),),
    ),
    Entry(
        Any_,
        "rules",
        "… or … · any of (…)",
        {"op": "any", "rules": [_TICKED, {"op": "customer_ended"}]},
        (Takes("rules", "rules"),),
    ),
    Entry(Not, "rules", "not …", {"op": "not", "rule": _TICKED}, (Takes("rule", "rule"),)),
    Entry(
        SameCustomer,
        "customer",
        "same customer (…)",
        {
            "op": "same_customer",
            "rule": {
                "op": "all",
                "rules": [
                    {"op": "customer_has", "list": "industry", "numbers": [62]},
                    {"op": "customer_field", "field": "city", "is_one_of": ["Turku"]},
                ],
            },
        },
        (Takes("rule", "rule"),),
    ),
    Entry(
        CustomerHas,
        "customer",
        "customer has <list> <value> · customer has <list> (<value>, …)",
        {"op": "customer_has", "list": "customer_type", "numbers": [1, 2]},
        _HELD,
    ),
    Entry(
        ContactHas,
        "contact",
        "contact has <list> <value> · contact has <list> (<value>, …)",
        {"op": "contact_has", "list": "category", "numbers": [5]},
        _HELD,
    ),
    Entry(
        HasAttribute,
        "contact",
        "contact attribute <value>",
        _TICKED,
        (Takes("number", "value", CONTACT_ATTRIBUTE),),
    ),
    Entry(
        CustomerFlagged,
        "customer",
        "customer has <list> flagged <flag>",
        {"op": "customer_flagged", "list": "customer_status", "flag": "selectable_in_project"},
        (Takes("list", "list"), Takes("flag", "flag", "list")),
    ),
    Entry(
        CustomerEnded,
        "customer",
        "customer ended [<period>]",
        {"op": "customer_ended", "last_days": 90},
    ),
    Entry(
        RelationshipStart,
        "customer",
        "relationship started [<period>]",
        {"op": "relationship_start", "from_day": "2026-01-01", "before_day": "2026-04-01"},
    ),
    Entry(
        CustomerField,
        "customer",
        "customer <field> <comparison>",
        {"op": "customer_field", "field": "headcount", "at_least": 50},
        (Takes("field", "choice", None, FIELDS[Holder.CUSTOMER]),),
        _fields(Holder.CUSTOMER),
    ),
    Entry(
        ContactField,
        "contact",
        "contact <field> <comparison>",
        {"op": "contact_field", "field": "city", "is_one_of": ["Turku", "Åbo"]},
        (Takes("field", "choice", None, FIELDS[Holder.CONTACT]),),
        _fields(Holder.CONTACT),
    ),
    Entry(
        CustomerValue,
        "customer",
        "customer attribute <value> <comparison>",
        {"op": "customer_value", "attribute": 12, "at_least": 5},
        (Takes("attribute", "value", CUSTOMER_ATTRIBUTE),),
        (_ANY_VALUE,),
    ),
    Entry(
        ContactValue,
        "contact",
        "contact attribute <value> <comparison>",
        {"op": "contact_value", "attribute": 9, "starts_with": "XL"},
        (Takes("attribute", "value", CONTACT_ATTRIBUTE),),
        (_ANY_VALUE,),
    ),
    Entry(
        Turnover,
        "customer",
        "turnover [at least <amount>] [below <amount>] <currency> [<period>]",
        {"op": "turnover", "currency": "EUR", "at_least": "10000", "last_days": 365},
        (Takes("currency", "currency"), Takes("at_least", "amount"), Takes("below", "amount")),
    ),
    Entry(
        Documents,
        "customer",
        "at least <n> documents of kind <kind> [<period>]",
        {"op": "documents", "kinds": ["invoice"], "at_least": 3, "last_days": 365},
        (Takes("kinds", "choices", None, KINDS), Takes("at_least", "count")),
    ),
    Entry(
        Activities,
        "either",
        "at least <n> [open|any] activities with customer|contact "
        "[of category <value>] [of kind <value>] [of type <value>] [with attribute <value>] "
        '[by seller "<key>"] [<period>]',
        {"op": "activities", "categories": [3], "last_days": 90},
        (
            _EITHER,
            *_clauses(ACTIVITIES),
            Takes("sellers", "texts", "/v1/sellers"),
            Takes("state", "choice", None, STATES),
            Takes("at_least", "count"),
        ),
    ),
    Entry(
        Opportunities,
        "either",
        "at least <n> opportunities with customer|contact [of outcome <outcome>] "
        "[of pipeline <value>] [of stage <value>] [of type <value>] "
        "[of currency <currency> | worth [at least <amount>] [below <amount>] <currency>] "
        "[<period>]",
        {"op": "opportunities", "outcomes": ["won"], "last_days": 180},
        (
            _EITHER,
            Takes("outcomes", "choices", None, OUTCOMES),
            *_clauses(OPPORTUNITIES),
            Takes("currency", "currency"),
            Takes("value_at_least", "amount"),
            Takes("value_below", "amount"),
            Takes("at_least", "count"),
        ),
    ),
    Entry(
        InSegment,
        "contact",
        "in segment <value>",
        {"op": "in_segment", "segment_id": "01997c5e-7a52-7d43-9f6a-3b1c5e8f2a10"},
        (Takes("segment_id", "segment", "/v1/segments"),),
    ),
)
