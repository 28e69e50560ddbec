"""What is particular about the lists of opportunities, beyond their definitions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.pipeline.domain.lists import LISTS, PIPELINE, REQUIREMENTS, STAGE, Outcome
from services.pipeline.domain.stage_rules import check_stage, completed, outcome_of
from services.pipeline.handlers.tell_opportunities import tell_opportunities
from services.pipeline.persistence.holders import HOLDERS
from services.pipeline.persistence.stage_use import count_lacking, enter_stage, follow_stage
from shared.chassis.chunks import chunks
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.definition import FactValue, ListDefinition
from shared.lists.holders import Holder, usage
from shared.lists.lists import Lists, Proposal, Settings
from shared.lists.store import list_values
from shared.lists.use import ValueInUse, refuse_held

CHUNK = 2000


class PipelineLists(Lists):
    """The lists of opportunities with their own rules."""

    def completed(
        self, definition: ListDefinition, facts: Mapping[str, FactValue]
    ) -> Mapping[str, FactValue]:
        """Give a stage that is won, lost or expired its probability where none is said."""
        return completed(facts) if definition.name == STAGE else facts

    async def check(self, proposal: Proposal, others: Sequence[Row[Any]], uow: UnitOfWork) -> None:
        """Refuse a stage that contradicts itself, or does not fit those of its pipeline."""
        if proposal.definition.name != STAGE:
            return
        check_stage(proposal.facts)
        assert proposal.parent is not None
        home = proposal.parent.key
        _refuse_foreign_moves(proposal, home, others)
        present = proposal.present
        stays_open = (
            outcome_of(proposal.facts) is Outcome.OPEN
            and not proposal.archived
            and (present is None or present.parent == home)
        )
        if present is not None and not stays_open:
            _refuse_last_open(present, others)

    async def before_change(
        self, proposal: Proposal, settings: Settings, uow: UnitOfWork, *, force: bool
    ) -> None:
        """Refuse another pipeline or outcome for those on a stage; let them follow the rest."""
        definition, present, facts = proposal.definition, proposal.present, proposal.facts
        if definition.name != STAGE:
            return
        assert present is not None and proposal.parent is not None
        if proposal.parent.key != present.parent:
            remedy = "Leave it in its pipeline, or move them to another stage first."
            await refuse_held(self, definition, present, uow, remedy=remedy)
        if facts["outcome"] != present.facts["outcome"]:
            remedy = "Leave `outcome` as it is, or move them to another stage first."
            await refuse_held(self, definition, present, uow, remedy=remedy)
        followed = await follow_stage(uow.connection, present.key, **_brings(facts), now=uow.now)
        for some in chunks(followed, CHUNK):
            await tell_opportunities(some, uow)

    async def check_heir(
        self, definition: ListDefinition, row: Row[Any], heir: Row[Any], uow: UnitOfWork
    ) -> None:
        """Refuse a stage of another pipeline or outcome, and a pipeline for one that is in use."""
        if definition.name == STAGE:
            _refuse_other_step(row, heir)
            await _refuse_lacking(row, heir, uow)
        if definition.name == PIPELINE:
            (holder,) = self.holders_of(definition)
            used = await usage(uow.connection, row, holder)
            if used.live or used.deleted:
                raise InvalidField(
                    "move_to",
                    f"{row.title!r} has {used.live} opportunities and {used.deleted} deleted ones, "
                    "and each stands on a stage of its own pipeline",
                    f"Move them to stages of {heir.title!r} first.",
                )

    async def refuse_other_use(self, row: Row[Any], uow: UnitOfWork) -> None:
        """Refuse the last open stage of a pipeline, and the only one to which another may move."""
        if row.list != STAGE:
            return
        stages = await list_values(uow.connection, STAGE)
        _refuse_last_open(row, stages)
        # A stage without allowed moves would allow all.
        blocked = [one.title for one in stages if _leads_only_to(one, row)]
        if blocked:
            raise ValueInUse(
                f"{row.title!r} is the only stage to which {blocked[0]!r} may move.",
                remedy="Let it move to other stages, or to all, first.",
                facts={"held_by": STAGE, "count": len(blocked), "blockers": blocked[:10]},
            )

    async def tell_moved(
        self,
        holder: Holder,
        ids: Sequence[UUID],
        heir: Row[Any],
        settings: Settings,
        uow: UnitOfWork,
    ) -> None:
        """Let opportunities that came to another stage be as it is, and tell of them."""
        if holder.only == STAGE:
            await enter_stage(uow.connection, ids, **_brings(heir.facts), now=uow.now)
        await tell_opportunities(ids, uow)


def _brings(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"probability": facts["probability"], "closed": facts["closed"]}


def _refuse_foreign_moves(proposal: Proposal, home: int, others: Collection[Row[Any]]) -> None:
    for one in proposal.members:
        if one.parent != home:
            raise InvalidField(
                "members",
                f"{one.title!r} belongs to another pipeline",
                "Name stages of the same pipeline.",
            )
    for one in others:
        if proposal.key in one.members and one.parent != home and one.key != proposal.key:
            raise InvalidField(
                "parent",
                f"{one.title!r} may move here, and stays in the pipeline",
                f"Take it out of the `members` of {one.title!r} first.",
            )


def _refuse_last_open(row: Row[Any], stages: Collection[Row[Any]]) -> None:
    """Refuse to lose the last open stage of a pipeline that goes on to have others."""
    beside = [
        one
        for one in stages
        if one.parent == row.parent and one.key != row.key and one.archived_at is None
    ]
    lost = outcome_of(row.facts) is Outcome.OPEN and row.archived_at is None
    if lost and beside and not any(outcome_of(one.facts) is Outcome.OPEN for one in beside):
        raise ValueInUse(
            f"{row.title!r} is the last open stage of its pipeline: nothing could begin.",
            remedy="Add another open stage first; if the pipeline is to go, delete this one last.",
            facts={
                "held_by": STAGE,
                "count": len(beside),
                "blockers": [one.title for one in beside][:10],
            },
        )


def _refuse_other_step(row: Row[Any], heir: Row[Any]) -> None:
    if row.parent != heir.parent:
        raise InvalidField(
            "move_to",
            f"{heir.title!r} belongs to another pipeline",
            "Choose a stage of the same pipeline.",
        )
    if row.facts["outcome"] != heir.facts["outcome"]:
        raise InvalidField(
            "move_to",
            f"the outcome of {heir.title!r} is {heir.facts['outcome']}, "
            f"that of {row.title!r} {row.facts['outcome']}",
            "Choose a stage of the same outcome.",
        )
    if _leads_only_to(heir, row):
        raise InvalidField(
            "move_to",
            f"{heir.title!r} may move to {row.title!r} only",
            "Let it move to other stages, or to all, first.",
        )


def _leads_only_to(stage: Row[Any], other: Row[Any]) -> bool:
    return set(stage.members) - {stage.key} == {other.key}


async def _refuse_lacking(row: Row[Any], heir: Row[Any], uow: UnitOfWork) -> None:
    """Refuse a stage that asks for a field which not all who would come to it have."""
    asked = [field for flag, field in REQUIREMENTS.items() if heir.facts.get(flag)]
    lacking = await count_lacking(uow.connection, row.key, asked) if asked else {}
    if lacking:
        counted = ", ".join(f"{field} ({count})" for field, count in lacking.items())
        raise InvalidField(
            "move_to",
            f"{heir.title!r} asks for what opportunities at {row.title!r} lack: {counted}",
            f"Give it to them first (GET /v1/opportunities?stage={row.number}), or choose another "
            "stage.",
        )


PIPELINE_LISTS = PipelineLists(LISTS, HOLDERS, path="/v1/pipeline-lists")
