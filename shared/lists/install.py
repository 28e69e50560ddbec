"""Install the values of a profile into the lists: each once, and never over anybody's edits."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Row

from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists import store
from shared.lists.definition import MAX_NUMBER
from shared.lists.installed import fetch_installed, keep_installed
from shared.lists.lists import Lists
from shared.lists.profiles import ListProfile, Plan, Present, ProfileValue, plan
from shared.lists.save import next_numbers
from shared.lists.tell import tell_values

STEP = 10


async def apply_profile(
    lists: Lists, profile: ListProfile, uow: UnitOfWork, *, dry_run: bool = False
) -> Plan:
    """Add what the lists have never had of a profile; with `dry_run` only tell what that is."""
    last = await store.hold_lists(uow.connection, profile.list_names)
    return await _install(lists, profile.values, last, uow, dry_run=dry_run)


async def fill_empty_lists(lists: Lists, profile: ListProfile, uow: UnitOfWork) -> None:
    """Add a profile's values to those lists that have never had a value."""
    last = await store.hold_lists(uow.connection, profile.list_names)
    values = [value for value in profile.values if last[value.list_name] == 0]
    if values:
        await _install(lists, values, last, uow)


async def _install(
    lists: Lists,
    values: Sequence[ProfileValue],
    last: Mapping[str, int],
    uow: UnitOfWork,
    *,
    dry_run: bool = False,
) -> Plan:
    """Add values to lists that are held; `last` are the numbers the lists have given last."""
    rows = await store.values_in(uow.connection, last)
    installed = await fetch_installed(uow.connection, [value.origin for value in values])
    planned = plan(values, installed, [_present(row) for row in rows])
    if dry_run:
        return planned
    keys = await store.next_keys(uow.connection, len(planned.added))
    places = {**planned.keys} | {
        value.origin: key for value, key in zip(planned.added, keys, strict=True)
    }
    added = list(_rows(lists, planned.added, places, rows, last))
    await lists.before_save([row["facts"] for row in added], uow)
    await store.insert_values(uow.connection, added, now=uow.now)
    await store.set_last_numbers(uow.connection, {row["list"]: row["number"] for row in added})
    new = [*(value.origin for value in planned.added), *planned.adopted]
    await keep_installed(uow.connection, {one: places[one] for one in new}, now=uow.now)
    await lists.fill_settings(
        {
            value.setting: row["number"]
            for value, row in zip(planned.added, added, strict=True)
            if value.setting
        },
        uow,
    )
    await tell_values(lists, keys, uow)
    return planned


def _present(row: Row[Any]) -> Present:
    return Present(row.key, row.list, row.parent, row.title, row.archived_at is not None)


def _rows(
    lists: Lists,
    values: Sequence[ProfileValue],
    keys: Mapping[str, int | None],
    present: Collection[Row[Any]],
    last: Mapping[str, int],
) -> Iterator[dict[str, Any]]:
    """Return the columns of new values, which come behind those that are there."""
    counts = Counter(value.list_name for value in values)
    numbers = {
        name: iter(next_numbers(last[name], {one.number for one in present if one.list == name}, n))
        for name, n in counts.items()
    }
    ends = {
        name: max((one.position for one in present if one.list == name), default=0)
        for name in counts
    }
    # Where one value and one only is the default, an empty list begins with it.
    lacking = {name for name in counts if lists.definitions[name].compulsory} - {
        one.list for one in present if one.facts.get("default")
    }
    for value in values:
        name = value.list_name
        ends[name] = min(ends[name] + STEP, MAX_NUMBER)
        referred = {fact: keys.get(origin) for fact, origin in value.references.items()}
        facts = {**value.facts, **referred} | ({"default": True} if name in lacking else {})
        lacking.discard(name)
        members = [keys.get(member) for member in value.members]
        yield {
            "key": keys[value.origin],
            "value_id": new_id(),
            "list": name,
            "number": next(numbers[name]),
            "title": value.titles["en"],
            "titles": value.titles,
            "position": ends[name],
            "parent": keys[value.parent] if value.parent else None,
            "members": [key for key in members if key is not None],
            "facts": facts,
        }
