"""Tokens of unsubscribe links: ours are taken, whatever else is not."""

import base64
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.unsubscribe_tokens import (
    find_token,
    link_giver,
    read_token,
    write_token,
)

ONE, OTHER = "one-key-of-enough-length-for-a-link", "other-key-of-enough-length-for-a-link"
KEYS = LinkKeys([ONE])
BITS = 36 * 8


@given(st.uuids())
def test_a_token_says_the_hand_off_and_nothing_else(hand_off_id: UUID) -> None:
    token = write_token(hand_off_id, KEYS)
    assert read_token(token, KEYS) == hand_off_id
    assert len(token) == 48 and token.replace("-", "").replace("_", "").isalnum()


@given(st.uuids(), st.integers(0, BITS - 1))
def test_no_token_that_differs_in_a_bit_is_taken(hand_off_id: UUID, bit: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(write_token(hand_off_id, KEYS)))
    raw[bit // 8] ^= 1 << bit % 8
    assert read_token(base64.urlsafe_b64encode(raw).decode(), KEYS) is None


@given(st.uuids(), st.integers(0, 47), st.characters(codec="utf-8"))
def test_a_token_has_one_spelling(hand_off_id: UUID, place: int, char: str) -> None:
    token = write_token(hand_off_id, KEYS)
    changed = token[:place] + char + token[place + 1 :]
    assert changed == token or read_token(changed, KEYS) is None
    for other in (token[:place], token + char, token + "=", f" {token}", token + "\n"):
        assert read_token(other, KEYS) is None


@given(st.text(min_size=32, max_size=64), st.uuids())
def test_no_token_of_another_key_is_taken(key: str, hand_off_id: UUID) -> None:
    foreign = LinkKeys([key])
    assert read_token(write_token(hand_off_id, foreign), KEYS) is None


@given(st.binary(min_size=36, max_size=36))
def test_no_guess_is_taken(raw: bytes) -> None:
    named = b"\x01" + KEYS.first + raw[4:]
    for guess in (raw, named):
        assert read_token(base64.urlsafe_b64encode(guess).decode(), KEYS) is None


def test_keys_are_changed_without_breaking_links() -> None:
    hand_off_id = uuid4()
    old = write_token(hand_off_id, KEYS)
    both = LinkKeys.read(f"{OTHER}, {ONE}")
    new = write_token(hand_off_id, both)
    assert read_token(old, both) == read_token(new, both) == hand_off_id
    assert read_token(new, KEYS) is None, "the first key signs"
    only = LinkKeys([OTHER])
    assert (read_token(new, only), read_token(old, only)) == (hand_off_id, None)


@pytest.mark.parametrize("text", ["", "short", f"{ONE},", f"{ONE},short", ",".join([ONE] * 6)])
def test_bad_keys_are_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError, match="at least 32 characters") as refused:
        LinkKeys.read(text)
    assert ONE not in str(refused.value)


def test_what_is_signed_for_one_purpose_is_not_for_another() -> None:
    assert KEYS.sign(KEYS.first, "unsubscribe", b"x") != KEYS.sign(KEYS.first, "secret", b"x")
    assert KEYS.sign(b"???", "unsubscribe", b"x") is None


def test_a_link_is_given_and_found_again() -> None:
    hand_off_id = uuid4()
    link = link_giver(KEYS, "https://mail.example.fi/")(hand_off_id)
    assert link is not None
    token = write_token(hand_off_id, KEYS)
    assert link.url == f"https://mail.example.fi/u/{token}"
    assert link.headers == {
        "List-Unsubscribe": f"<{link.url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    foreign = f"<https://other.example/u/{'A' * 48}>, "
    assert find_token(f"List-Unsubscribe: {foreign}<{link.url}>", KEYS) == hand_off_id
    assert find_token(foreign, KEYS) is None
    assert find_token(f"{link.url}A", KEYS) is None
    assert link_giver(KEYS, None)(hand_off_id) is None
