"""For what a customer may be picked, as its status says (VF-11 to VF-13, VF-17, VF-A6, TS-32)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.lists.definition import FactValue


class Purpose(StrEnum):
    """What a customer is to be picked for."""

    PROJECT = "project"
    SUPPLIER = "supplier"
    SUBCONTRACT = "subcontract"
    OPPORTUNITY = "opportunity"


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a customer, with what it allows."""

    number: int
    title: str
    facts: Mapping[str, FactValue]


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether a customer may be picked now, and by which rule; what was picked before stays."""

    allowed: bool
    rule: str
    detail: str


ANY_CUSTOMER = "any_customer"
# A purchase line picks a supplier as a subcontract order does: one flag rules both (VF-13).
_FLAG = {
    Purpose.PROJECT: "selectable_in_project",
    Purpose.SUPPLIER: "selectable_as_supplier",
    Purpose.SUBCONTRACT: "selectable_as_supplier",
}


def eligibility(status: Status | None, purpose: Purpose) -> Eligibility:
    """Return whether a customer of this status may be picked: a block, not a warning (VF-12)."""
    flag = _FLAG.get(purpose)
    if flag is None:
        return Eligibility(True, ANY_CUSTOMER, f"Any customer may be picked for: {purpose.value}.")
    if status is None:
        return Eligibility(False, flag, "The customer has no status. Give it one first.")
    if status.facts.get(flag) is True:
        return Eligibility(True, flag, f"The status {status.title!r} allows it.")
    return Eligibility(
        False,
        flag,
        f"The status {status.title!r} does not allow it. Give the customer a status that does "
        "first.",
    )
