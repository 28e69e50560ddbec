"""The lists that sort opportunities, and the steps of the sales process (TS-35 to TS-39).

A pipeline is a sales process; its stages are the steps. What a stage is called is free; the logic
reads only its outcome and its closed bit (TS-A1). All behave as the lists of customers do.
"""

from enum import StrEnum

from shared.lists.definition import Fact, FactKind, ListDefinition

OPPORTUNITY = "opportunity"

PIPELINE = "pipeline"
STAGE = "stage"
REJECTION_REASON = "rejection_reason"
OPPORTUNITY_TYPE = "opportunity_type"
OPPORTUNITY_SOURCE = "opportunity_source"


class Outcome(StrEnum):
    """What became of an opportunity."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"
    EXPIRED = "expired"


CERTAIN = {Outcome.WON: 100, Outcome.LOST: 0, Outcome.EXPIRED: 0}
"""How likely is what has an outcome, in per cent (TS-A3)."""

REQUIREMENTS = {
    "requires_value": "value",
    "requires_seller": "sellers",
    "requires_contact": "contacts",
    "requires_type": "type",
    "requires_source": "source",
}
"""The flags of a stage that ask for a field of those who enter it, each with that field."""

LISTS: dict[str, ListDefinition] = {
    definition.name: definition
    for definition in (
        ListDefinition(
            PIPELINE,
            "pipelines",
            "a sales process with stages of its own (TS-29, TS-36)",
            held_by=(OPPORTUNITY,),
            compulsory=True,
            facts={"default": Fact(FactKind.FLAG, "taken where none is chosen")},
        ),
        ListDefinition(
            STAGE,
            "stages",
            "a step of a sales process; the stages that it bundles are those to which it may move, "
            "all of its pipeline if there are none (TS-36, TS-37)",
            held_by=(OPPORTUNITY,),
            inside=PIPELINE,
            always_inside=True,
            bundles=STAGE,
            facts={
                "probability": Fact(
                    FactKind.WHOLE,
                    "per cent: won is 100, lost and expired are 0, 0 is a value (TS-A3)",
                    example=50,
                ),
                "outcome": Fact(
                    FactKind.CHOICE,
                    "what became of those who are here (TS-A1)",
                    choices=tuple(Outcome),
                    preset=Outcome.OPEN.value,
                ),
                "closed": Fact(FactKind.FLAG, "nothing more is to be done (TS-A1)"),
                "status": Fact(FactKind.CODE, "what people call it, free text (TS-37)"),
                "rejection": Fact(
                    FactKind.REFERENCE,
                    "the reason that is pre-filled where the deal is lost (TS-A2)",
                    list=REJECTION_REASON,
                ),
                **{
                    flag: Fact(FactKind.FLAG, f"whoever enters it has: {field}")
                    for flag, field in REQUIREMENTS.items()
                },
            },
        ),
        ListDefinition(
            REJECTION_REASON,
            "rejection-reasons",
            "why a deal was lost (TS-35)",
            held_by=(OPPORTUNITY,),
        ),
        ListDefinition(
            OPPORTUNITY_TYPE,
            "opportunity-types",
            "the kind of sale (TS-39)",
            held_by=(OPPORTUNITY,),
        ),
        ListDefinition(
            OPPORTUNITY_SOURCE,
            "opportunity-sources",
            "where an opportunity came from",
            held_by=(OPPORTUNITY,),
        ),
    )
}
