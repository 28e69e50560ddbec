"""What is particular about the lists of customers and contacts, beyond their definitions."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.domain.attribute_values import LIST, TICK, value_type_of
from services.customers.domain.bans import CHANNEL_OF
from services.customers.domain.lists import (
    ATTRIBUTES_OF,
    CHOICES_OF,
    CONTACT_ATTRIBUTE,
    CUSTOMER,
    HEADCOUNT_CLASS,
    LISTS,
    Band,
    refuse_overlap,
)
from services.customers.domain.settings import SWITCHES
from services.customers.handlers.change_bans import tell_held_bans
from services.customers.handlers.narrow_scope import narrow_scope
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from services.customers.persistence import register
from services.customers.persistence.customers import open_number_series
from services.customers.persistence.holders import HOLDERS
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.definition import FactValue, ListDefinition
from shared.lists.holders import Holder, usage
from shared.lists.lists import Lists, Proposal, Settings
from shared.lists.use import refuse_held, refuse_home, refuse_named


class CustomerLists(Lists):
    """The lists of customers and contacts with their own rules."""

    async def hold_settings(self, definition: ListDefinition, uow: UnitOfWork) -> Settings:
        """Hold the settings that name contact attributes, such as the bans."""
        if definition.name != CONTACT_ATTRIBUTE:
            return {}
        settings = await register.fetch_settings(uow.connection, lock=True)
        return {name: value for name, value in settings.items() if name not in SWITCHES}

    async def fill_settings(self, numbers: Mapping[str, int], uow: UnitOfWork) -> None:
        """Let settings name what was installed for them (LS-23 to LS-25, LS-27)."""
        await register.fill_settings(uow.connection, numbers)

    async def check(self, proposal: Proposal, others: Sequence[Row[Any]], uow: UnitOfWork) -> None:
        """Refuse choices of what is no list, and headcount classes that overlap (VF-A8)."""
        name, parent = proposal.definition.name, proposal.parent
        if name in ATTRIBUTES_OF and parent and value_type_of(parent.facts) != LIST:
            raise InvalidField(
                "parent",
                f"{parent.title!r} is of type {value_type_of(parent.facts)} and has no choices",
                "Name an attribute of type list.",
            )
        if name == HEADCOUNT_CLASS and not proposal.archived:
            refuse_overlap(
                _band(proposal.key, proposal.title, proposal.facts),
                [_band(one.key, one.title, one.facts) for one in others if not one.archived_at],
            )

    async def before_change(
        self, proposal: Proposal, settings: Settings, uow: UnitOfWork, *, force: bool
    ) -> None:
        """Refuse what holders do not allow; forced, take a category away from them (TS-A10)."""
        definition, present = proposal.definition, proposal.present
        assert present is not None
        home = None if proposal.parent is None else proposal.parent.key
        if definition.name in ATTRIBUTES_OF and home != present.parent:
            remedy = "Leave it in its attribute, or create another choice."
            await refuse_held(self, definition, present, uow, remedy=remedy)
        if value_type_of(proposal.facts) != value_type_of(present.facts):
            await self._refuse_other_type(definition, present, uow)
        if value_type_of(proposal.facts) != TICK:
            refuse_named(present, settings)
        if "scope" in proposal.facts:
            holders = self.holders_of(definition)
            scope = proposal.facts["scope"]
            await narrow_scope(definition, present, holders, scope, uow, force=force)

    async def _refuse_other_type(
        self, definition: ListDefinition, present: Row[Any], uow: UnitOfWork
    ) -> None:
        """Refuse another type for an attribute that anybody holds, or that has choices (LS-A11)."""
        remedy = "Leave `value_type` as it is, or take the attribute away from its holders first."
        await refuse_held(self, definition, present, uow, remedy=remedy)
        if definition.name in CHOICES_OF:
            await refuse_home(present, uow)

    async def before_save(self, values: Sequence[Mapping[str, FactValue]], uow: UnitOfWork) -> None:
        """Let there be a number series for every prefix that values name (LS-09, LS-10)."""
        prefixes = {str(prefix) for one in values if (prefix := one.get("prefix"))}
        if prefixes:
            await open_number_series(uow.connection, prefixes)

    async def check_heir(
        self, definition: ListDefinition, row: Row[Any], heir: Row[Any], uow: UnitOfWork
    ) -> None:
        """Refuse a value of another meaning: ended, type, scope or attribute."""
        if row.facts.get("ended") != heir.facts.get("ended"):
            for holder in self.holders_of(definition):
                used = await usage(uow.connection, row, holder)
                if used.live or used.deleted:
                    raise InvalidField(
                        "move_to",
                        "only one of the two means that the relationship has ended",
                        "Move the customers first, which dates the end: POST /v1/customer-moves.",
                    )
        if value_type_of(row.facts) != value_type_of(heir.facts):
            raise InvalidField(
                "move_to",
                f"{heir.title!r} is of type {value_type_of(heir.facts)}, "
                f"{row.title!r} of type {value_type_of(row.facts)}",
                "Choose an attribute of the same type.",
            )
        if heir.facts.get("scope", "both") not in ("both", row.facts.get("scope")):
            raise InvalidField(
                "move_to",
                f"{heir.title!r} is for {heir.facts['scope']}s only (TS-04)",
                "Widen its scope first.",
            )
        if definition.name in ATTRIBUTES_OF and row.parent != heir.parent:
            raise InvalidField(
                "move_to",
                f"{heir.title!r} belongs to another attribute",
                "Choose one of the same attribute.",
            )

    async def tell_moved(
        self,
        holder: Holder,
        ids: Sequence[UUID],
        heir: Row[Any],
        settings: Settings,
        uow: UnitOfWork,
    ) -> None:
        """Tell of customers and contacts, and of whom the value that they hold now bans."""
        if holder.table == CUSTOMER:
            await tell_customers(ids, uow)
            return
        rows = await tell_contacts(ids, uow)
        if heir.list == CONTACT_ATTRIBUTE and heir.number in {settings[one] for one in CHANNEL_OF}:
            # Moved onto an attribute that is a ban, they are banned from this moment on.
            attributes = {one: row.attributes for one, row in rows.items()}
            await tell_held_bans(attributes, uow, settings=settings)


def _band(key: int, title: str, facts: Mapping[str, Any]) -> Band:
    return Band(key, title, facts["min"], facts["max"])


CUSTOMER_LISTS = CustomerLists(LISTS, HOLDERS)
