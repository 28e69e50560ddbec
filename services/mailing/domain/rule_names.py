"""What numbers and ids in rules are called: titles of values of lists, and names of segments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

SEGMENTS = "/segments"
"""Stands for the segments where else the name of a list would; no list can be called so."""

Id = int | UUID


class Called(NamedTuple):
    """A value, by its list and number; or a segment, by `SEGMENTS` and id."""

    list: str
    id: Id


class Title(NamedTuple):
    """A title as somebody writes it, and the list of which it is to be a value."""

    list: str
    text: str


class Meaning(NamedTuple):
    """A value or segment that a title may mean, and what it is called."""

    id: Id
    title: str


@dataclass(frozen=True, slots=True)
class Names:
    """
    What was looked up: what titles mean, and `titles` to write for values and segments.

    A title means every value of its list that is called so in any language. `titles` has those
    only that mean nothing else, so that what is written is read back as the same. `similar` is what
    titles without a meaning may have been meant to be.
    """

    meanings: Mapping[Title, Sequence[Meaning]] = field(default_factory=dict)
    similar: Mapping[Title, Sequence[Meaning]] = field(default_factory=dict)
    titles: Mapping[Called, str] = field(default_factory=dict)
