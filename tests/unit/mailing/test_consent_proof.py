"""A consent log proves itself, and whatever is done to one is seen."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mailing.domain.channels import Channel
from services.mailing.domain.consent_log import FIRST, Fact, Record, What, chained, digest, line_of
from services.mailing.domain.consent_proof import Breach, prove

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEYS = st.sampled_from(["hash-a", "hash-b", "contact:1", "customer:1"])
TOPICS = st.sampled_from([None, "news"])
BANS = st.builds(
    Fact,
    what=st.sampled_from([What.BANNED, What.FENCED, What.SUPPRESSED, What.LIFTED, What.ACCEPTED]),
    channel=st.sampled_from([Channel.EMAIL, Channel.SMS]),
    key=KEYS,
    subject=st.sampled_from(["direct:1", "direct:2"]),
    topic=TOPICS,
    ends_at=st.sampled_from([None, NOON, NOON + timedelta(days=1)]),
)
HAND_OFFS = st.builds(
    Fact,
    what=st.just(What.HANDED_OFF),
    channel=st.sampled_from([Channel.EMAIL, Channel.SMS]),
    key=st.sampled_from(["hash-a", "hash-b"]),
    subject=st.sampled_from(["contact:1", "contact:2"]),
    customers=st.sampled_from([(), ("customer:1",), ("customer:2", "customer:1")]),
    topic=TOPICS,
    purpose=st.sampled_from(["marketing", "service"]),
    campaign=st.just("may"),
)


def log_of(facts: list[Fact]) -> list[Record]:
    return chained(facts, position=0, previous=FIRST, at=NOON, actor="test")


def lines_of(records: list[Record]) -> list[str]:
    return [line_of(record) for record in records]


def breaks(facts: list[Fact]) -> bool:
    """The law itself, said plainly: is there a hand-off that a standing ban speaks of?"""
    standing: list[Fact] = []
    for fact in facts:
        if fact.what in (What.BANNED, What.FENCED, What.SUPPRESSED):
            standing = [ban for ban in standing if not same(ban, fact)] + [fact]
        elif fact.what is What.LIFTED:
            standing = [ban for ban in standing if not same(ban, fact)]
        elif fact.what is What.HANDED_OFF and fact.purpose == "marketing":
            reached = {fact.key, fact.subject, *fact.customers}
            if any(
                ban.channel is fact.channel
                and ban.key in reached
                and ban.topic in (None, fact.topic)
                and (ban.ends_at is None or ban.ends_at > NOON)
                for ban in standing
            ):
                return True
    return False


def same(one: Fact, other: Fact) -> bool:
    return (one.channel, one.key, one.topic, one.subject) == (
        (other.channel, other.key, other.topic, other.subject)
    )


@pytest.mark.requirement("LS-26", "LS-A7")
@given(st.lists(st.one_of(BANS, HAND_OFFS), max_size=12))
def test_a_log_is_proven_if_and_only_if_no_hand_off_stands_after_its_ban(facts: list[Fact]) -> None:
    lines = lines_of(log_of(facts))
    if breaks(facts):
        with pytest.raises(Breach, match="hands off what position"):
            prove(lines)
    else:
        proof = prove(lines)
        assert proof.records == len(facts) == sum(proof.counts.values())


HARMLESS = st.lists(BANS, min_size=2, max_size=8)


@given(HARMLESS, st.data())
def test_a_line_that_was_changed_is_seen(facts: list[Fact], data: st.DataObject) -> None:
    records = log_of(facts)
    place = data.draw(st.integers(0, len(records) - 1))
    name = data.draw(st.sampled_from(sorted(set(records[0]) - {"customers"})))
    records[place] = {**records[place], name: "2001-01-01"}
    with pytest.raises(Breach) as seen:
        prove(lines_of(records))
    assert seen.value.lines == (line_of(records[place]),)


@given(HARMLESS, st.data())
def test_a_line_that_was_left_out_or_moved_is_seen(facts: list[Fact], data: st.DataObject) -> None:
    lines = lines_of(log_of(facts))
    place = data.draw(st.integers(0, len(lines) - 2))
    with pytest.raises(Breach, match="stands where"):
        prove([*lines[:place], *lines[place + 1 :]])
    other = data.draw(st.integers(place + 1, len(lines) - 1))
    lines[place], lines[other] = lines[other], lines[place]
    with pytest.raises(Breach, match="stands where"):
        prove(lines)


def test_a_line_in_place_of_another_is_seen_though_its_own_hash_is_right() -> None:
    facts = [Fact(What.BANNED, Channel.EMAIL, f"hash-{n}", "direct:1") for n in range(3)]
    records = log_of(facts)
    records[1] = {**records[1], "key": "hash-of-another"}
    records[1]["hash"] = digest(records[1])
    with pytest.raises(Breach, match="position 3 does not follow"):
        prove(lines_of(records))


@pytest.mark.requirement("LS-26")
def test_a_forged_hand_off_after_a_ban_is_named_with_both_lines_in_a_log_that_is_whole() -> None:
    ban = Fact(What.BANNED, Channel.EMAIL, "customer:1", "customer:1")
    other = Fact(What.BANNED, Channel.SMS, "hash-a", "direct:1")
    forged = Fact(
        What.HANDED_OFF, Channel.EMAIL, "hash-a", "contact:1", ("customer:1",), purpose="marketing"
    )
    lines = lines_of(log_of([ban, other, forged]))
    with pytest.raises(Breach) as seen:
        prove(lines)
    assert seen.value.what == "position 3 hands off what position 1 had banned"
    assert seen.value.lines == (lines[0], lines[2])


@pytest.mark.parametrize("line", ["", "x", "[]", "{}", '{"what": "banned"}', "null", "[" * 9999])
def test_what_is_no_log_is_refused_and_never_crashes(line: str) -> None:
    if line:
        with pytest.raises(Breach, match="line 1 is no record"):
            prove([line])
    else:
        assert prove([line]).records == 0
