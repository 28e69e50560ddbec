"""Profiles: values to install into the lists, and which of them are still lacking."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.chassis.errors import Kind, Refusal
from shared.lists.definition import FactValue

DEFAULTS = "defaults"


class ProfileNotFound(Refusal):
    """There is no profile of that name."""

    kind = Kind.NOT_FOUND
    slug = "list_profile_not_found"
    remedy = "List the profiles: GET /v1/list-profiles, or `suhde profile list`."


@dataclass(frozen=True, slots=True)
class ProfileValue:
    """A value to install; `parent`, `members` and `references` are the origins of other values.

    `setting` is given the number of the value if it has none.
    """

    origin: str
    list_name: str
    titles: Mapping[str, str]
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    parent: str | None = None
    members: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    setting: str | None = None


@dataclass(frozen=True, slots=True)
class ListProfile:
    """Values that go together: those a vendor's manual names, or a classification."""

    name: str
    title: str
    about: str
    values: tuple[ProfileValue, ...]

    @property
    def list_names(self) -> list[str]:
        """Return the lists it has values for."""
        return sorted({value.list_name for value in self.values})


@dataclass(frozen=True, slots=True)
class Present:
    """A value that a list holds already, whoever put it there."""

    key: int
    list_name: str
    parent: int | None
    title: str
    archived: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a profile is added, and what is found in place.

    `keys` are those of the values in place, by origin; None if a value has been deleted since.
    `adopted` are the origins of values that were there by the same title and count as installed
    from now on. `left_out` belong below a value that was deleted.
    """

    added: tuple[ProfileValue, ...]
    adopted: tuple[str, ...]
    left_out: tuple[ProfileValue, ...]
    keys: Mapping[str, int | None]


def plan(
    values: Sequence[ProfileValue],
    installed: Mapping[str, int | None],
    present: Collection[Present],
) -> Plan:
    """
    Return what an installation would do; `installed` are the origins installed at any time before.

    What was installed once is never touched again: a renamed value is not added anew, a deleted one
    does not come back. A value that is there by one of the titles is taken for the one meant.
    """
    keys: dict[str, int | None] = dict(installed)
    added: list[ProfileValue] = []
    adopted: list[str] = []
    left_out: list[ProfileValue] = []
    new: set[str] = set()
    # Live values come last and so win over archived ones.
    beside = {
        (one.list_name, one.parent, one.title.lower()): one.key
        for one in sorted(present, key=lambda one: not one.archived)
    }
    for value in values:
        if value.origin in installed:
            continue
        home = keys.get(value.parent) if value.parent else None
        if value.parent and home is None and value.parent not in new:
            left_out.append(value)
            continue
        alike = None if value.parent in new else next(_alike(value, home, beside), None)
        if alike is None:
            added.append(value)
            new.add(value.origin)
        else:
            adopted.append(value.origin)
            keys[value.origin] = alike
    return Plan(tuple(added), tuple(adopted), tuple(left_out), keys)


def _alike(
    value: ProfileValue, parent: int | None, beside: Mapping[tuple[str, int | None, str], int]
) -> Iterator[int]:
    for title in value.titles.values():
        key = beside.get((value.list_name, parent, title.lower()))
        if key is not None:
            yield key
