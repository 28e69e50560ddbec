"""What a rule may ask: one class per condition, about a contact or about one of his customers.

Each is true or false, never unknown: what is not there equals nothing, and a count of nothing is
none. So each is false of a contact of whom nothing is known.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from services.mailing.domain.periods import Day, Period
from shared.contracts.held import token

MAX_NUMBERS = 200
MAX_TEXTS = 200

Number = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
Numbers = Annotated[tuple[Number, ...], Field(min_length=1, max_length=MAX_NUMBERS)]
ListName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,99}$")]
Word = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Amount = Annotated[Decimal, Field(max_digits=18, decimal_places=4)]
Measure = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Holder(StrEnum):
    """Whom a condition is about."""

    CONTACT = "contact"
    CUSTOMER = "customer"


class _Condition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Holds(_Condition):
    list: ListName
    numbers: Numbers

    @property
    def tokens(self) -> tuple[str, ...]:
        """Return the values that the condition names."""
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


class HasAttribute(_Condition):
    """Holds when the contact's attribute of this number is ticked."""

    op: Literal["has_attribute"]
    number: Number


class CustomerFlagged(_Condition):
    """Holds when a customer of the contact holds a value of the list that has this flag."""

    op: Literal["customer_flagged"]
    list: ListName = Field(examples=["customer_status"])
    flag: ListName = Field(examples=["selectable_in_project"])


class CustomerEnded(Period, _Condition):
    """Holds when a customer is in an ended status; with a period, ended on one of its days."""

    op: Literal["customer_ended"]


class RelationshipStart(Period, _Condition):
    """Holds when the relationship with a customer began on one of these days."""

    op: Literal["relationship_start", "relationship_start_between"]

    @field_validator("op")
    @classmethod
    def _present_name(cls, op: str) -> str:
        # Rules from before there were other periods have the longer name.
        return "relationship_start"


class _Compares(_Condition):
    """One way to compare; texts without regard to upper and lower case."""

    is_one_of: Annotated[
        tuple[Word | Measure, ...] | None,
        Field(min_length=1, max_length=MAX_TEXTS),
    ] = None
    starts_with: Word | None = None
    contains: Word | None = None
    at_least: Day | Measure | None = None
    below: Day | Measure | None = None
    is_set: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        bounds = [bound for bound in (self.at_least, self.below) if bound is not None]
        ways = [self.is_one_of, self.starts_with, self.contains, bounds or None, self.is_set]
        if sum(way is not None for way in ways) != 1:
            raise ValueError(
                "give exactly one of is_one_of, starts_with, contains, at_least and below, is_set"
            )
        if len({type(bound) for bound in bounds}) > 1:
            raise ValueError("at_least and below must both be numbers or both be days")
        if len(bounds) > 1 and bounds[0] >= bounds[1]:  # type: ignore[operator]
            raise ValueError("at_least must be less than below")
        return self


class CustomerField(_Compares):
    """Holds when a field of a customer compares so."""

    op: Literal["customer_field"]
    field: Literal[
        "name", "number", "business_id", "email", "phone", "headcount", "street", "postal_code",
        "city", "country",
    ]  # fmt: skip

    @model_validator(mode="after")
    def _of_its_type(self) -> Self:
        _refuse_other_type(self, number=self.field == "headcount")
        return self


class ContactField(_Compares):
    """Holds when a field of the contact compares so; `role` is what he is at any customer."""

    op: Literal["contact_field"]
    field: Literal[
        "first_name", "last_name", "email", "mobile", "phone", "language", "street",
        "postal_code", "city", "country", "role",
    ]  # fmt: skip

    @model_validator(mode="after")
    def _of_its_type(self) -> Self:
        _refuse_other_type(self, number=False)
        return self


class CustomerValue(_Compares):
    """Holds when a customer's value of this attribute compares so; a text or number, or a day."""

    op: Literal["customer_value"]
    attribute: Number


class ContactValue(_Compares):
    """Holds when the contact's value of this attribute compares so; a text or number, or a day."""

    op: Literal["contact_value"]
    attribute: Number


class Turnover(Period, _Condition):
    """
    Holds when what a customer was invoiced, less credit notes, is within these bounds.

    Net amounts of one currency, of documents dated in the period.
    """

    op: Literal["turnover"]
    currency: Currency
    at_least: Amount | None = None
    below: Amount | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _refuse_unbounded(self.at_least, self.below)
        return self


class Documents(Period, _Condition):
    """Holds when a customer has at least so many documents dated in the period."""

    op: Literal["documents"]
    kinds: Annotated[
        tuple[Literal["invoice", "credit_note", "sales_order"], ...],
        Field(min_length=1, max_length=3),
    ] = ("invoice",)
    at_least: Count = 1


class Activities(Period, _Condition):
    """Holds when there are at least so many activities, with a customer or with the contact."""

    op: Literal["activities"]
    of: Holder = Holder.CUSTOMER
    categories: Numbers | None = None
    kinds: Numbers | None = None
    types: Numbers | None = None
    attributes: Numbers | None = None
    sellers: Annotated[tuple[Word, ...], Field(min_length=1, max_length=MAX_TEXTS)] | None = None
    state: Literal["done", "open", "any"] = "done"
    at_least: Count = 1


class Opportunities(Period, _Condition):
    """
    Holds when there are at least so many opportunities, at a customer or with the contact.

    The period is about the day on which it closed, or while it is open is expected to.
    """

    op: Literal["opportunities"]
    of: Holder = Holder.CUSTOMER
    outcomes: (
        Annotated[
            tuple[Literal["open", "won", "lost", "expired"], ...], Field(min_length=1, max_length=4)
        ]
        | None
    ) = None
    pipelines: Numbers | None = None
    stages: Numbers | None = None
    types: Numbers | None = None
    currency: Currency | None = None
    value_at_least: Amount | None = None
    value_below: Amount | None = None
    at_least: Count = 1

    @model_validator(mode="after")
    def _in_a_currency(self) -> Self:
        if self.value_at_least is not None or self.value_below is not None:
            _refuse_unbounded(self.value_at_least, self.value_below)
            if self.currency is None:
                raise ValueError("a value needs its currency")
        return self


class InSegment(_Condition):
    """Holds when the contact is a member of another segment."""

    op: Literal["in_segment"]
    segment_id: UUID


Condition = (
    CustomerHas
    | ContactHas
    | HasAttribute
    | CustomerFlagged
    | CustomerEnded
    | RelationshipStart
    | CustomerField
    | ContactField
    | CustomerValue
    | ContactValue
    | Turnover
    | Documents
    | Activities
    | Opportunities
    | InSegment
)


def holder_of(condition: Condition) -> Holder:
    """Return whom a condition is about."""
    if isinstance(condition, Activities | Opportunities):
        return condition.of
    if isinstance(condition, ContactHas | HasAttribute | ContactField | ContactValue | InSegment):
        return Holder.CONTACT
    return Holder.CUSTOMER


def _refuse_unbounded(at_least: Decimal | None, below: Decimal | None) -> None:
    if at_least is None and below is None:
        raise ValueError("give at_least, below or both")
    if at_least is not None and below is not None and at_least >= below:
        raise ValueError("at_least must be less than below")


def _refuse_other_type(node: _Compares, *, number: bool) -> None:
    compared = [*(node.is_one_of or ()), node.at_least, node.below]
    texts = any(isinstance(one, str) for one in compared) or node.starts_with or node.contains
    others = any(one is not None and not isinstance(one, str) for one in compared)
    if number and (texts or any(isinstance(one, date) for one in compared)):
        raise ValueError("this field is a number: use is_one_of, at_least, below or is_set")
    if not number and others:
        raise ValueError("this field is a text: use is_one_of, starts_with, contains or is_set")
