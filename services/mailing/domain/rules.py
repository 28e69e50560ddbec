"""The segment language: a tree of conditions about contacts, bounded in depth and size."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from services.mailing.domain.conditions import (
    Condition,
    ContactHas,
    CustomerHas,
    HasAttribute,
    Holder,
    InSegment,
    holder_of,
)

MAX_DEPTH = 8
MAX_NODES = 200


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


class SameCustomer(_Node):
    """Holds when one and the same customer of the contact fulfils the rule."""

    op: Literal["same_customer"]
    rule: "Node"


Node = Annotated[All | Any_ | Not | SameCustomer | Condition, Field(discriminator="op")]


class Rule(RootModel[Node]):
    """A whole tree: at most 8 levels and 200 nodes."""

    @model_validator(mode="before")
    @classmethod
    def _bounded(cls, root: Any) -> Any:
        # Before anything else looks at it: a huge tree is refused at the cost of a full one.
        stack, nodes = [(root, 1)], 0
        while stack:
            node, depth = stack.pop()
            nodes += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"the tree has more than {MAX_DEPTH} levels")
            if nodes > MAX_NODES:
                raise ValueError(f"the tree has more than {MAX_NODES} nodes")
            stack.extend((child, depth + 1) for child in _children(node))
        return root

    @model_validator(mode="after")
    def _well_placed(self) -> Self:
        for place in walk(self.root):
            _refuse_misplaced(place)
        return self

    @property
    def asks_customers(self) -> bool:
        """Tell whether it depends on what customers are told to be."""
        return any(holder_of(node) is Holder.CUSTOMER for node, _ in conditions(self))

    @property
    def asks_contacts(self) -> bool:
        """Tell whether it depends on more of contacts than their ticked attributes."""
        return any(
            holder_of(node) is Holder.CONTACT and not isinstance(node, HasAttribute | InSegment)
            for node, _ in conditions(self)
        )


class Place(NamedTuple):
    """A node, its depth in the tree (the root has 1), its path in a request, and its surroundings.

    `at_customer` says that it stands inside a `same_customer`.
    """

    node: Node
    depth: int
    path: str
    at_customer: bool = False


def walk(root: Node) -> Iterator[Place]:
    """Visit every node of a tree."""
    stack = [Place(root, 1, "rule")]
    while stack:
        place = stack.pop()
        yield place
        node, depth, path, at_customer = place
        if isinstance(node, All | Any_):
            stack.extend(
                Place(child, depth + 1, f"{path}.rules.{index}", at_customer)
                for index, child in reversed(list(enumerate(node.rules)))
            )
        elif isinstance(node, Not | SameCustomer):
            inside = at_customer or isinstance(node, SameCustomer)
            stack.append(Place(node.rule, depth + 1, f"{path}.rule", inside))


def is_condition(node: Node) -> TypeGuard[Condition]:
    """Tell whether a node asks something itself, and does not only join what others ask."""
    return not isinstance(node, All | Any_ | Not | SameCustomer)


def conditions(rule: Rule) -> Iterator[tuple[Condition, str]]:
    """Visit the conditions with their paths, in the order of the rule."""
    for place in walk(rule.root):
        if is_condition(place.node):
            yield place.node, place.path


def named_values(rule: Rule) -> Iterator[tuple[CustomerHas | ContactHas, str]]:
    """Visit the nodes that name values of lists, with their paths, in the order of the rule."""
    for node, path in conditions(rule):
        if isinstance(node, CustomerHas | ContactHas):
            yield node, path


def named_segments(rule: Rule) -> Iterator[tuple[InSegment, str]]:
    """Visit the nodes that name other segments, with their paths, in the order of the rule."""
    for node, path in conditions(rule):
        if isinstance(node, InSegment):
            yield node, path


def _children(node: Any) -> Sequence[Any]:
    """Return what stands below a node, whether or not it was read; of too many, too many."""
    held = node if isinstance(node, dict) else getattr(node, "__dict__", {})
    below = held.get("rules")
    if isinstance(below, list | tuple):
        return below[: MAX_NODES + 1]
    return [held["rule"]] if "rule" in held else []


def _refuse_misplaced(place: Place) -> None:
    if not place.at_customer:
        return
    if isinstance(place.node, SameCustomer):
        raise ValueError(f"{place.path}: same_customer stands inside another; take one of them out")
    if isinstance(place.node, All | Any_ | Not):
        return
    if holder_of(place.node) is Holder.CONTACT:
        raise ValueError(
            f"{place.path}: {place.node.op} is about the contact; put it beside same_customer"
        )
