"""The segment language: a tree of rules about contacts, bounded in depth and size."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator

from shared.contracts.held import token

MAX_DEPTH = 8
MAX_NODES = 200
MAX_NUMBERS = 200


def _day_text(value: Any) -> Any:
    # Without this a number would be taken for seconds since 1970.
    if value is not None and not isinstance(value, str | date):
        raise ValueError("send a day as 2026-01-31")
    return value


Day = Annotated[date, BeforeValidator(_day_text)]
Number = Annotated[int, Field(ge=0, lt=2**31)]


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class All(_Node):
    """Holds when every rule holds; an empty list holds for everybody."""

    op: Literal["all"]
    rules: list["Node"]


class Any_(_Node):
    """Holds when at least one rule holds."""

    op: Literal["any"]
    rules: list["Node"] = Field(min_length=1)


class Not(_Node):
    """Holds when the rule does not."""

    op: Literal["not"]
    rule: "Node"


class _Days(_Node):
    from_day: Day | None = None
    before_day: Day | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_day and self.before_day and self.from_day >= self.before_day:
            raise ValueError("from_day must be earlier than before_day")
        return self


class RelationshipStartBetween(_Days):
    """Holds when a customer of the contact began on `from_day` or later, before `before_day`."""

    op: Literal["relationship_start_between"]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.from_day is None and self.before_day is None:
            raise ValueError("give from_day, before_day or both")
        return self


class CustomerEnded(_Days):
    """Holds when a customer of the contact is in an ended status; with days, ended on them."""

    op: Literal["customer_ended"]


class _Holds(_Node):
    list: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,99}$")]
    numbers: Annotated[tuple[Number, ...], Field(min_length=1, max_length=MAX_NUMBERS)]

    @property
    def tokens(self) -> tuple[str, ...]:
        """Return the values that the node names."""
        return tuple(token(self.list, number) for number in self.numbers)


class CustomerHas(_Holds):
    """
    Holds when a customer of the contact holds one of these values of a list, or one below or in it.

    A status group means the statuses that it bundles when it is asked (VF-23).
    """

    op: Literal["customer_has"]


class ContactHas(_Holds):
    """Holds when the contact itself holds one of these values of a list, or one below or in it."""

    op: Literal["contact_has"]


class HasAttribute(_Node):
    """Holds when the contact's attribute of this number is ticked."""

    op: Literal["has_attribute"]
    number: Number


Node = Annotated[
    All
    | Any_
    | Not
    | RelationshipStartBetween
    | HasAttribute
    | CustomerHas
    | CustomerEnded
    | ContactHas,
    Field(discriminator="op"),
]


class Rule(RootModel[Node]):
    """A whole tree: at most 8 levels and 200 nodes."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        nodes = deepest = 0
        for place in walk(self.root):
            nodes += 1
            deepest = max(deepest, place.depth)
        if deepest > MAX_DEPTH:
            raise ValueError(f"the tree has {deepest} levels; at most {MAX_DEPTH} are taken")
        if nodes > MAX_NODES:
            raise ValueError(f"the tree has {nodes} nodes; at most {MAX_NODES} are taken")
        return self

    @property
    def asks_customers(self) -> bool:
        """Tell whether it depends on how customers are classified."""
        return any(isinstance(place.node, CustomerHas | CustomerEnded) for place in walk(self.root))

    @property
    def asks_contacts(self) -> bool:
        """Tell whether it depends on how contacts are classified."""
        return any(isinstance(place.node, ContactHas) for place in walk(self.root))


class Place(NamedTuple):
    """A node, its depth in the tree (the root has 1), and its path in a request."""

    node: Node
    depth: int
    path: str


def walk(root: Node) -> Iterator[Place]:
    """Visit every node of a tree."""
    stack = [Place(root, 1, "rule")]
    while stack:
        place = stack.pop()
        yield place
        node, depth, path = place
        if isinstance(node, All | Any_):
            stack.extend(
                Place(child, depth + 1, f"{path}.rules.{index}")
                for index, child in reversed(list(enumerate(node.rules)))
            )
        elif isinstance(node, Not):
            stack.append(Place(node.rule, depth + 1, f"{path}.rule"))


def named_values(rule: Rule) -> Iterator[tuple[CustomerHas | ContactHas, str]]:
    """Visit the nodes that name values of lists, with their paths, in the order of the rule."""
    for place in walk(rule.root):
        if isinstance(place.node, CustomerHas | ContactHas):
            yield place.node, place.path
