"""The profiles of customers' lists, from the files in `seeds/`; its README.md tells their form."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from services.customers.domain.lists import LISTS
from shared.lists.profiles import ListProfile
from shared.lists.seeds import read_profiles

SEEDS = Path(__file__).parent / "seeds"


@cache
def load_profiles() -> Mapping[str, ListProfile]:
    """Return all profiles by name, the defaults among them."""
    return read_profiles(SEEDS, LISTS)
