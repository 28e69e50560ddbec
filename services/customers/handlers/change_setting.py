"""Change a setting of the register, showing first what it would do (LS-23 to LS-30, LS-A3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from services.customers.domain.attribute_values import TICK
from services.customers.domain.bans import CHANNEL_OF, Bans, bans_of
from services.customers.domain.lists import CONTACT_ATTRIBUTE
from services.customers.domain.relationship import Relationship
from services.customers.domain.settings import check_setting, start_rule
from services.customers.handlers.change_bans import tell_contact_bans
from services.customers.handlers.start_relationships import changed_starts, start_relationships
from services.customers.persistence.attributes import attributes_of, keep_attributes
from services.customers.persistence.contacts import with_any_attribute
from services.customers.persistence.customers import customer_ids
from services.customers.persistence.documents import first_documents, lock_customers
from services.customers.persistence.register import (
    fetch_settings,
    set_setting,
    setting_version,
)
from services.customers.persistence.rows import relationship_of
from shared.chassis.errors import InvalidField, StaleVersion
from shared.chassis.unit_of_work import UnitOfWork

SHOWN = 100
CHUNK = 2000


@dataclass(frozen=True, slots=True)
class StartChange:
    """One start date that would become, or became, another one."""

    customer_id: UUID
    before: date | None
    after: date | None


@dataclass(slots=True)
class Effect:
    """What a change of settings does: bans of contacts that change, starts that change."""

    contacts_with_changed_bans: int = 0
    starts_changed: int = 0
    first_starts: list[StartChange] = field(default_factory=list)


async def change_setting(
    name: str, value: int | None, uow: UnitOfWork, *, expected: int, dry_run: bool
) -> tuple[int, Effect]:
    """
    Change a setting; return its version and what it does.

    A ban setting that moves to another attribute moves the bans with it, at once. A start switch
    changes no date by itself: `recompute_starts` does, when asked (LS-A3).
    """
    check_setting(name, value)
    version = await setting_version(uow.connection, name)
    if version != expected:
        raise StaleVersion(f"{name} is at version {version}, not {expected}.")
    before = await fetch_settings(uow.connection)
    if name not in ("STARTDATE_INVOICE", "STARTDATE_SALESORDER") and value is not None:
        await _refuse_number(name, value, before, uow)
    after = {**before, name: value}
    effect = Effect()
    changed: dict[UUID, Bans] = {}
    if name in CHANNEL_OF:
        numbers = [number for number in (before[name], value) if number is not None]
        holders = await with_any_attribute(uow.connection, numbers)
        changed = {
            one: bans_of(held, after)
            for one, held in holders.items()
            if bans_of(held, before) != bans_of(held, after)
        }
        effect.contacts_with_changed_bans = len(changed)
    if dry_run:
        return version, effect
    version = await set_setting(uow.connection, name, value)
    if changed:
        await tell_contact_bans(changed, uow)
    return version, effect


async def _refuse_number(
    name: str, value: int, settings: Mapping[str, int | None], uow: UnitOfWork
) -> None:
    await keep_attributes(uow.connection, CONTACT_ATTRIBUTE)
    attribute = (await attributes_of(uow.connection, CONTACT_ATTRIBUTE)).get(value)
    if attribute is None:
        raise InvalidField(
            "value",
            f"there is no contact attribute {value}",
            "Create the attribute first: POST /v1/contact-attributes.",
        )
    if attribute.archived or attribute.value_type != TICK:
        raise InvalidField(
            "value",
            f"{attribute.title!r} is archived, or more than a tick",
            "Choose a live attribute of type tick.",
        )
    for other in CHANNEL_OF:
        if other != name and name in CHANNEL_OF and settings.get(other) == value:
            raise InvalidField(
                "value", f"{value} is {other} already", "Give each ban an attribute of its own."
            )


async def recompute_starts(uow: UnitOfWork, *, dry_run: bool) -> Effect:
    """Apply the present switches to every customer; with `dry_run` only tell what would change."""
    rule = start_rule(await fetch_settings(uow.connection, lock=True))
    effect = Effect()
    after: UUID | None = None
    while ids := await customer_ids(uow.connection, after=after, limit=CHUNK):
        after = ids[-1]
        rows = await lock_customers(uow.connection, ids)
        present = {one: relationship_of(row) for one, row in rows.items()}
        firsts = await first_documents(uow.connection, ids)
        starts = changed_starts(firsts, present, rule)
        effect.starts_changed += len(starts)
        room = SHOWN - len(effect.first_starts)
        effect.first_starts.extend(_changes(starts, present)[:room])
        if not dry_run:
            await start_relationships(starts, present, uow)
    return effect


def _changes(
    starts: Mapping[UUID, Relationship | None], present: Mapping[UUID, Relationship | None]
) -> list[StartChange]:
    return [
        StartChange(
            customer_id=one,
            before=held.started_on if (held := present[one]) else None,
            after=start.started_on if start else None,
        )
        for one, start in starts.items()
    ]
