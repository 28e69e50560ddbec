"""Reads profiles of list values from files.

A file `<profile>.toml` has `title`, `about`, perhaps `includes`: profiles whose values come first;
the values by list and word below `[lists.<list>.<word>]`, or, below `[files]`, the name of a CSV
file by list. `parent`, `members` and references among `facts` name values of the profile by word.
"""

import csv
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.lists.definition import LANGUAGES, FactValue, ListDefinition, checked_facts
from shared.lists.profiles import ListProfile, ProfileValue

Definitions = Mapping[str, ListDefinition]


def read_profiles(directory: Path, definitions: Definitions) -> Mapping[str, ListProfile]:
    """Return all profiles in a directory by name."""
    documents = {
        file.stem: tomllib.loads(file.read_text(encoding="utf-8"))
        for file in sorted(directory.glob("*.toml"))
    }
    own = {
        name: tuple(_values(name, document, directory, definitions))
        for name, document in documents.items()
    }
    return {
        name: ListProfile(
            name=name,
            title=document["title"],
            about=document["about"],
            values=sum((own[other] for other in document.get("includes", ())), ()) + own[name],
        )
        for name, document in documents.items()
    }


def _values(
    profile: str, document: Mapping[str, Any], directory: Path, definitions: Definitions
) -> Iterator[ProfileValue]:
    for name, values in document.get("lists", {}).items():
        for word, value in values.items():
            yield _value(profile, definitions[name], word, **value)
    for name, file in document.get("files", {}).items():
        with (directory / file).open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                yield _value(
                    profile,
                    definitions[name],
                    row["name"],
                    titles={one: row[one] for one in LANGUAGES if row.get(one)},
                    facts={fact: row[fact] for fact in definitions[name].facts if fact in row},
                    parent=row["parent"] or None,
                )


def _value(
    profile: str,
    definition: ListDefinition,
    word: str,
    *,
    titles: Mapping[str, str],
    facts: Mapping[str, Any] | None = None,
    parent: str | None = None,
    members: tuple[str, ...] = (),
    setting: str | None = None,
) -> ProfileValue:
    given: Mapping[str, FactValue] = facts or {}
    references = definition.references
    return ProfileValue(
        origin=f"{profile}/{definition.name}/{word}",
        list_name=definition.name,
        titles=titles,
        facts=checked_facts(
            definition, {name: fact for name, fact in given.items() if name not in references}
        ),
        parent=f"{profile}/{definition.home}/{parent}" if parent else None,
        members=tuple(f"{profile}/{definition.bundles}/{member}" for member in members),
        references={
            name: f"{profile}/{other}/{given[name]}"
            for name, other in references.items()
            if name in given
        },
        setting=setting,
    )
