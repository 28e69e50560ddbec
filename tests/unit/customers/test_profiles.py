"""The profiles as they lie in their files, and what of them a register lacks."""

from collections import Counter

import pytest

from services.customers.domain.lists import (
    CUSTOMER_KIND,
    HEADCOUNT_CLASS,
    INDUSTRY,
    LISTS,
    Band,
    refuse_overlap,
)
from services.customers.domain.settings import BAN_NUMBERS, ROLE_NUMBERS
from services.customers.persistence.profiles import load_profiles
from shared.lists.definition import LANGUAGES
from shared.lists.profiles import DEFAULTS, ListProfile, Present, ProfileValue, plan

PROFILES = load_profiles()
VENDORS = ("24sevenoffice", "lemonsoft", "minicrm", "valueframe")
every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def test_the_profiles_are_those_of_the_vendors_the_defaults_and_nace() -> None:
    assert set(PROFILES) == {*VENDORS, DEFAULTS, "nace"}


@every_profile
def test_a_profile_is_complete_and_names_only_what_comes_before(profile: ListProfile) -> None:
    seen: set[str] = set()
    for value in profile.values:
        assert value.origin not in seen, "an origin is one value"
        assert value.list_name in LISTS
        assert all(0 < len(title) <= 200 for title in value.titles.values()), value
        wanted = {"en"} if profile.name == "nace" else set(LANGUAGES)
        assert set(value.titles) == wanted, value
        assert value.parent is None or value.parent in seen, value
        assert seen.issuperset(value.members), value
        assert value.setting is None or value.setting in {*BAN_NUMBERS, *ROLE_NUMBERS}
        # The first value of an empty list becomes the default; no profile changes a register's.
        assert not value.facts.get("default")
        seen.add(value.origin)


@every_profile
def test_titles_beside_each_other_differ(profile: ListProfile) -> None:
    counted = Counter(
        (value.list_name, value.parent, title.lower())
        for value in profile.values
        for title in set(value.titles.values())
    )
    assert [one for one, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("name", [*VENDORS, "nace"])
def test_only_the_defaults_have_bands_and_bans(name: str) -> None:
    # Bands could overlap with those of the register; bans would have to be told.
    values = PROFILES[name].values
    assert HEADCOUNT_CLASS not in {value.list_name for value in values}
    assert not {value.setting for value in values} & set(BAN_NUMBERS)


def test_default_bands_do_not_overlap() -> None:
    bands = [
        Band(key, value.titles["en"], value.facts["min"], value.facts["max"])  # type: ignore[arg-type]
        for key, value in enumerate(PROFILES[DEFAULTS].values)
        if value.list_name == HEADCOUNT_CLASS
    ]
    assert len(bands) == 4
    for band in bands:
        refuse_overlap(band, bands)


@pytest.mark.requirement("VF-30", "TS-16")
def test_nace_is_whole() -> None:
    codes = [str(value.facts["code"]) for value in PROFILES["nace"].values]
    lengths = Counter(len(code) for code in codes)
    assert lengths == {1: 22, 2: 87, 4: 287, 5: 651}
    assert {value.list_name for value in PROFILES["nace"].values} == {INDUSTRY}
    growing = next(v for v in PROFILES["nace"].values if v.facts["code"] == "01.12")
    assert growing.titles == {"en": "Growing of rice"}
    assert growing.parent == "nace/industry/01.1"


def value(word: str, parent: str | None = None) -> ProfileValue:
    return ProfileValue(f"p/{INDUSTRY}/{word}", INDUSTRY, {"en": word}, parent=parent)


A, B = value("A"), value("B", f"p/{INDUSTRY}/A")


def test_what_was_installed_once_is_left_alone_even_when_it_is_gone() -> None:
    here = plan([A, B], {A.origin: 1, B.origin: None}, [])
    assert (here.added, here.adopted, here.left_out) == ((), (), ())


def test_what_belongs_below_a_deleted_value_is_left_out() -> None:
    assert plan([A, B], {A.origin: None}, []).left_out == (B,)
    assert plan([A, B], {A.origin: 7}, []).added == (B,)


def test_a_value_of_the_same_title_beside_it_is_taken_for_the_one_meant() -> None:
    present = [
        Present(5, INDUSTRY, None, "a", archived=True),
        Present(6, INDUSTRY, None, "a", archived=False),
        Present(7, INDUSTRY, None, "b", archived=False),
        Present(8, CUSTOMER_KIND, 6, "b", archived=False),
    ]
    planned = plan([A, B], {}, present)
    assert planned.adopted == (A.origin,)
    assert planned.keys[A.origin] == 6, "a live one rather than an archived one"
    assert planned.added == (B,), "elsewhere is not beside it"
