"""The values that a new pipeline starts with, from the files in `seeds/`."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from services.pipeline.domain.lists import LISTS
from shared.lists.profiles import ListProfile
from shared.lists.seeds import read_profiles

SEEDS = Path(__file__).parent / "seeds"


@cache
def load_profiles() -> Mapping[str, ListProfile]:
    """Return all profiles by name, the defaults among them."""
    return read_profiles(SEEDS, LISTS)
