"""The segment language: a tree of rules about contacts, bounded in depth and size."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator

MAX_DEPTH = 8
MAX_NODES = 200


def _day_text(value: Any) -> Any:
    # Without this a number would be taken for seconds since 1970.
    if value is not None and not isinstance(value, str | date):
        raise ValueError("send a day as 2026-01-31")
    return value


Day = Annotated[date, BeforeValidator(_day_text)]


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


class RelationshipStartBetween(_Node):
    """Holds when a customer of the contact began on `from_day` or later, before `before_day`."""

    op: Literal["relationship_start_between"]
    from_day: Day | None = None
    before_day: Day | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.from_day is None and self.before_day is None:
            raise ValueError("give from_day, before_day or both")
        if self.from_day and self.before_day and self.from_day >= self.before_day:
            raise ValueError("from_day must be earlier than before_day")
        return self


class HasAttribute(_Node):
    """Holds when the contact's attribute of this number is ticked."""

    op: Literal["has_attribute"]
    number: int = Field(ge=0, lt=2**31)


Node = Annotated[
    All | Any_ | Not | RelationshipStartBetween | HasAttribute, Field(discriminator="op")
]


class Rule(RootModel[Node]):
    """A whole tree: at most 8 levels and 200 nodes."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        nodes = deepest = 0
        for _, depth in walk(self.root):
            nodes += 1
            deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            raise ValueError(f"the tree has {deepest} levels; at most {MAX_DEPTH} are taken")
        if nodes > MAX_NODES:
            raise ValueError(f"the tree has {nodes} nodes; at most {MAX_NODES} are taken")
        return self


def walk(root: Node) -> Iterator[tuple[Node, int]]:
    """Visit every node of a tree with its depth; the root has depth 1."""
    stack: list[tuple[Node, int]] = [(root, 1)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        if isinstance(node, All | Any_):
            stack.extend((child, depth + 1) for child in node.rules)
        elif isinstance(node, Not):
            stack.append((node.rule, depth + 1))
