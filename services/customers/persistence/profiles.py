"""Reads the profiles of list values from the files in `seeds/`; its README.md tells their form."""

import csv
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from services.customers.domain.lists import LANGUAGES, LISTS, checked_facts
from services.customers.domain.profiles import ListProfile, ProfileValue

SEEDS = Path(__file__).parent / "seeds"


@cache
def load_profiles() -> Mapping[str, ListProfile]:
    """Return all profiles by name, the defaults among them."""
    documents = {
        file.stem: tomllib.loads(file.read_text(encoding="utf-8"))
        for file in sorted(SEEDS.glob("*.toml"))
    }
    own = {name: tuple(_values(name, document)) for name, document in documents.items()}
    return {
        name: ListProfile(
            name=name,
            title=document["title"],
            about=document["about"],
            values=sum((own[other] for other in document.get("includes", ())), ()) + own[name],
        )
        for name, document in documents.items()
    }


def _values(profile: str, document: Mapping[str, Any]) -> Iterator[ProfileValue]:
    for name, values in document.get("lists", {}).items():
        for word, value in values.items():
            yield _value(profile, name, word, **value)
    for name, file in document.get("files", {}).items():
        with (SEEDS / file).open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                yield _value(
                    profile,
                    name,
                    row["name"],
                    titles={one: row[one] for one in LANGUAGES if row.get(one)},
                    facts={fact: row[fact] for fact in LISTS[name].facts if fact in row},
                    parent=row["parent"] or None,
                )


def _value(
    profile: str,
    name: str,
    word: str,
    *,
    titles: Mapping[str, str],
    facts: Mapping[str, Any] | None = None,
    parent: str | None = None,
    members: tuple[str, ...] = (),
    setting: str | None = None,
) -> ProfileValue:
    definition = LISTS[name]
    return ProfileValue(
        origin=f"{profile}/{name}/{word}",
        list_name=name,
        titles=titles,
        facts=checked_facts(definition, facts or {}),
        parent=f"{profile}/{definition.home}/{parent}" if parent else None,
        members=tuple(f"{profile}/{definition.bundles}/{member}" for member in members),
        setting=setting,
    )
