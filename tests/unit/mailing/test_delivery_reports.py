"""What follows from reports of one address, in any order; and what a provider has signed."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.mailing.domain.delivery_reports import (
    EXPLAINED,
    BounceRules,
    Effect,
    ReportKind,
    Standing,
    effects,
)
from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.report_secrets import is_signed, is_timely, secret_of, sign

HARD, SOFT, COMPLAINT = ReportKind.HARD_BOUNCE, ReportKind.SOFT_BOUNCE, ReportKind.COMPLAINT
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RULES = BounceRules(soft_days=5, within=timedelta(days=30))
OLD = NOW - timedelta(days=30)
KEYS = LinkKeys(["one-key-of-enough-length-for-a-link"])


def done(*told: ReportKind, at: datetime = NOW, **standing: int) -> list[Effect]:
    given_ = Standing(**{"suppressed": False, "banned": False, "soft_days": 0} | standing)
    return effects([(kind, at) for kind in told], given_, RULES, now=NOW)


def test_what_a_report_does() -> None:
    assert done(HARD) == [Effect.SUPPRESSED]
    assert done(HARD, HARD) == [Effect.SUPPRESSED, Effect.STANDS]
    assert done(HARD, suppressed=True) == [Effect.STANDS]
    assert done(COMPLAINT) == [Effect.BANNED]
    assert done(COMPLAINT, banned=True) == [Effect.STANDS]
    assert done(COMPLAINT, HARD) == [Effect.BANNED, Effect.SUPPRESSED], "a bounce is no wish"
    assert done(SOFT, soft_days=4) == [Effect.KEPT]
    assert done(SOFT, soft_days=5) == [Effect.SUPPRESSED]


def test_a_bounce_ages_and_a_wish_does_not() -> None:
    assert done(HARD, SOFT, at=OLD, soft_days=5) == [Effect.LATE, Effect.LATE]
    assert done(HARD, at=OLD + timedelta(seconds=1)) == [Effect.SUPPRESSED]
    assert done(COMPLAINT, at=OLD) == [Effect.BANNED]


@given(
    st.lists(
        st.tuples(st.sampled_from(ReportKind), st.sampled_from([NOW, OLD])), min_size=1, max_size=4
    ),
    st.builds(Standing, st.booleans(), st.booleans(), st.integers(0, 7)),
)
def test_the_order_of_reports_does_not_matter(
    told: list[tuple[ReportKind, datetime]], standing: Standing
) -> None:
    brought_about = {
        (Effect.SUPPRESSED in found, Effect.BANNED in found)
        for order in permutations(told)
        for found in [effects(order, standing, RULES, now=NOW)]
    }
    assert len(brought_about) == 1


def test_every_effect_is_explained() -> None:
    assert set(EXPLAINED) == set(Effect)


@given(st.binary(max_size=60), st.integers(0, 10**9), st.data())
def test_nothing_that_was_changed_is_signed(body: bytes, moment: int, data: st.DataObject) -> None:
    secret = secret_of(uuid4(), KEYS.first, KEYS)
    other = secret_of(uuid4(), KEYS.first, KEYS)
    assert secret and other
    timestamp = str(moment)
    signature = sign(secret, timestamp, body)
    assert is_signed([other, secret], timestamp, body, signature)
    assert not is_signed([other], timestamp, body, signature)
    assert not is_signed([], timestamp, body, signature)
    for wrong in (
        (str(moment + 1), body, signature),
        (timestamp, body + b"x", signature),
        # What is moved over the point is told apart, for a timestamp has none.
        (timestamp + "0", body, signature),
        (timestamp, body, signature[:-1]),
        (timestamp, body, signature.upper() + "x"),
        (timestamp, body, "ä" * 64),
        (timestamp, body, data.draw(st.text(max_size=70).filter(lambda one: one != signature))),
    ):
        assert not is_signed([secret], *wrong)
    if body:
        place = data.draw(st.integers(0, len(body) - 1))
        flipped = bytes([*body[:place], body[place] ^ 1, *body[place + 1 :]])
        assert not is_signed([secret], timestamp, flipped, signature)


def test_a_signature_is_good_for_five_minutes() -> None:
    now = int(NOW.timestamp())
    for off in (0, 300, -300):
        assert is_timely(str(now + off), NOW)
    for off in (301, -301):
        assert not is_timely(str(now + off), NOW)
    for other in ("", "x", "-1", f"{now}.0", f" {now}", "१२३", "9" * 13):
        assert not is_timely(other, NOW)


def test_a_secret_goes_with_its_key() -> None:
    secret_id = uuid4()
    both = LinkKeys(["another-key-of-enough-length-for-it", "one-key-of-enough-length-for-a-link"])
    assert secret_of(secret_id, KEYS.first, both) == secret_of(secret_id, KEYS.first, KEYS)
    assert secret_of(secret_id, both.first, KEYS) is None
